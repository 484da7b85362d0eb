import ArgumentParser
import Console
import DocumentStore
import MarketData
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

    @Option(help: ArgumentHelp("From this event time on: RFC 3339 or Unix time.", valueName: "time"))
    var from: Timestamp?

    @Option(help: ArgumentHelp("Before this event time.", valueName: "time"))
    var to: Timestamp?

    @Option(help: ArgumentHelp("csv or ndjson.", valueName: "format"))
    var format = ExportFormat.csv

    func run() async {
        await mongo.run { database in
            let query = EventQuery(instrument: symbol, kind: kind, from: from, to: to)
            let reader = BucketReader(reading: database.writer, query)
            var text = EventText(kind: kind, format: format)
            text.appendHeader()
            while let events = try await reader.next() {
                for event in events {
                    text.append(event)
                    if text.bytes.count >= 1 << 16 { flush(&text) }
                }
            }
            flush(&text)
            return ExitStatus.done
        }
    }

    private func flush(_ text: inout EventText) {
        Terminal.output(text.bytes)
        text.bytes.removeAll(keepingCapacity: true)
    }
}

enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
    case csv
    case ndjson
}
