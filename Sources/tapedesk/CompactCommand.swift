import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MarketData
import Settings
import TickStore

struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Seal market data whose windows are over, roll it up into segments of a day, apply retention.",
        discussion: """
            Without --once it runs again and again, until SIGTERM or SIGINT. It may be stopped or killed at any \
            moment, and run beside ingest, readers and other compactions: what is stored is whole at every moment, and \
            the next run goes on from there.

            The rules of retention in the configuration say which events are deleted, and when; without rules, none \
            are. --dry-run lists them. 'tapedesk restore' brings them back from the archive.

            Exit code 1 says that damaged data was found; it is named, and left as it is. Exit code 2 says that the \
            archive did not take what was to be deleted: it is not deleted.
            """
    )

    @OptionGroup var mongo: MongoOptions

    @Flag(help: "One run, then end.") var once = false
    @Flag(help: "Print what would be done next, with sizes, and do nothing.") var dryRun = false

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Only these instruments.", valueName: "venue:symbol"))
    var symbol: [Instrument] = []

    @Option(help: ArgumentHelp("Only windows that end at this time or before.", valueName: "time"))
    var before: Timestamp?

    @Option(
        help: ArgumentHelp(
            """
            How long after the end of a window late events are waited for, by the event times of its source; \
            default: 15m, and the last windows of complete tapes are taken as well.
            """,
            valueName: "duration"
        )
    )
    var grace: DurationArgument?

    @Flag(help: "Take windows that are still open as well.") var all = false

    @Option(help: ArgumentHelp("Pause between two runs, without --once.", valueName: "duration"))
    var every = DurationArgument(duration: .seconds(60))

    @Option(help: ArgumentHelp("Take at most so many bytes of blocks per second.", valueName: "bytes"))
    var pace: Int?

    @Flag(help: "Print one JSON document for each run.") var json = false

    func validate() throws {
        if let pace, pace < 1 { throw ValidationError("--pace takes a number of bytes") }
    }

    /// How many instruments, and steps of each, are worked on at once.
    private static let workers = 3

    func run() async {
        await mongo.run(connections: Self.workers * Self.workers) { database in
            let retention = try mongo.config.load().retention
            if !dryRun { try await database.prepare(MarketDataCollections.all) }
            let compactor = Compactor(
                writer: database.writer,
                operationIDs: database.operationIDs,
                policy: policy(retention),
                archive: retention.archiveFolder,
                pace: pace.map {
                    BytePace(bytesPerSecond: max(1, $0 / Self.workers), environment: database.environment)
                }
            )
            if dryRun { return try await printPlan(compactor) }
            let runs = CompactionRuns(
                compactor: compactor,
                instruments: instruments,
                workers: Self.workers,
                every: once ? nil : every.duration,
                isJSON: json,
                environment: database.environment
            )
            return try await runs.untilStopped()
        }
    }

    private func policy(_ retention: Configuration.Retention) -> CompactionPolicy {
        CompactionPolicy(
            grace: grace.map { $0.duration.components.seconds * 1_000_000_000 } ?? CompactionPolicy.graceDefault,
            takesOpenWindows: all,
            takesEndsOfTapes: grace == nil,
            before: before,
            retention: retention.policy
        )
    }

    private var instruments: [Instrument]? { symbol.isEmpty ? nil : symbol }

    private func printPlan(_ compactor: Compactor) async throws -> ExitCode {
        let steps = try await compactor.plan(instruments: instruments)
        if json {
            let list = JSONText.array(steps.map(CompactionSummary.document))
            Terminal.output(JSONText.object([("steps", list)]).text)
            return ExitStatus.done
        }
        for step in steps { Terminal.output(CompactionSummary.line(step)) }
        let bytes = steps.reduce(0) { $0 + $1.bytes }
        Terminal.output(
            steps.isEmpty
                ? "Nothing to do."
                : "\(steps.count.grouped) steps, \(bytes.grouped) bytes. What they lead to is planned then."
        )
        return ExitStatus.done
    }
}
