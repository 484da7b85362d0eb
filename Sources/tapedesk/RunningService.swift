import Alerts
import Console
import DocumentStore
import Ingest
import Leases
import Live
import MongoRuntime
import MongoStore
import Service
import Settings
import Synchronization
import TickStore
import Tickets
import WebInterface

/// The daemon of `tapedesk serve`: what the configuration asks for, put together.
final class RunningService: Sendable {
    private let database: Database
    private let databases: [Configuration.Durability: Database]
    /// The one that collections are made with: what is refused depends on what the sources ask for.
    private var preparing: Database {
        let levels = configuration.withLock { Set($0.sources.map(\.durability) + $0.files.map(\.durability)) }
        return levels == [.development] ? databases[.development] ?? database : database
    }
    private let environment: ServiceEnvironment
    private let isPrepared = Latch()
    private let stop = Latch()
    private let daemon: Daemon
    private let alerts: AlertBoard
    private let sources: ServiceSources
    private let desk: AlertDesk
    /// Keeps the leases of sources that are shared with other instances; nil where none are.
    private let leases: LeaseRounds?
    private let identity: InstanceIdentity?
    private let notifier: ServiceNotifier
    private let rates = RateMeter()
    private let started: Duration
    /// What is read again upon SIGHUP.
    private let file: ConfigOptions
    private let configuration: Mutex<Configuration>

    /// - Parameters:
    ///   - databases: the database at each level of durability.
    ///   - log: where lines for people go.
    ///   - file: what is read again upon SIGHUP.
    /// - Throws: `ConfigurationProblem`, and where the certificates of the system cannot be read.
    init(
        _ configuration: Configuration,
        _ databases: [Configuration.Durability: Database],
        log: ServiceLog,
        file: ConfigOptions
    ) throws {
        guard let database = databases[.strict] else { throw ConfigurationProblem("there is no database") }
        self.database = database
        self.databases = databases
        self.file = file
        environment = try ServiceEnvironment.system(log: log)
        started = environment.retry.now()
        try Self.check(configuration)
        try LiveSources.makeFolder(in: configuration.service.folder)
        alerts = try AlertBoard(
            rules: configuration.alerts,
            now: environment.now,
            log: { [environment] in environment.log($0, .error) }
        )
        desk = try AlertDesk(
            alerts,
            webhooks: configuration.webhooks,
            folder: configuration.service.folder + "/alerts",
            database,
            environment
        )
        identity = try Self.identity(configuration, environment)
        leases = Self.leases(configuration, identity, database, environment)
        sources = ServiceSources(
            databases,
            isPrepared: isPrepared,
            alerts: alerts,
            leases: leases?.keeper,
            environment: environment
        )
        daemon = Daemon(
            sources: try sources.make(configuration),
            compaction: Self.compaction(configuration, database),
            environment: environment,
            stop: stop
        )
        notifier = ServiceNotifier(stop)
        self.configuration = Mutex(configuration)
    }

