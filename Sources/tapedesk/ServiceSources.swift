import Console
import DocumentStore
import Feeds
import Ingest
import Leases
import Live
import MarketData
import Service
import Settings
import Tickets

/// Makes the sources of a configuration.
struct ServiceSources: Sendable {
    /// The database at each level of durability.
    private let databases: [Configuration.Durability: Database]
    private let isPrepared: Latch
    private let alerts: AlertBoard
    private let leases: LeaseKeeper?
    private let environment: ServiceEnvironment

    /// - Parameters:
    ///   - isPrepared: the collections are there.
    ///   - leases: keeps the leases of sources that are shared; nil where none are.
    init(
        _ databases: [Configuration.Durability: Database],
        isPrepared: Latch,
        alerts: AlertBoard,
        leases: LeaseKeeper?,
        environment: ServiceEnvironment
    ) {
        self.databases = databases
        self.isPrepared = isPrepared
        self.alerts = alerts
        self.leases = leases
        self.environment = environment
    }

    /// The sources, which were not started yet.
    ///
    /// - Throws: `ConfigurationProblem`.
    func make(_ configuration: Configuration) throws -> [any ServiceSource] {
        let settings = try LiveSources.settings(configuration, in: configuration.service.folder)
        let live = try zip(configuration.sources, settings).map { source, settings in
            try makeLive(source, settings)
        }
        return try live + configuration.files.map { try makeFiles($0, configuration) }
    }

    private func makeLive(
        _ source: Configuration.Source,
        _ settings: LiveSource.Settings
    ) throws -> any ServiceSource {
        let durability = source.durability
        let alone = LiveSource(
            settings,
            target: LiveSource.Target(try target(durability), isPrepared: isPrepared),
            alerts: alerts,
            environment: environment
        )
        guard let leases else { return alone }
        let instance = leases.me.name
        let recipe = LeasedSource.Recipe(
            description: "\(settings)",
            make: { tenure in
                try LiveSources.make(LiveSources.folder(settings, instance))
                return LiveSource(
                    LiveSources.settings(settings, instance, epoch: tenure.epoch),
                    target: LiveSource.Target(try target(durability, epoch: tenure.epoch), isPrepared: isPrepared),
                    alerts: alerts,
                    environment: environment,
                    work: .record(tenure)
                )
            },
            leftovers: { lease, epoch in try leftovers(settings, durability, instance, lease, except: epoch) },
            interruptedEpoch: { LiveSources.epochs(settings, instance).last }
        )
        return LeasedSource(
            source.name,
            pin: source.instance,
            idle: alone,
            recipe: recipe,
            keeper: leases,
            environment: environment
        )
    }

    /// What stores the tapes that earlier times with the lease left, and a time before there were instances.
    private func leftovers(
        _ settings: LiveSource.Settings,
        _ durability: Configuration.Durability,
        _ instance: String,
        _ lease: Lease?,
        except epoch: Int64?
    ) throws -> [LiveSource] {
        var sources: [LiveSource] = []
        if LiveTape.exists(in: settings.folder) {
            sources.append(try rest(settings, try target(durability), receivedBefore: nil))
        }
        for old in LiveSources.epochs(settings, instance) where old != epoch {
            // Server and machines keep the time of day; to connect takes a new owner longer than they differ.
            let end = lease?.end(ofEpoch: old).map { Timestamp(nanoseconds: $0 * 1_000_000) }
            let settings = LiveSources.settings(settings, instance, epoch: old)
            sources.append(try rest(settings, try target(durability, epoch: old), receivedBefore: end))
        }
        return sources
    }

    private func rest(
        _ settings: LiveSource.Settings,
        _ target: Replay.Target,
        receivedBefore: Timestamp?
    ) throws -> LiveSource {
        LiveSource(
            settings,
            target: LiveSource.Target(target, isPrepared: isPrepared),
            environment: environment,
            work: .storeRest(receivedBefore: receivedBefore)
        )
    }

    private func database(_ durability: Configuration.Durability) throws -> Database {
        guard let database = databases[durability] else {
            throw ConfigurationProblem("there is no database with durability '\(durability.rawValue)'")
        }
        return database
    }

    /// - Parameter epoch: of the lease that writes are made under; nil where they need none.
    private func target(_ durability: Configuration.Durability, epoch: Int64? = nil) throws -> Replay.Target {
        let database = try database(durability)
        let writer = epoch.map(database.writer.fenced) ?? database.writer
        return Replay.Target(writer: writer, operationIDs: database.operationIDs)
    }

    private func makeFiles(
        _ files: Configuration.Files,
        _ configuration: Configuration
    ) throws -> any ServiceSource {
        let targets = ResponseTargets(configuration.tickets.targets)
        let alone = try makeFiles(files, targets, epoch: nil)
        guard let leases else { return alone }
        return LeasedSource(
            files.name,
            pin: files.instance,
            idle: alone,
            recipe: LeasedSource.Recipe(
                description: "\(files)",
                make: { try makeFiles(files, targets, epoch: $0.epoch) }
            ),
            keeper: leases,
            environment: environment
        )
    }

    private func makeFiles(
        _ files: Configuration.Files,
        _ targets: ResponseTargets,
        epoch: Int64?
    ) throws -> any ServiceSource {
        let options = try FormatOptions(files)
        let database = try database(files.durability)
        let market = try target(files.durability, epoch: epoch)
        let replayer = FileReplayer(
            target: FileReplayer.Target(
                market: market,
                tickets: TicketReplay.Target(
                    desk: database.desk(targets: targets),
                    writer: market.writer,
                    operationIDs: database.operationIDs
                )
            ),
            environment: environment,
            resolve: { input in
                switch try options.resolve(input) {
                case .market(let tape): .market(tape.format, venue: tape.venue, decoding: tape.decoding)
                case .tickets(let format, _): .tickets(format)
                }
            }
        )
        let intake = FileIntake(
            name: files.name,
            path: files.path,
            reading: "\(files)",
            replayer: replayer,
            isPrepared: isPrepared,
            environment: environment
        )
        switch files.kind {
        case .spool:
            let source = SpoolSource(intake)
            // A configuration with a folder that cannot be made is refused as a whole.
            try source.prepare()
            return source
        case .tail: return TailSource(intake)
        }
    }
}

extension FormatOptions {
    /// The options of a configuration, as if they had been typed.
    ///
    /// - Throws: `ConfigurationProblem` where there is no such format.
    fileprivate init(_ files: Configuration.Files) throws {
        self.init()
        let format = files.format.map(FormatName.init(rawValue:))
        if case .some(nil) = format {
            let names = FormatName.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationProblem("source '\(files.name)': there is no format '\(files.format ?? "")': \(names)")
        }
        name = format ?? nil
        map = files.map
        venue = files.venueName
        symbol = files.symbol
        date = nil
        tz = LeanFormat.defaultTimeZone
    }
}
