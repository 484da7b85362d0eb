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
            The sources are in the configuration. What comes is recorded on local tapes first and stored from there, so \
            MongoDB may be away: the tapes go on, and what is on them is stored when it is back, also after a crash. \
            SIGTERM and SIGINT end it in order, within 10 seconds; what is not stored by then is, after the next start.
            """
    )

    @OptionGroup var mongo: MongoOptions

    /// What each source has under way at once, and what compaction has.
    private static let connectionsPerSource = 2
    private static let compactionConnections = 1

    func run() async {
        Terminal.reserveDescriptors()
        let configuration: Configuration
        let database: Database
        do {
            configuration = try mongo.config.load()
            let wanted = configuration.sources.count * Self.connectionsPerSource + Self.compactionConnections
            database = try await mongo.connect(connections: wanted)
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures {
            let environment = try ServiceEnvironment.system()
            let stop = StopSignal()
            let signals = StopOnSignals(stop)
            let sources = try LiveSources.make(
                configuration,
                in: configuration.service.state ?? Configuration.Service.stateDefault,
                target: Replay.Target(writer: database.writer, operationIDs: database.operationIDs),
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
                group.addTask { try await prepare(database, environment, stop) }
                let notifier = ServiceNotifier(stop)
                group.addTask { try await daemon.run { notifier.tell($0) } }
                try await group.waitForAll()
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
        _ stop: StopSignal
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
                policy: CompactionPolicy(
                    retention: RetentionPolicy(rules: configuration.retention.rules.map(RetentionRule.init))
                ),
                archive: configuration.retention.archive.map(ArchiveFolder.init(path:)),
                pace: BytePace(bytesPerSecond: Int(clamping: pace), environment: database.environment)
            )
            return Daemon.Compaction(compactor, every: interval)
        }
    }
}

/// Tells people and systemd how a daemon is doing.
private final class ServiceNotifier: Sendable {
    private let notifier = SystemdNotifier(environment: Terminal.environment)
    private let stop: StopSignal
    private let state = Mutex(State())

    private struct State {
        var isReady = false
        var isStopping = false
    }

    init(_ stop: StopSignal) {
        self.stop = stop
    }

    /// Called every second.
    func tell(_ sources: [LiveSource]) {
        let line = ServiceText.line(sources)
        Terminal.progress(line)
        notifier.status(line)
        let isStarted = sources.allSatisfy { $0.status.tape != nil }
        let news = state.withLock { state in
            defer {
                state.isReady = state.isReady || isStarted
                state.isStopping = stop.isRaised
            }
            return (ready: isStarted && !state.isReady, stopping: stop.isRaised && !state.isStopping)
        }
        if news.ready { notifier.ready() }
        if news.stopping { notifier.stopping() }
        if notifier.watchdogInterval != nil { notifier.watchdog() }
    }
}
