import ArgumentParser
import Console
import DocumentStore
import MarketData
import MongoRuntime
import TickStore

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print every stored event of an instrument, in order of event time, then position."
    )

    @OptionGroup var mongo: MongoOptions

    @Option(help: ArgumentHelp("Instrument.", valueName: "venue:symbol"))
    var symbol: Instrument

    @Option(help: ArgumentHelp("Kind of event.", valueName: "kind"))
    var kind: EventKind

    @Option(
        help: ArgumentHelp(
            "With --kind candle: bars made from all trades: 1s, 1m, 5m, 1h or 1d; without it, bars that feeds sent.",
            valueName: "interval"
        )
    )
    var interval: CandleInterval?

    @Option(help: ArgumentHelp("From this event time on: RFC 3339 or Unix time.", valueName: "time"))
    var from: Timestamp?

    @Option(help: ArgumentHelp("Before this event time.", valueName: "time"))
    var to: Timestamp?

    @Option(help: ArgumentHelp("Only the newest N of these events.", valueName: "n"))
    var last: Int?

    @Option(help: ArgumentHelp("csv or ndjson.", valueName: "format"))
    var format = ExportFormat.csv

    @Flag(help: "Read from a secondary where there is one: spares the primary, and shows the same.")
    var fromSecondary = false

    @Option(
        help: ArgumentHelp(
            "With --from-secondary: ask none that is further behind, at least 90s (the default).",
            valueName: "duration"
        )
    )
    var maxStaleness: DurationArgument?

    func validate() throws {
        if let maxStaleness {
            guard fromSecondary else { throw ValidationError("--max-staleness goes with --from-secondary") }
            guard maxStaleness.duration >= .seconds(MongoConfiguration.stalenessSecondsMin) else {
                throw ValidationError("--max-staleness takes at least \(MongoConfiguration.stalenessSecondsMin)s")
            }
        }
        if let last, last < 1 { throw ValidationError("--last takes a number of events") }
        if last != nil, interval != nil { throw ValidationError("--last is for events; bars take --from and --to") }
        if interval != nil, kind != .candle { throw ValidationError("--interval goes with --kind candle") }
    }

    func run() async {
        await mongo.run(readPreference: readPreference) { database in
            if let interval { return try await exportBars(interval, database) }
            let query = EventQuery(instrument: symbol, kind: kind, from: from, to: to)
            var text = EventText(kind: kind, format: format)
            text.appendHeader()
            if let last {
                let newest = try await NewestEvents.read(last, reading: database.writer, query)
                for event in newest.events { text.append(event) }
                flush(&text.bytes)
                return status(leftOut: newest.leftOut)
            }
            let reader = BucketReader(reading: database.writer, query)
            while let events = try await reader.next() {
                for event in events {
                    text.append(event)
                    if text.bytes.count >= 1 << 16 { flush(&text.bytes) }
                }
            }
            flush(&text.bytes)
            return status(leftOut: reader.leftOut)
        }
    }

    private var readPreference: MongoConfiguration.ReadPreference {
        guard fromSecondary else { return .primary }
        let seconds = maxStaleness.map { Int($0.duration.components.seconds) } ?? MongoConfiguration.stalenessSecondsMin
        return .secondaryPreferred(maxStalenessSeconds: seconds)
    }

    /// Names the damaged documents whose events are missing in what was printed.
    private func status(leftOut: [String]) -> ExitCode {
        guard !leftOut.isEmpty else { return ExitStatus.done }
        for bucket in leftOut.prefix(10) {
            Terminal.error("tapedesk: \(bucket) is damaged and in quarantine: its events were left out")
        }
        Terminal.error("tapedesk: \(leftOut.count) damaged documents were left out; see 'tapedesk status'")
        return ExitStatus.foundProblems
    }

    private func exportBars(_ interval: CandleInterval, _ database: Database) async throws -> ExitCode {
        let query = CandleQuery(instrument: symbol, interval: interval, from: from, to: to)
        let reader = CandleReader(reading: database.writer, query)
        var text = CandleText(format: format)
        text.appendHeader()
        while let rows = try await reader.next() {
            for row in rows { text.append(row) }
            flush(&text.bytes)
        }
        flush(&text.bytes)
        return ExitStatus.done
    }

    private func flush(_ bytes: inout [UInt8]) {
        Terminal.output(bytes)
        bytes.removeAll(keepingCapacity: true)
    }
}

enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
    case csv
    case ndjson
}
