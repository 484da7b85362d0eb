import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MarketData
import MongoStore
import TickStore

struct NewestBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "newest",
        abstract: "Read the newest trades of the instrument with the most of them, again and again."
    )

    @Option var mongo: String
    @Option(help: "Trades that are asked for.") var count = 100
    @Option(help: "How often.") var rounds = 200

    func run() async throws {
        let store = try await MongoDocumentStore.connect(uri: mongo, connections: 1)
        let database = Database(store: store, wait: .seconds(30))
        let overview = try await InstrumentOverview.load(database.writer)
        let largest = overview.max { $0.trades < $1.trades }
        guard let instrument = largest.flatMap({ Instrument(parsing: $0.instrument) }) else {
            throw StoreError(.refused, "there is nothing to read in this database")
        }
        let query = EventQuery(instrument: instrument, kind: .trade)
        var times: [Double] = []
        for _ in 0..<rounds {
            let (time, events) = try await seconds {
                try await NewestEvents.read(count, reading: database.writer, query).events
            }
            guard events.count == count else { throw StoreError(.refused, "there are fewer trades than asked for") }
            times.append(time * 1_000)
        }
        times.sort()
        printResult("newest \(count), median", times[times.count / 2], "ms")
        printResult("newest \(count), p99", times[times.count * 99 / 100], "ms")
        printResult("trades stored", Double(overview.reduce(0) { $0 + $1.trades }), "trades")
        await store.close()
    }
}

struct CommitLatencyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit-latency",
        abstract: "Append small batches at a fixed rate and measure how long each takes to be durable.",
        discussion: "Times count from when a batch was due, so that a delay shows in all batches that waited for it."
    )

    @OptionGroup var target: BenchTarget
    @Option(help: "Seconds.") var seconds = 10
    @Option(help: "Batches per second.") var rate = 50
    @Option(help: "Instruments, with 20 trades each in a batch.") var instruments = 10

    func validate() throws {
        guard (1...600).contains(seconds), (1...1_000).contains(rate), (1...1_000).contains(instruments) else {
            throw ValidationError("up to 600 seconds, 1000 batches per second and 1000 instruments")
        }
    }

    func run() async {
        let status = await reportingFailures {
            let times = try await target.withDatabase(connections: 1) { try await measure($0) }.sorted()
            let places = [("median", times.count / 2), ("p99", times.count * 99 / 100), ("longest", times.count - 1)]
            for (name, place) in places {
                let fields: [(String, JSONText)] = [
                    ("name", .string("commit, \(name)")), ("value", .number(times[place])), ("unit", .string("ms")),
                ]
                // Not printed through a buffer: the process ends here and now.
                Terminal.output(JSONText.object(fields).text)
            }
            return ExitStatus.done
        }
        endProcess(status)
    }

    private func measure(_ database: Database) async throws -> [Double] {
        try await database.prepare(MarketDataCollections.all)
        let writer = BucketWriter(writer: database.writer, operationIDs: database.operationIDs)
        let start = ContinuousClock.now
        var times: [Double] = []
        for batch in 0..<(seconds * rate) {
            let due = start + .seconds(1) * batch / rate
            if ContinuousClock.now < due { try await Task.sleep(until: due) }
            _ = try await writer.write(pending(Int64(batch)))
            times.append((ContinuousClock.now - due) / .milliseconds(1))
        }
        return times
    }

    /// A batch of trades of this hour, at prices that move a little.
    private func pending(_ batch: Int64) -> [PendingBucket] {
        (0..<instruments).map { number in
            let instrument = Instrument(venue: "BENCH", symbol: "S\(number)")
            let hour: Int64 = 1_723_125_600_000_000_000
            var bucket = PendingBucket(
                key: BucketKey(source: "bench", instrument: instrument, kind: .trade, windowStart: hour)
            )
            for index in Int64(0)..<20 {
                let position = batch * 20 + index
                let price = ExactDecimal(mantissa: 6_000_000 + (position * 7_919) % 101, exponent: -2)
                let size = ExactDecimal(mantissa: 1 + (position * 104_729) % 997, exponent: -3)
                bucket.events.append(
                    MarketEvent(
                        position: TapePosition(rawValue: position),
                        eventTime: Timestamp(nanoseconds: hour + position * 100_000),
                        instrument: 0,
                        stream: 0,
                        payload: .trade(Trade(price: price, size: size, id: EventID(number: position)))
                    )
                )
            }
            return bucket
        }
    }
}
