import ArgumentParser
import Console
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

    /// Operations that are under way at once: of each source, of compaction, of tickets that are handed in.
    private static let connectionsPerSource = 2
    private static let otherConnections = 3
    /// Sources that a later configuration may add find connections, too; they are opened when needed.
    private static let sourcesMin = 8
    /// Who waits longer for MongoDB says so, and begins anew at the checkpoint: nothing is lost by that.
    private static let patienceMax = 10

    func run() async {
        Terminal.reserveDescriptors()
        let configuration: Configuration
        let database: Database
        do {
            configuration = try mongo.config.load()
            let sources = max(configuration.sources.count, Self.sourcesMin)
            database = try await mongo.connect(
                connections: sources * Self.connectionsPerSource + Self.otherConnections,
                wait: .seconds(min(mongo.wait, Self.patienceMax)),
                needsServer: false
            )
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures {
            let service = try RunningService(
                configuration,
                database,
                file: mongo.config.file ?? Terminal.environment("TAPEDESK_CONFIG")
            )
            try await service.run()
            return ExitStatus.done
        }
        // The process ends while the pool is open: see `endProcess`.
        withExtendedLifetime(database) { endProcess(status) }
    }
}
