import ArgumentParser

/// Writes a deterministic feed of trades: the same options give the same bytes on every machine.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Write a deterministic sample feed of trades as NDJSON.",
        discussion: """
            The file has one trade per line, in the manner of a Coinbase match. FILE.json says what is in it: with \
            --faults also how many duplicates, gaps, late events and impossible records were put in.
            """
    )

    @Option(help: "Number of valid, distinct trades; faults come on top.")
    var events = 250_000

    @Option(help: "Number of instruments, of Zipf-like popularity.")
    var instruments = 20

    @Option(help: "Seed of the random numbers.")
    var seed: UInt64 = 1

    @Option(help: "Trades per second of event time.")
    var rate = 2_000

    @Option(help: "File to write; FILE.json is written beside it.")
    var out: String

    @Flag(help: "Inject a known number of faults.")
    var faults = false

    func validate() throws {
        guard (1...1_000_000_000).contains(events) else {
            throw ValidationError("--events must be between 1 and 1,000,000,000.")
        }
        guard (1...100_000).contains(instruments) else {
            throw ValidationError("--instruments must be between 1 and 100,000.")
        }
        guard (1...1_000_000).contains(rate) else {
            throw ValidationError("--rate must be between 1 and 1,000,000.")
        }
        if faults, events < FaultPlan.fewestEvents {
            throw ValidationError("--faults needs at least \(FaultPlan.fewestEvents) events.")
        }
    }

    func run() throws {
        try reportingFailures { try generate() }
    }

    private func generate() throws(OutputError) {
        let plan = faults ? FaultPlan(events: events) : FaultPlan()
        var generator = TradeGenerator(instruments: instruments, seed: seed, rate: rate, plan: plan)
        var feed = try OutputFile(path: out)
        try generator.write(events: events, to: &feed)
        let bytes = try feed.close()

        let manifest = Manifest(
            events: events,
            seed: seed,
            rate: rate,
            bytes: bytes,
            counts: generator.counts,
            instruments: generator.instruments
        )
        var description = try OutputFile(path: out + ".json")
        for line in manifest.json.split(separator: "\n") {
            description.append(Array(line.utf8))
            try description.endLine()
        }
        _ = try description.close()
        // The feed gets its name last: where it is, its manifest is too.
        try description.publish()
        try feed.publish()
        print("Wrote \(generator.counts.records) lines (\(bytes / 1_000_000) MB) to \(out)")
    }
}
