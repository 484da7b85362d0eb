import Console
import Feeds
import Ingest
import Service
import Settings
import Tickets

/// Makes the sources of a configuration.
struct ServiceSources: Sendable {
    /// The database at each level of durability.
    private let databases: [Configuration.Durability: Database]
    private let isPrepared: Latch
    private let alerts: AlertBoard
    private let environment: ServiceEnvironment

    /// - Parameter isPrepared: the collections are there.
    init(
        _ databases: [Configuration.Durability: Database],
        isPrepared: Latch,
        alerts: AlertBoard,
        environment: ServiceEnvironment
    ) {
        self.databases = databases
        self.isPrepared = isPrepared
        self.alerts = alerts
        self.environment = environment
    }

    /// The sources, which were not started yet.
    ///
    /// - Throws: `ConfigurationProblem`.
    func make(_ configuration: Configuration) throws -> [any ServiceSource] {
        let settings = try LiveSources.settings(configuration, in: configuration.service.folder)
        let live = try zip(configuration.sources, settings).map { source, settings in
            let target = LiveSource.Target(try target(source.durability), isPrepared: isPrepared)
            return LiveSource(settings, target: target, alerts: alerts, environment: environment)
        }
        return try live + configuration.files.map { try make($0, configuration) }
    }

    private func database(_ durability: Configuration.Durability) throws -> Database {
        guard let database = databases[durability] else {
            throw ConfigurationProblem("there is no database with durability '\(durability.rawValue)'")
        }
        return database
    }

    private func target(_ durability: Configuration.Durability) throws -> Replay.Target {
        let database = try database(durability)
        return Replay.Target(writer: database.writer, operationIDs: database.operationIDs)
    }

    private func make(_ files: Configuration.Files, _ configuration: Configuration) throws -> any ServiceSource {
        let options = try FormatOptions(files)
        let database = try database(files.durability)
        let targets = ResponseTargets(configuration.tickets.targets)
        let replayer = FileReplayer(
            target: FileReplayer.Target(
                market: try target(files.durability),
                tickets: TicketReplay.Target(
                    desk: database.desk(targets: targets),
                    writer: database.writer,
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
