import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Everything that goes wrong in months, in some minutes: `TAPEDESK_SOAK_SECONDS`, or three minutes.
    @Suite(.timeLimit(.minutes(2_000)))
    struct SoakTests {
        private static let seconds =
            ProcessInfo.processInfo.environment["TAPEDESK_SOAK_SECONDS"].flatMap(Double.init) ?? 180
        /// Events per second.
        private static let rate = 10_000
        private static let instruments = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        /// Memory may grow by so much from the first third to the last one.
        private static let growthMax = 64.0 * 1_048_576

        @Test func nothingIsLostOrDoubledWhateverHappens() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let soak = try await Soak(at: server, seconds: Self.seconds, rate: Self.rate, Self.instruments)
            try await soak.run()
            let sent = try await soak.end()
            for instrument in sent.symbols where Self.instruments.contains(instrument.symbol) {
                let missing = try await soak.service.expectWhole(instrument)
                #expect(missing < instrument.trades / 2, "\(instrument.symbol): of \(instrument.trades)")
                print("\(instrument.symbol): \(missing) of \(instrument.trades) trades are missing")
            }
            try await soak.service.desk.verifyClean()
            let growth = soak.memoryGrowth
            #expect(growth < Self.growthMax, "memory grew by \(Int(growth)) bytes")
            print(soak.summary)
        }
    }
}

/// A venue, a daemon, and what happens to them.
private final class Soak {
    let service: ServiceDesk
    private let server: LocalMongo
    private let venue: MarketVenue
    private let proxy: TCPProxy
    private let seconds: Double
    private var daemon: RunningDaemon
    private var samples: [(memory: Double, p99: Double)] = []
    private var trouble: [String] = []

    private typealias Clock = ContinuousClock

    init(at server: LocalMongo, seconds: Double, rate: Int, _ instruments: [String]) async throws {
        self.server = server
        self.seconds = seconds
        service = try await ServiceDesk(at: server)
        venue = try await MarketVenue.start(
            ["--rate", "\(rate)", "--quotes", "20", "--skip-every", "20000", "--instruments", "\(instruments.count)"],
            in: service.desk.folder
        )
        proxy = try TCPProxy(target: venue.port)
        try Self.configure(service, proxy.port, rest: venue.port, instruments, more: "")
        daemon = try service.serve()
        self.instruments = instruments
        restPort = venue.port
    }

    private let instruments: [String]
    private let restPort: UInt16

    private static func configure(
        _ service: ServiceDesk,
        _ port: UInt16,
        rest: UInt16,
        _ instruments: [String],
        more: String
    ) throws {
        // The tape is so small that the longest outage fills it: what does not fit is dropped, and becomes a gap.
        try service.configure(
            """
            sources:
              - name: spot
                venue: binance
                symbols: [\(instruments.joined(separator: ", "))]
                url: ws://127.0.0.1:\(port)
                rest_url: http://127.0.0.1:\(rest)
                when_full: drop
                tape_bytes: 24MB
            \(more)
            alerts:
              - { name: hole, gap: 1, cool_down: 10s }
            """
        )
    }

    /// Lets one thing after the other go wrong until the time is over.
    func run() async throws {
        let end = Clock.now + .seconds(seconds)
        try await look(until: Clock.now + .seconds(seconds / 12))
        var round = 0
        while Clock.now < end {
            try await goWrong(round)
            round += 1
            try await look(until: min(end, Clock.now + .seconds(seconds / 12)))
        }
    }

    private func goWrong(_ round: Int) async throws {
        switch round % 6 {
        case 0:
            trouble.append("the daemon is killed")
            try await daemon.kill()
            daemon = try service.serve()
        case 1:
            trouble.append("MongoDB is killed for 4 s")
            server.kill()
            try await look(until: Clock.now + .seconds(4))
            try await server.restart()
        case 2:
            trouble.append("the network to the venue is cut")
            proxy.cut()
        case 3:
            trouble.append("the configuration is read again")
            let more =
                "  - { name: bars, kind: poll, venue: binance, symbols: [\(instruments[0])], every: 2s, "
                + "url: \"http://127.0.0.1:\(restPort)\" }"
            let isThere = try String(contentsOfFile: service.file, encoding: .utf8).contains("kind: poll")
            try Self.configure(service, proxy.port, rest: restPort, instruments, more: isThere ? "" : more)
            daemon.program.hangUp()
        case 4:
            trouble.append("MongoDB is away until the tape is full")
            server.kill()
            let daemon = daemon
            try await poll("the tape is full", within: .seconds(120)) {
                (try await daemon.source("spot")?["dropped_messages"]?.integer ?? 0) > 0
            }
            try await server.restart()
        default:
            trouble.append("MongoDB and the daemon are killed")
            server.kill()
            try await daemon.kill()
            try await server.restart()
            daemon = try service.serve()
        }
    }

    /// Notes memory and times, every half second.
    private func look(until end: Clock.Instant) async throws {
        while Clock.now < end {
            try await Task.sleep(for: .milliseconds(500))
            guard let status = try? await daemon.status(), let source = try? await daemon.source("spot"),
                let memory = status["memory_bytes"]?.double, let p99 = source["lag_seconds_p99"]?.double
            else { continue }
            samples.append((memory, p99))
        }
    }

    /// Ends the venue, then the daemon when all is stored, and answers what was sent.
    func end() async throws -> SentTrades {
        let sent = try await venue.end()
        let daemon = daemon
        try await poll("all is stored", within: .seconds(120)) {
            try await daemon.source("spot")?["waiting_bytes"]?.integer == 0
        }
        try await daemon.stop()
        proxy.stop()
        return sent
    }

    /// From the median of the first third to that of the last one.
    var memoryGrowth: Double {
        let memories = samples.map(\.memory)
        let third = memories.count / 3
        guard third > 0 else { return 0 }
        return memories.suffix(third).sorted()[third / 2] - memories.prefix(third).sorted()[third / 2]
    }

    var summary: String {
        let times = samples.map(\.p99)
        let third = max(1, times.count / 3)
        let (early, late) = (times.prefix(third).sorted(), times.suffix(third).sorted())
        let memory = samples.map(\.memory).max() ?? 0
        return
            (trouble + [
                "p99 from receipt to storage: \(early.isEmpty ? 0 : early[early.count / 2]) s at first, "
                    + "\(late.isEmpty ? 0 : late[late.count / 2]) s at last; at most \(Int(memory)) bytes of memory"
            ]).joined(separator: "\n")
    }
}
