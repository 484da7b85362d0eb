import ArgumentParser
import Console
import DocumentStore
import Feeds
import Ingest
import JSONOutput
import MarketData
import Settings
import TickStore
import Tickets

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Apply recorded feeds to MongoDB, each event exactly once.",
        discussion: """
            Files may be compressed (gzip, zstd, zip); - reads the standard input. A replay that was interrupted \
            goes on where it stopped; one that is repeated stores nothing twice.

            Exit code 1 says that records were rejected or that a file ended early; all others were stored.
            """
    )

    @Argument(help: ArgumentHelp("Recordings.", valueName: "file"))
    var files: [String]

    @OptionGroup var format: FormatOptions
    @OptionGroup var mongo: MongoOptions

    @Option(help: "Name of the source; default: venue and file name.")
    var source: String?

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Only these symbols.", valueName: "symbol"))
    var only: [String] = []

    @Option(help: ArgumentHelp("Pace: max, or a multiple of the recorded one such as 1x or 10x.", valueName: "pace"))
    var speed = Pace(multiple: nil)

    @Option(help: ArgumentHelp("Stop after the first N records.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Do everything but write; needs no database.")
    var dryRun = false

    @Flag(help: "Read from the start, whatever was applied before. Still stores nothing twice.")
    var fromStart = false

    @Flag(help: "Print one JSON document for each file.")
    var json = false

    func validate() throws {
        if source != nil, files.count > 1 {
            throw ValidationError("--source names one source; there are several files")
        }
        if let limit, limit < 0 { throw ValidationError("--limit takes a number of records") }
    }

    func run() async {
        if dryRun {
            endProcess(
                await reportingFailures {
                    try mongo.config.check()
                    return try await replayAll(nil)
                }
            )
        }
        await mongo.run { database in try await replayAll(database) }
    }

    private func replayAll(_ database: Database?) async throws -> ExitCode {
        var status = ExitStatus.done
        for file in files {
            let result = try await replay(file, database)
            if result.rawValue > status.rawValue { status = result }
        }
        return status
    }

    private func replay(_ file: String, _ database: Database?) async throws -> ExitCode {
        let input = try TapeInput.open(path: file)
        let meter = ProgressMeter(name: input.name, totalBytes: input.totalBytes, progress: input.progress)
        let start = ContinuousClock.now
        let summary: ReplaySummary
        switch try format.resolve(input) {
        case .market(let tape):
            let source = source ?? "\(tape.venue)/\(file == "-" ? "stdin" : input.name)"
            let report = try await replay(input, tape, source, database, meter)
            summary = ReplaySummary(source: source, format: tape.format.name, report: report, isDryRun: dryRun)
        case .tickets(let format, let usual):
            let source = source ?? usual
            let name = TapeIdentity(head: input.head).name("\(source)/\(file == "-" ? "stdin" : input.name)")
            let report = try await replay(
                input,
                format,
                TicketReplay.Options(source: source, tape: name),
                database,
                meter
            )
            summary = ReplaySummary(source: source, format: format.name, report: report, isDryRun: dryRun)
        }
        meter.clear()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        if json {
            Terminal.output(summary.json(seconds: seconds).text)
        } else {
            Terminal.output(summary.text(seconds: seconds))
            if let database, summary.report.counts.eventTotal > 0, !summary.isTickets {
                let overview = try await InstrumentTable.load(database.writer, source: summary.source)
                Terminal.output(overview.text)
            }
        }
        return explain(summary.report, file)
    }

    private func replay(
        _ input: sending TapeInput,
        _ tape: FormatOptions.Tape,
        _ source: String,
        _ database: Database?,
        _ meter: ProgressMeter
    ) async throws -> ReplayReport {
        try await database?.prepare(MarketDataCollections.all)
        var options = Replay.Options(source: source, venue: tape.venue, decoding: tape.decoding)
        options.only = only.isEmpty ? nil : Set(only)
        options.speed = speed.multiple
        options.startsOver = fromStart
        let replay = Replay(
            options,
            format: tape.format,
            target: database.map { Replay.Target(writer: $0.writer, operationIDs: $0.operationIDs) },
            environment: .system,
            onProgress: { meter.show($0) }
        )
        return try await replay.run(input, recordLimit: limit)
    }

    private func replay(
        _ input: sending TapeInput,
        _ format: any TicketFormat,
        _ options: TicketReplay.Options,
        _ database: Database?,
        _ meter: ProgressMeter
    ) async throws -> ReplayReport {
        guard only.isEmpty, speed.multiple == nil else {
            throw ValidationError("--only and --speed are for market data; \(format.name) holds tickets")
        }
        try await database?.prepare(Database.ticketSpecifications)
        var options = options
        options.startsOver = fromStart
        let targets = ResponseTargets(try mongo.config.load().tickets.targets)
        let replay = TicketReplay(
            options,
            format: format,
            target: database.map { database in
                TicketReplay.Target(
                    desk: database.desk(targets: targets),
                    writer: database.writer,
                    operationIDs: database.operationIDs
                )
            },
            onProgress: { meter.show($0) }
        )
        return try await replay.run(input, recordLimit: limit)
    }

    /// Says on stderr what is not as it should be, and what the exit code is for it.
    private func explain(_ report: ReplayReport, _ file: String) -> ExitCode {
        var status = ExitStatus.done
        if case .failure(let error) = report.end {
            Terminal.error("tapedesk: \(error)")
            status = ExitStatus.foundProblems
        }
        if let place = report.truncatedAt {
            Terminal.error(
                "tapedesk: \(file): line \(place.line + 1), offset \(place.offset): the file ends in the middle of a "
                    + "record. \(dryRun ? "" : "All before it is stored; ")replay the file again when it is whole"
            )
            status = ExitStatus.foundProblems
        }
        if report.unfollowedStreams > 0 {
            Terminal.error(
                "tapedesk: \(file): gaps and duplicates were not looked for in \(report.unfollowedStreams) streams: "
                    + "\(Sequencer.followedMax) of a source are followed. Split the recording to have all followed"
            )
        }
        if !report.counts.rejected.isEmpty {
            for rejected in report.rejectedSamples {
                Terminal.error(
                    "tapedesk: \(file): line \(rejected.position.line + 1): \(rejected.rule.rawValue): "
                        + rejected.reason
                )
            }
            let total = report.counts.rejected.values.reduce(0, +)
            let place = dryRun ? "" : "; they are in the collection 'rejects'"
            Terminal.error("tapedesk: \(file): \(total) records were rejected\(place)")
            status = ExitStatus.foundProblems
        }
        return status
    }
}

/// How fast recorded time passes.
struct Pace: ExpressibleByArgument {
    /// Nil for as fast as possible.
    let multiple: Double?

    init(multiple: Double?) {
        self.multiple = multiple
    }

    init?(argument: String) {
        if argument == "max" {
            multiple = nil
        } else if argument.hasSuffix("x"), let number = Double(argument.dropLast()), number > 0, number <= 1_000_000 {
            multiple = number
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { multiple.map { "\($0)x" } ?? "max" }
}