    /// Runs until the process is told to end.
    ///
    /// - Throws: what a source, or the HTTP server, ended with.
    func run() async throws {
        let signals = StopOnSignals(stop) { [weak self] in self?.reload() }
        let server = configuration.withLock { webServer($0) }
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask { [self] in
                try await prepare()
                return .other
            }
            if let server {
                group.addTask { [environment] in
                    try await server.run { port in
                        environment.log("HTTP at port \(port): /healthz, /readyz, /metrics, /status, /alerts")
                    }
                    return .other
                }
            }
            defer { group.cancelAll() }
            group.addTask { [desk, isPrepared] in
                try await desk.run(isPrepared)
                return .other
            }
            group.addTask { [notifier] in
                await notifier.watchForTheEnd()
                return .other
            }
            if let leases {
                group.addTask {
                    try await leases.run()
                    return .other
                }
            }
            group.addTask { [self] in
                try await daemon.run { [daemon, notifier, alerts, rates, environment] in
                    notifier.tell(daemon)
                    rates.look(at: daemon.liveSources, now: environment.retry.now())
                    alerts.tick()
                }
                return .daemon
            }
            // What runs beside the daemon ends with it.
            while let part = try await group.next(), part != .daemon {}
        }
        await leases?.withdraw()
        Terminal.progress("")
        for source in daemon.liveSources { Terminal.error(ServiceText.recorded(source)) }
        withExtendedLifetime(signals) {}
    }

    private enum Part: Sendable {
        case daemon
        case other
    }

    private static func check(_ configuration: Configuration) throws {
        try configuration.checkNames()
        let hasSources = !configuration.sources.isEmpty || !configuration.files.isEmpty
        guard hasSources || configuration.http.host != nil else {
            throw ConfigurationProblem(
                "the configuration names no 'sources', and 'http' is off: there is nothing to do"
            )
        }
    }

    private static func identity(
        _ configuration: Configuration,
        _ environment: ServiceEnvironment
    ) throws -> InstanceIdentity? {
        guard configuration.service.instance != nil else { return nil }
        return try InstanceIdentity(
            in: configuration.service.folder,
            random: (environment.tapeID(), environment.tapeID())
        )
    }

    private static func leases(
        _ configuration: Configuration,
        _ identity: InstanceIdentity?,
        _ database: Database,
        _ environment: ServiceEnvironment
    ) -> LeaseRounds? {
        guard let name = configuration.service.instance, let identity else { return nil }
        return LeaseRounds(
            LeaseKeeper.Identity(name: name, identity: identity.text),
            LeaseTiming(length: configuration.service.lease ?? Configuration.Service.leaseDefault),
            store: database.store,
            operationIDs: database.operationIDs,
            environment: environment
        )
    }

    /// Creates what is missing of the collections, as soon as MongoDB is there.
    ///
    /// - Throws: `StoreError` where it is there and cannot keep the promises.
    private func prepare() async throws {
        defer { isPrepared.raise() }
        let preparing = self.preparing
        var delay = ReconnectDelay()
        while !stop.isRaised {
            do throws(StoreError) {
                try await preparing.prepare(Database.specifications)
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

    private static func compaction(_ configuration: Configuration, _ database: Database) -> Daemon.Compaction? {
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

    // MARK: HTTP

    /// Nil where HTTP is not answered.
    private func webServer(_ configuration: Configuration) -> WebServer? {
        WebServer(
            configuration.http,
            report: { [self] in report },
            alerts: alerts,
            tickets: TicketIntake(
                target: TicketReplay.Target(
                    desk: database.desk(targets: ResponseTargets(configuration.tickets.targets)),
                    writer: database.writer,
                    operationIDs: database.operationIDs
                ),
                isPrepared: { [isPrepared] in isPrepared.isRaised }
            ),
            sleep: environment.retry.sleep
        )
    }

    private var report: ServiceReport {
        var connections = ServiceReport.Connections()
        var changes = ChangeStatistics()
        for database in databases.values {
            connections.add(database.store.poolStatistics)
            changes.add(database.writer.statistics)
        }
        return daemon.report(
            changes: changes,
            connections: connections,
            alerts: alerts.report,
            waitingLetters: desk.waitingLetters,
            rates: rates,
            uptime: environment.retry.now() - started
        )
    }

    // MARK: Another configuration

    /// Reads the configuration again, and takes it over as a whole, or refuses it as a whole.
    private func reload() {
        notifier.reloading()
        defer { notifier.reloaded() }
        do {
            let new = try file.reload()
            try configuration.withLock { current in
                try Self.check(new)
                try current.refuseLastingChanges(new)
                let made = try sources.make(new)
                try alerts.replaceRules(new.alerts)
                daemon.change(to: made, compaction: Self.compaction(new, database))
                current = new
            }
            environment.log("the configuration was read again: \(new.sources.count + new.files.count) sources")
        } catch {
            environment.log("the configuration was read again, and is not taken over: \(error)", .error)
        }
    }
}

extension Configuration {
    /// Finds alerts about sources that there are not, and sources of instances where this is none.
    ///
    /// - Throws: `ConfigurationProblem`.
    func checkNames() throws {
        let assigned = sources.first { $0.instance != nil }?.name ?? files.first { $0.instance != nil }?.name
        if let assigned, service.instance == nil {
            throw ConfigurationProblem(
                "source '\(assigned)' is assigned to an instance, and 'service.instance' does not say which this is"
            )
        }
        let names = Set(sources.map(\.name))
        for alert in alerts {
            guard case .sources(let watched) = alert.scope else { continue }
            for name in watched where !names.contains(name) {
                let known = names.sorted().joined(separator: ", ")
                throw ConfigurationProblem(
                    "alert '\(alert.name)': there is no live source '\(name)', but \(known.isEmpty ? "none" : known)"
                )
            }
        }
    }

    /// Refuses changes that the running process cannot make.
    ///
    /// - Throws: `ConfigurationProblem`, which names them.
    fileprivate func refuseLastingChanges(_ new: Configuration) throws {
        let changed = [
            ("mongo", mongo != new.mongo), ("service.state", service.folder != new.service.folder),
            ("service.instance", service.instance != new.service.instance),
            ("service.lease", service.lease != new.service.lease),
            ("http", http != new.http), ("tickets", tickets != new.tickets),
            ("webhooks", webhooks != new.webhooks),
        ].filter { $0.1 }.map { "'\($0.0)'" }
        guard changed.isEmpty else {
            throw ConfigurationProblem(
                "\(changed.joined(separator: ", ")) changed, which needs a restart; nothing else was changed either"
            )
        }
    }
}

extension ServiceReport.Connections {
    fileprivate mutating func add(_ pool: ConnectionPool.Statistics) {
        open += pool.open
        leased += pool.leased
        waiting += pool.waiting
        waits += pool.waits
        turnedAway += pool.turnedAway
    }
}

extension Configuration.Service {
    /// The folder of the tapes.
    var folder: String { state ?? Self.stateDefault }
}
