import Foundation
import TestSupport
import Testing

/// A venue that sends everybody the same numbered trades, a thousand a second, and daemons that share its sources.
final class SharedDesk: Sendable {
    let desk: Desk
    private let venue: LocalVenue
    private let sources: [String]

    init(sources: [String] = ["spot"]) async throws {
        self.sources = sources
        desk = try await Desk()
        let start = ContinuousClock.now
        let present = { @Sendable in Int((ContinuousClock.now - start) / .milliseconds(1)) }
        venue = try await LocalVenue { _, conversation in
            let greeting = try await conversation.receive() ?? ""
            let symbol = Self.symbol(in: greeting)
            var next = present()
            while true {
                try await Task.sleep(for: .milliseconds(5))
                let end = present()
                guard end > next else { continue }
                try await conversation.send((next..<end).map { TradeVenue.trade($0, price: "100.0", symbol: symbol) })
                next = end
            }
        }
    }

    /// The symbol that a client asked for: each source has its own.
    private static func symbol(in greeting: String) -> String {
        let name = greeting.components(separatedBy: "\"").first { $0.hasSuffix("@trade") } ?? "none@trade"
        return name.dropLast("@trade".count).uppercased()
    }

    private static func symbol(of source: String) -> String { source.uppercased() + "USDT" }

    /// Starts a daemon.
    ///
    /// - Parameters:
    ///   - instance: its name.
    ///   - state: the folder of its state; nil for one of its own.
    func serve(_ instance: String, state: String? = nil) throws -> RunningDaemon {
        let list = sources.map { source in
            """
              - name: \(source)
                venue: binance
                symbols: [\(Self.symbol(of: source))]
                events: [trade]
                url: ws://127.0.0.1:\(venue.port)
            """
        }
        let file = try desk.file(
            "tapedesk-\(instance)-\(UInt64.random(in: 0 ... .max)).yaml",
            """
            service:
              state: \(desk.folder)/\(state ?? "state-" + instance)
              instance: \(instance)
              lease: 2s
            http: { listen: "127.0.0.1:0" }
            sources:
            \(list.joined(separator: "\n"))
            """
        )
        return try RunningDaemon(desk: desk, file: file)
    }

    /// The sources that a daemon has the leases of.
    func held(by daemon: RunningDaemon) async throws -> Set<String> {
        let sources = try await daemon.status()["sources"]?.elements ?? []
        return Set(sources.filter { $0["lease"]?["held"] == .bool(true) }.compactMap { $0["source"]?.text })
    }

    /// The numbers of the trades that are stored of a source, in the order of the export.
    func stored(_ source: String = "spot") async throws -> [Int] {
        try await desk.tradeNumbers(of: "BINANCE:" + Self.symbol(of: source))
    }

    /// Waits until a daemon has stored trades that it received under its present lease.
    func waitUntilItStores(_ daemon: RunningDaemon, _ source: String = "spot") async throws {
        try await poll("the daemon stores", within: .seconds(60)) {
            guard let status = try await daemon.source(source), status["lease"]?["held"] == .bool(true) else {
                return false
            }
            return (status["stored_events"]?.integer ?? 0) > 500
        }
    }

    /// Trades are stored once and in order, with no more holes than there were takeovers; answers the holes.
    func expectWhole(
        _ source: String = "spot",
        takeovers: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [ClosedRange<Int>] {
        let numbers = try await stored(source)
        let pairs = zip(numbers, numbers.dropFirst())
        #expect(!numbers.isEmpty && pairs.allSatisfy { $0 < $1 }, sourceLocation: sourceLocation)
        let holes = pairs.filter { $1 > $0 + 1 }.map { ($0 + 1)...($1 - 1) }
        #expect(holes.count <= takeovers, "\(holes)", sourceLocation: sourceLocation)
        return holes
    }
}
