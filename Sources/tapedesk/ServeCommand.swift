import ArgumentParser
import Configuration
import Console
import DocumentStore
import Ingest
import Live
import Service
import Synchronization
import TickStore

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Take live feeds into MongoDB, until it is told to stop.",
        discussion: """
            The sources are in the configuration. What comes is recorded on local tapes first and stored from there, \
            so MongoDB may be away: the tapes go on, and what is on them is stored when it is back, also after a crash.

            SIGTERM and SIGINT end it in order, within 10 seconds; what is not stored by then is stored after the next \
            start.
            """
    )

    @OptionGroup var mongo: MongoOptions

    /// What each source has under way at once, and what compaction has.
    private static let connectionsPerSource = 2
    private static let compactionConnections = 1
    /// Who waits longer for MongoDB says so, and begins anew at the checkpoint: nothing is lost by that.
    private static let patienceMax = 10

    func run() async {
        Terminal.reserveDescriptors()
        let configuration: Configuration
        let database: Database
        do {
            configuration = try mongo.config.load()
            let wanted = configuration.sources.count * Self.connectionsPerSource + Self.compactionConnections
            database = try await mongo.connect(
                connections: wanted,
                wait: .seconds(min(mongo.wait, Self.patienceMax)),
                needsServer: false
            )
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures {
            let environment = try ServiceEnvironment.system()
            let stop = Latch()
            let isPrepared = Latch()
            let signals = StopOnSignals(stop)
            let sources = try LiveSources.make(
                configuration,
                in: configuration.service.state ?? Configuration.Service.stateDefault,
                target: LiveSource.Target(
                    Replay.Target(writer: database.writer, operationIDs: database.operationIDs),
                    isPrepared: isPrepared
                ),
                environment: environment,
                stop: stop
            )
            let daemon = Daemon(
                sources: sources,
                compaction: compaction(configuration, database),
                environment: environment,
                stop: stop
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { isPrepared.raise() }
                    try await prepare(database, environment, stop)
                }
                let notifier = ServiceNotifier(stop)
                group.addTask { try await daemon.run { notifier.tell($0) } }
                // The first failure ends the other, which waiting for all would not.
                for try await _ in group {}
            }
            Terminal.progress("")
            for source in sources { Terminal.error(ServiceText.recorded(source)) }
            withExtendedLifetime(signals) {}
            return ExitStatus.done
        }
        // The process ends while the pool is open: see `endProcess`.
        withExtendedLifetime(database) { endProcess(status) }
    }

    /// Creates what is missing of the collections, as soon as MongoDB is there.
    ///
    /// - Throws: `StoreError` where it is there and cannot keep the promises.
    private func prepare(
        _ database: Database,
        _ environment: ServiceEnvironment,
        _ stop: Latch
    ) async throws {
        var delay = ReconnectDelay()
        while !stop.isRaised {
            do throws(StoreError) {
                try await database.prepare(MarketDataCollections.all)
                return
            } catch {
                guard error.isTransient else {
                    stop.raise()
                    throw error
                }
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            }
        }
    }

    private func compaction(_ configuration: Configuration, _ database: Database) -> Daemon.Compaction? {
        configuration.service.compactEvery.map { interval in
            let pace = configuration.service.compactPace ?? Configuration.Service.compactPaceDefault
            let compactor = Compactor(
                writer: database.writer,
                operationIDs: database.operationIDs,
                policy: CompactionPolicy(retention: configuration.retention.policy),
                archive: configuration.retention.archiveFolder,
                pace: BytePace(bytesPerSecond: Int(clamping: pace), environment: database.environment)
            )
            return Daemon.Compaction(compactor, every: interval)
        }
    }
}

/// Tells people and systemd how a daemon is doing.
private final class ServiceNotifier: Sendable {
    private let notifier = SystemdNotifier(environment: Terminal.environment)
    private let stop: Latch
    private let state = Mutex(State())

    private struct State {
        var isReady = false
        var isStopping = false
        /// Up to where each source was confirmed when it was looked at last.
        var confirmed: [Int64] = []
        /// For how many seconds some source has had something to store, and nothing was confirmed.
        var stuckFor = 0
    }

    /// Commits of one stretch may take so long.
    private static let stuckMax = 30

    init(_ stop: Latch) {
        self.stop = stop
    }

    /// Called every second.
    func tell(_ sources: [LiveSource]) {
        let line = ServiceText.line(sources)
        Terminal.progress(line)
        notifier.status(line)
        let isStarted = sources.allSatisfy { $0.status.tape != nil }
        let statuses = sources.map(\.status)
        let news = state.withLock { state in
            defer {
                state.isReady = state.isReady || isStarted
                state.isStopping = stop.isRaised
            }
            let isStuck = Self.isStuck(statuses, since: state.confirmed)
            state.stuckFor = isStuck ? state.stuckFor + 1 : 0
            state.confirmed = statuses.map(\.confirmed)
            return (
                ready: isStarted && !state.isReady,
                stopping: stop.isRaised && !state.isStopping,
                moving: state.stuckFor < Self.stuckMax
            )
        }
        if news.ready { notifier.ready() }
        if news.stopping { notifier.stopping() }
        if notifier.watchdogInterval != nil, news.moving { notifier.watchdog() }
    }

    /// Whether a source has something to store, nothing is known to keep it from that, and nothing was confirmed.
    private static func isStuck(_ statuses: [LiveSource.Status], since confirmed: [Int64]) -> Bool {
        zip(statuses, confirmed).contains { status, before in
            status.waitingBytes > 0 && status.trouble == nil && status.confirmed == before
        }
    }
}
