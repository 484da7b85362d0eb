import Console
import Feeds
import Ingest
import Service
import Settings
import Tickets

/// Makes the sources of a configuration.
struct ServiceSources: Sendable {
    private let database: Database
    private let target: LiveSource.Target
    private let alerts: AlertBoard
    private let environment: ServiceEnvironment

    init(
        _ database: Database,
        target: LiveSource.Target,
        alerts: AlertBoard,
        environment: ServiceEnvironment
    ) {
        self.database = database
        self.target = target
        self.alerts = alerts
        self.environment = environment
    }

    /// The sources, which were not started yet.
    ///
    /// - Throws: `ConfigurationProblem`.
    func make(_ configuration: Configuration) throws -> [any ServiceSource] {
        let live = try LiveSources.settings(configuration, in: configuration.service.folder).map {
            LiveSource($0, target: target, alerts: alerts, environment: environment)
        }
        return try live + configuration.files.map { try make($0, configuration) }
    }

    private func make(_ files: Configuration.Files, _ configuration: Configuration) throws -> any ServiceSource {
        let options = try FormatOptions(files)
        let targets = ResponseTargets(configuration.tickets.targets)
        let replayer = FileReplayer(
            target: FileReplayer.Target(
                market: target.replay,
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
        switch files.kind {
        case .spool:
            return SpoolSource(
                name: files.name,
                path: files.path,
                reading: "\(files)",
                replayer: replayer,
                isPrepared: target.isPrepared,
                environment: environment
            )
        case .tail:
            return TailSource(
                name: files.name,
                path: files.path,
                reading: "\(files)",
                replayer: replayer,
                isPrepared: target.isPrepared,
                environment: environment
            )
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
