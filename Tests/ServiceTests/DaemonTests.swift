import Alerts
import DocumentStore
import MarketData
import Synchronization
import TestSupport
import Testing
import WebClient

@testable import Live
@testable import Service

/// A daemon whose sources record from a venue on loopback, and nothing else.
private struct DaemonBench {
    let venue: LocalVenue
    let folder = ServiceFolder()
    let environment: ServiceEnvironment
    let stop = Latch()
    let board: AlertBoard
    /// What clients said first, in the order of their connections.
    let greetings: Collected<String>
    /// Lets the venue send more.
    let more = Gate()

    /// - Parameter pollingSleep: how pollers wait.
    init(pollingSleep: @escaping @Sendable (Duration) async throws -> Void = { _ in }) async throws {
        let (greetings, more) = (Collected<String>(), more)
        self.greetings = greetings
        venue = try await LocalVenue { _, conversation in
            greetings.add(try await conversation.receive() ?? "")
            try await conversation.send("hello")
            await more.wait()
            try await conversation.send((0..<10).map { "message \($0)" })
            while try await conversation.next() != nil {}
        }
        let time = FakeTime()
        let rest = try RestBench(WebClient())
        environment = try .test(
            retry: RetryEnvironment(
                now: { time.now },
                // Only status is looked at in time; nothing else is to happen by itself.
                sleep: { try await Task.sleep(for: $0 <= .seconds(1) ? .milliseconds(1) : .seconds(86_400)) },
                random: { 0 }
            ),
            polling: Poller.Environment(
                client: rest.client,
                now: { testTime },
                uptime: { .zero },
                chance: { 0 },
                sleep: pollingSleep
            )
        )
        board = try AlertBoard(rules: [], now: { testTime }, log: { _ in })
        try folder.make()
    }

    func source(_ name: String, folder: String? = nil, says greeting: String? = nil) throws -> LiveSource {
        LiveSource(try settings(name, folder: folder, says: greeting), target: nil, environment: environment)
    }

    func settings(_ name: String, folder: String? = nil, says greeting: String? = nil) throws -> LiveSource.Settings {
        let address = try #require(WebSocketAddress(parsing: "ws://127.0.0.1:\(venue.port)/"))
        return LiveSource.Settings(
            name: name,
            venue: "BINANCE",
            dialect: "binance",
            connections: [ConnectionPlan(name: "ws.1", address: address, messages: [greeting ?? name])],
            folder: self.folder.path + "/" + (folder ?? name),
            limits: LiveTape.Limits(bytesMax: 1 << 20),
            whenFull: .block
        )
    }

    func daemon(_ sources: LiveSource...) -> Daemon {
        Daemon(sources: sources, compaction: nil, environment: environment, stop: stop)
    }

    func report(_ daemon: Daemon) -> ServiceReport {
        daemon.report(
            changes: ChangeStatistics(),
            connections: ServiceReport.Connections(),
            alerts: board.report,
            waitingLetters: [],
            rates: RateMeter(),
            uptime: .zero
        )
    }
}

extension LiveSource {
    /// Whether its connection stands and brought something.
    fileprivate var isRecording: Bool { status.feed.open == 1 && status.feed.messages > 0 }
}

