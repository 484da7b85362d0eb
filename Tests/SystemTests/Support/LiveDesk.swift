import Foundation
import Synchronization
import TestSupport
import Testing

/// A desk with a venue that sends trades as fast as it is told to, and a daemon that takes them.
final class LiveDesk: Sendable {
    static let symbol = "BINANCE:BTCUSDT"

    let desk: Desk
    let venue: LocalVenue
    private let counter: Counter
    private let configuration: String

    /// Numbers trades over all connections.
    private final class Counter: Sendable {
        let sent = Atomic<Int>(0)
        let isSilent = Atomic<Bool>(false)
    }

    /// - Parameters:
    ///   - server: a server that the test started itself; nil for the shared one.
    ///   - options: lines of the source in the configuration.
    init(at server: LocalMongo? = nil, options: String = "") async throws {
        desk = try await Desk(at: server)
        let counter = Counter()
        self.counter = counter
        venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            while true {
                // Ten thousand a second.
                try await Task.sleep(for: .milliseconds(5))
                if counter.isSilent.load(ordering: .acquiring) { continue }
                let last = counter.sent.add(50, ordering: .acquiringAndReleasing).newValue
                try await conversation.send(((last - 49)...last).map(Self.trade))
            }
        }
        configuration = try desk.file(
            "tapedesk.yaml",
            """
            service:
              state: \(desk.folder)/state
            http: { listen: "127.0.0.1:0" }
            sources:
              - name: spot
                venue: binance
                symbols: [BTCUSDT]
                events: [trade]
                url: ws://127.0.0.1:\(venue.port)
            \(options)
            """
        )
    }

    private static func trade(_ number: Int) -> String {
        let time = 1_723_161_255_000 + number / 10
        return #"{"stream":"btcusdt@trade","data":{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(number),"#
            + #""p":"60000.\#(number % 90 + 10)","q":"0.5","T":\#(time),"m":false}}"#
    }

    /// How many trades the venue has sent, over whatever connection.
    var sent: Int { counter.sent.load(ordering: .acquiring) }

    /// Lets the venue send nothing more, and waits until all that was recorded is stored, behind `before` trades of
    /// earlier tapes: how fast a machine catches up is not what is tested.
    func settle(behind before: Int = 0) async throws {
        counter.isSilent.store(true, ordering: .releasing)
        try await wait { try await stored().count == before + recorded().count }
    }

    /// Lets the venue go on.
    func resume() { counter.isSilent.store(false, ordering: .releasing) }

    func serve(_ arguments: String...) throws -> ChildProcess {
        try desk.start(["serve", "--config", configuration, "--wait", "3"] + arguments)
    }

    /// Runs tapedesk with the configuration, without a database.
    func runAlone(_ arguments: String...) async throws -> Ending {
        try await desk.runAlone(arguments + ["--config", configuration])
    }

    /// Waits until something holds; a test fails where it never does.
    func wait(
        within limit: Duration = .seconds(40),
        until isOver: () async throws -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !isOver() {
            guard ContinuousClock.now < deadline else {
                Issue.record("it did not come to pass within \(limit)", sourceLocation: sourceLocation)
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The numbers of the trades that are on the tape, in its order.
    func recorded(in folder: String? = nil) throws -> [Int] {
        let folder = folder ?? desk.folder + "/state/tapes/spot"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".tape") }
        var numbers: [Int] = []
        for name in names.sorted() {
            let text = String(decoding: try Data(contentsOf: URL(filePath: folder + "/" + name)), as: UTF8.self)
            for part in text.components(separatedBy: "\"t\":").dropFirst() {
                numbers.append(Int(part.prefix { $0.isASCII && $0.isNumber }) ?? -1)
            }
        }
        return numbers
    }

    /// The numbers of the trades that are stored, in the order of the export.
    func stored() async throws -> [Int] {
        try await desk.tradeNumbers(of: Self.symbol)
    }

    /// How many records of the tape are confirmed; zero where the database does not tell.
    func confirmed() async -> Int {
        (try? await desk.status().sources.first { $0.source == "spot" }?.records) ?? 0
    }

    /// Everything on the tape is stored, once, in order.
    func expectStoresWhatWasRecorded(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let (recorded, stored) = (try recorded(), try await stored())
        #expect(!recorded.isEmpty && recorded == stored, sourceLocation: sourceLocation)
        try await desk.verifyClean(sourceLocation: sourceLocation)
    }
}
