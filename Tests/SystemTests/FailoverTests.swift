import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// The primary of three members is killed again and again under load, `TAPEDESK_FAILOVER_KILLS` times.
    ///
    /// Not without being asked for: it takes minutes, and fifty thousand events a second beside three members of a set
    /// take more than two processors that others work on as well.
    @Suite(.timeLimit(.minutes(60)))
    struct FailoverTests {
        private static let kills =
            ProcessInfo.processInfo.environment["TAPEDESK_FAILOVER_KILLS"].flatMap(Int.init) ?? 0

        @Test(
            .enabled(if: kills > 0, "it wants the machine for itself, for minutes: set TAPEDESK_FAILOVER_KILLS=20"),
            .enabled(
                if: FileManager.default.isExecutableFile(atPath: TicketLoadTests.bench),
                "there is no tapedesk-bench: run swift build -c release"
            )
        )
        func killedPrimariesLoseAndDoubleNothing() async throws {
            var options = ReplicaSet.Options()
            options.electionTimeoutMs = 2_000
            options.oplogMegabytes = 990
            try await ReplicaSet.run(options) { set in
                let failover = try await Failover(set)
                try await failover.kill(times: Self.kills)
                try await failover.end()
                print(try await failover.pauses())
            }
        }
    }
}

/// A venue and agents who work, a daemon that stores, and a replica set whose primary is killed.
private final class Failover {
    /// Events per second.
    private static let rate = 50_000
    private static let instruments = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    private static let agents = 50
    /// How long agents work.
    private static let secondsPerKill = 22

    private let set: ReplicaSet
    private let service: ServiceDesk
    private let venue: MarketVenue
    private let daemon: RunningDaemon
    private var agents: ChildProcess?
    private var killed = 0

    init(_ set: ReplicaSet) async throws {
        self.set = set
        service = ServiceDesk(try Desk(uri: set.uri()))
        venue = try await MarketVenue.start(
            ["--rate", "\(Self.rate)", "--quotes", "20", "--instruments", "\(Self.instruments.count)"],
            in: service.desk.folder
        )
        try service.configure(
            """
            sources:
              - name: spot
                venue: binance
                symbols: [\(Self.instruments.joined(separator: ", "))]
                url: ws://127.0.0.1:\(venue.port)
            """
        )
        daemon = try service.serve()
    }

    /// Kills the primary when all members are there and everybody works, then brings it back.
    func kill(times: Int) async throws {
        try await waitForProgress()
        let seconds = min(600, 15 + times * Self.secondsPerKill)
        agents = try ChildProcess(
            [
                SystemTests.TicketLoadTests.bench, "tickets", "--mongo", set.uri(), "--database",
                "bench_\(service.desk.database)", "--agents", "\(Self.agents)", "--tickets", "20",
                "--seconds", "\(seconds)", "--connections", "16", "--think", "500",
            ],
            folder: service.desk.folder
        )
        let seed = UInt64.random(in: 0...999_999)
        print("seed of the moments of the kills: \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<times {
            try await set.waitUntilWhole()
            try await waitForProgress()
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<1_000, using: &random)))
            let primary = try await set.primary()
            primary.kill()
            killed += 1
            _ = try await set.primary()
            try await waitForProgress()
            try primary.start()
        }
    }

    private func waitForProgress() async throws {
        let daemon = daemon
        let before = try await daemon.source("spot")?["stored_events"]?.integer ?? 0
        try await poll("more is stored", within: .seconds(60)) {
            (try await daemon.source("spot")?["stored_events"]?.integer ?? 0) > before
        }
    }

    /// Lets everybody come to an end, and checks what is stored.
    func end() async throws {
        let sent = try await venue.end()
        let daemon = daemon
        try await poll("all is stored", within: .seconds(300)) {
            try await daemon.source("spot")?["waiting_bytes"]?.integer == 0
        }
        try await daemon.stop()
        print(daemon.log)
        let ending = try await agents?.wait(within: .seconds(900))
        #expect(ending?.code == 0, "\(ending?.text ?? "")\n\(ending?.error ?? "")")
        #expect(ending?.text.contains("Checked: nothing is wrong.") == true)
        print(ending?.text ?? "")
        for instrument in sent.symbols where Self.instruments.contains(instrument.symbol) {
            // A machine that is too slow for the load is cut off by the venue, and says what it missed.
            let missing = try await service.expectWhole(instrument)
            print("\(instrument.symbol): \(missing) of \(instrument.trades) trades are missing")
        }
        try await service.desk.verifyClean()
    }

    /// How long nothing was written around each kill.
    func pauses() async throws -> String {
        let collections = [
            ("events", "\(service.desk.database).market_data"),
            ("tickets", "bench_\(service.desk.database).support_requests"),
        ]
        var lines = ["\(killed) primaries were killed"]
        for (name, namespace) in collections {
            let pauses = try await set.pauses(in: namespace)
            let whole = pauses.map { $0.firstWrite - $0.lastWrite }
            let resumed = pauses.map { $0.firstWrite - $0.election }
            lines.append("\(name), last write to first write: \(Self.distribution(whole))")
            lines.append("\(name), election to first write: \(Self.distribution(resumed))")
        }
        return lines.joined(separator: "\n")
    }

    private static func distribution(_ times: [Int64]) -> String {
        let sorted = times.sorted()
        guard let longest = sorted.last else { return "none" }
        let rank = { (share: Double) in
            sorted[min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1)]
        }
        return "median \(rank(0.5)) ms, p99 \(rank(0.99)) ms, longest \(longest) ms, of \(sorted.count)"
    }
}
