import Foundation
import Synchronization
import TestSupport

/// A venue that sends what a test wants it to send, to the client that came last.
final class TradeVenue: Sendable {
    private let venue: LocalVenue
    private let state: Shared

    private final class Shared: Sendable {
        let value = Mutex(State())
    }

    private struct State {
        var connections = 0
        var waiting: [String] = []
        /// The connection that is to be cut.
        var cut = 0
    }

    init() async throws {
        let state = Shared()
        self.state = state
        venue = try await LocalVenue { number, conversation in
            guard try await conversation.receive() != nil else { return }
            state.value.withLock { $0.connections = number }
            while true {
                let texts = state.value.withLock { state -> [String]? in
                    guard state.connections == number, state.cut < number else { return nil }
                    defer { state.waiting = [] }
                    return state.waiting
                }
                guard let texts else { return }
                if !texts.isEmpty { try await conversation.send(texts) }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    var url: String { "ws://127.0.0.1:\(venue.port)" }

    /// The number of the client that subscribed last, which is how many there were so far.
    var connections: Int { state.value.withLock { $0.connections } }

    /// Sends texts: to the present client, so wait for that one first.
    func send(_ texts: [String]) { state.value.withLock { $0.waiting += texts } }

    /// Sends trades with these numbers, at prices around one.
    func trade(_ numbers: some Sequence<Int>, price: Int = 100, symbol: String = "BTCUSDT") {
        send(numbers.map { Self.trade($0, price: "\(price).\($0 % 10)", symbol: symbol) })
    }

    /// Cuts the present connection.
    func cut() { state.value.withLock { $0.cut = $0.connections } }

    /// The message of a trade, as Binance sends it.
    static func trade(_ number: Int, price: String, symbol: String = "BTCUSDT") -> String {
        let time = 1_723_161_255_000 + number
        return #"{"stream":"\#(symbol.lowercased())@trade","data":{"e":"trade","E":\#(time),"s":"\#(symbol)","#
            + #""t":\#(number),"p":"\#(price)","q":"0.5","T":\#(time),"m":false}}"#
    }

    /// The lines of a source in a configuration.
    func source(_ name: String, symbols: String = "BTCUSDT", _ more: String...) -> String {
        let lines = ["venue: binance", "symbols: [\(symbols)]", "events: [trade]", "url: \(url)"] + more
        return "  - name: \(name)\n" + lines.map { "    \($0)\n" }.joined()
    }
}

extension ServiceDesk {
    /// Starts a daemon that stores the trades of a venue, as source "spot", and waits until it has the first hundred.
    func serve(hundredTradesOf venue: TradeVenue) async throws -> RunningDaemon {
        try configure("sources:\n" + venue.source("spot"))
        let daemon = try serve()
        try await poll("the daemon is connected") { venue.connections > 0 }
        venue.trade(1...100)
        try await poll("all is stored") { try await self.stored().count == 100 }
        return daemon
    }
}