@Suite(.timeLimit(.minutes(10))) struct DaemonTests {
    /// Runs a daemon beside what is done with it, and stops it.
    private func run(
        _ daemon: Daemon,
        _ stop: Latch,
        _ body: (_ until: (() throws -> Bool) async throws -> Void) async throws -> Void
    ) async throws {
        let isOver = Latch()
        let task = Task {
            defer { isOver.raise() }
            try await daemon.run {}
        }
        do {
            // Nothing is waited for in vain where the daemon ended by itself.
            try await body { isReached in try await until { try isOver.isRaised || isReached() } }
        } catch {
            task.cancel()
            throw error
        }
        #expect(!isOver.isRaised, "the daemon ended")
        stop.raise()
        try await task.value
    }

    @Test func whatDidNotChangeGoesOnUndisturbed() async throws {
        let bench = try await DaemonBench()
        let (kept, other) = (try bench.source("a"), try bench.source("b"))
        let daemon = bench.daemon(kept)
        try await run(daemon, bench.stop) { until in
            try await until { kept.isRecording }
            daemon.change(to: [try bench.source("a"), other], compaction: nil)
            #expect(daemon.liveSources.map(ObjectIdentifier.init) == [kept, other].map(ObjectIdentifier.init))
            try await until { other.isRecording }
            // And in another order.
            daemon.change(to: [try bench.source("b"), try bench.source("a")], compaction: nil)
            #expect(daemon.liveSources.map(ObjectIdentifier.init) == [other, kept].map(ObjectIdentifier.init))
            #expect(kept.isRecording && kept.status.feed.connects == 1 && kept.status.feed.disconnects == 0)
        }
        #expect(bench.greetings.all.sorted() == ["a", "b"])
        #expect(kept.status.feed.open == 0 && other.status.feed.open == 0)
    }

    @Test func whatChangedEndsAndItsSuccessorTakesOverTheTape() async throws {
        let bench = try await DaemonBench()
        let (old, new) = (try bench.source("a", says: "old"), try bench.source("a", says: "new"))
        let daemon = bench.daemon(old)
        try await run(daemon, bench.stop) { until in
            try await until { old.isRecording }
            let before = try #require(old.status.tape).end.offset
            daemon.change(to: [new], compaction: nil)
            #expect(daemon.liveSources.first === new)
            try await until { new.isRecording }
            #expect(old.status.feed.open == 0)
            // It goes on behind what its predecessor recorded.
            #expect(before > 0 && new.status.tape.map { $0.end.offset > before } == true)
        }
        #expect(bench.greetings.all == ["old", "new"])
    }

    @Test func aSuccessorWaitsUntilItsPredecessorIsGone() async throws {
        let (gate, isPolling) = (Gate(), Latch())
        let bench = try await DaemonBench { _ in
            isPolling.raise()
            // As a request that takes long to end.
            await gate.wait()
            try Task.checkCancellation()
        }
        let server = try LocalWebServer { _ in .init(500) }
        var settings = try bench.settings("a", says: "old")
        settings.polls = [PollPlan(name: "p", server: String(server.url().dropLast()), target: "/", every: .zero)]
        let old = LiveSource(settings, target: nil, environment: bench.environment)
        // In a folder of its own, so that nothing but the daemon keeps it from starting.
        let (new, other) = (try bench.source("a", folder: "elsewhere", says: "new"), try bench.source("b"))
        let daemon = bench.daemon(old)
        try await run(daemon, bench.stop) { until in
            try await until { old.isRecording && isPolling.isRaised }
            daemon.change(to: [new, other], compaction: nil)
            try await until { other.isRecording }
            #expect(!new.status.isStarted)
            gate.open()
            try await until { new.isRecording }
        }
        #expect(bench.greetings.all == ["old", "b", "new"])
    }

    @Test func whatIsRemovedEndsAndMayComeBack() async throws {
        let bench = try await DaemonBench()
        let (removed, kept) = (try bench.source("a"), try bench.source("b"))
        let daemon = bench.daemon(removed, kept)
        try await run(daemon, bench.stop) { until in
            try await until { removed.isRecording && kept.isRecording }
            daemon.change(to: [kept], compaction: nil)
            try await until { removed.status.feed.open == 0 }
            #expect(daemon.liveSources.map(\.settings.name) == ["b"] && kept.isRecording)
            let back = try bench.source("a")
            daemon.change(to: [kept, back], compaction: nil)
            try await until { back.isRecording }
            #expect(daemon.liveSources.last === back && removed.status.feed.open == 0)
        }
    }

    @Test func aChangeThatIsTakenBackAtOnceLeavesOneRunning() async throws {
        let bench = try await DaemonBench()
        let first = try bench.source("a", says: "one")
        let daemon = bench.daemon(first)
        try await run(daemon, bench.stop) { until in
            try await until { first.isRecording }
            daemon.change(to: [try bench.source("a", says: "two")], compaction: nil)
            let last = try bench.source("a", says: "one")
            daemon.change(to: [last], compaction: nil)
            try await until { last.isRecording }
            #expect(daemon.liveSources.first === last && first.status.feed.open == 0)
        }
        #expect(bench.greetings.all.first == "one" && bench.greetings.all.last == "one")
    }

    @Test func itEndsWhenASourceCannotGoOn() async throws {
        let bench = try await DaemonBench()
        let sound = try bench.source("a", folder: "same")
        let daemon = bench.daemon(sound)
        let task = Task { try await daemon.run {} }
        try await until { sound.isRecording }
        // Two may not write one tape.
        daemon.change(to: [sound, try bench.source("b", folder: "same")], compaction: nil)
        let error = await #expect(throws: LiveTapeError.self) { try await task.value }
        #expect(error?.code == .inUse || error?.code == .damaged)
        #expect(daemon.isStopping && sound.status.feed.open == 0)
    }

    @Test func itSaysHowItIsDoing() async throws {
        let bench = try await DaemonBench()
        var settings = try bench.settings("a")
        let address = try #require(WebSocketAddress(parsing: "ws://127.0.0.1:1/"))
        let source = try bench.source("a")
        let daemon = bench.daemon(source)
        #expect(bench.report(daemon).health == .starting)
        try await run(daemon, bench.stop) { until in
            try await until { source.isRecording }
            #expect(bench.report(daemon).health == .running && bench.report(daemon).reasons.isEmpty)
            settings.connections.append(ConnectionPlan(name: "ws.2", address: address, messages: []))
            let worse = LiveSource(settings, target: nil, environment: bench.environment)
            daemon.change(to: [worse], compaction: nil)
            try await until { worse.isRecording && worse.status.feed.lastTrouble != nil }
            let report = bench.report(daemon)
            #expect(report.health == .degraded)
            #expect(report.reasons.first?.hasPrefix("a: 1 of 2 connections stand (last: ws.2: ") == true)
        }
        #expect(bench.report(daemon).health == .stopping)
    }

    @Test func ratesAreSmoothedFromOneLookToTheNext() async throws {
        let bench = try await DaemonBench()
        let source = try bench.source("a")
        let daemon = bench.daemon(source)
        let meter = RateMeter()
        try await run(daemon, bench.stop) { until in
            try await until { source.isRecording }
            meter.look(at: daemon.liveSources, now: .seconds(10))
            #expect(meter.rates(of: "a").messages == 0)
            bench.more.open()
            try await until { source.status.feed.messages == 11 }
            meter.look(at: daemon.liveSources, now: .seconds(12))
            // Ten in two seconds, of which a look counts for four tenths.
            #expect(abs(meter.rates(of: "a").messages - 2) < 1e-9)
            meter.look(at: daemon.liveSources, now: .seconds(13))
            #expect(abs(meter.rates(of: "a").messages - 1.2) < 1e-9)
            #expect(meter.rates(of: "a").events == 0 && meter.rates(of: "b").messages == 0)
            meter.look(at: [], now: .seconds(14))
            #expect(meter.rates(of: "a").messages == 0)
        }
    }
}
