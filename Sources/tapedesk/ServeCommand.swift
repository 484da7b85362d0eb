import ArgumentParser
import Console
import MongoRuntime
import Service
import Settings

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Take live feeds into MongoDB, until it is told to stop.",
        discussion: """
            The sources are in the configuration. What comes is recorded on local tapes first and stored from there, \
            so MongoDB may be away: the tapes go on, and what is on them is stored when it is back, also after a crash.

            SIGTERM and SIGINT end it in order, within 10 seconds; what is not stored by then is stored after the next \
            start. SIGHUP has it read the configuration again: connections whose settings are the same go on.
            """
    )

    @OptionGroup var mongo: MongoOptions

    @Option(
        help: ArgumentHelp(
            "How to write the log: text, json or journal; default: the journal where systemd starts it, text on a "
                + "terminal, json otherwise.",
            valueName: "form"
        )
    )
    var log: ServiceLog.Form?

    /// Operations that are under way at once: of each source, of compaction, of tickets that are handed in.
    private static let connectionsPerSource = 2
    private static let otherConnections = 3
    /// Sources that a later configuration may add find connections, too; they are opened when needed.
    private static let sourcesMin = 8
    /// Who waits longer for MongoDB says so, and begins anew at the checkpoint: nothing is lost by that.
    private static let patienceMax = 10

    func run() async {
        Terminal.reserveDescriptors()
        var databases: [Configuration.Durability: Database] = [:]
        let configuration: Configuration
        do {
            configuration = try mongo.config.load()
            let sources = max(configuration.sources.count + configuration.files.count, Self.sourcesMin)
            let connections = sources * Self.connectionsPerSource + Self.otherConnections
            for durability in Configuration.Durability.allCases {
                databases[durability] = try await mongo.connect(
                    connections: min(connections, MongoConfiguration.connectionCountMax),
                    wait: .seconds(min(mongo.wait, Self.patienceMax)),
                    durability: MongoConfiguration.Durability(durability),
                    needsServer: false
                )
            }
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures { [databases] in
            let service = try RunningService(
                configuration,
                databases,
                log: ServiceLog(log ?? .usual),
                file: mongo.config
            )
            try await service.run()
            return ExitStatus.done
        }
        // The process ends while the pool is open: see `endProcess`.
        withExtendedLifetime(databases) { endProcess(status) }
    }
}

extension MongoConfiguration.Durability {
    /// The level of a configuration.
    fileprivate init(_ durability: Configuration.Durability) {
        switch durability {
        case .strict: self = .strict
        case .fast: self = .fast
        case .development: self = .development
        }
    }
}
