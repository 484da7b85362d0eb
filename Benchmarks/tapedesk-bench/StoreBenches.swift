import ArgumentParser
import BSON
import DocumentStore
import MarketData
import MongoStore
import TickCodec
import TickStore

/// A database of its own, dropped before and after.
struct BenchDatabase {
    let store: MongoDocumentStore

    static func run(
        _ uri: String,
        connections: Int,
        _ body: (MongoDocumentStore) async throws -> Void
    ) async throws {
        let store = try await MongoDocumentStore.connect(
            uri: uri,
            database: "tapedesk_bench_stages",
            connections: connections
        )
        try await store.dropDatabaseForTesting()
        try await body(store)
        try await store.dropDatabaseForTesting()
        await store.close()
    }
}

private func key(_ number: Int) -> DocumentKey {
    DocumentKey(collection: "bench", id: .int64(Int64(number)))
}

private func operation(_ number: Int) -> ObjectID {
    ObjectID(high: 1, low: UInt64(number))
}

struct CeilingBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ceiling",
        abstract: "Insert ready-made blocks: what MongoDB takes at the most, majority and journaled."
    )

    @Argument var file: String
    @Option var mongo: String
    @Option(help: "Slabs of 1 MiB whose events are stored.") var slabs = 256
    @Option(help: "Events in a block.") var block = 2_048

    func run() async throws {
        let encoder = BlockEncoder()
        var blocks: [BlockEncoder.Block] = []
        for lane in try SampleFile(file, slabLimit: slabs).lanes() {
            lane.withUnsafeBufferPointer { all in
                for start in stride(from: 0, to: all.count, by: block) {
                    let part = UnsafeBufferPointer(rebasing: all[start..<min(start + block, all.count)])
                    blocks += encoder.encode(part, kind: .trade, texts: TextPool())
                }
            }
        }
        let events = blocks.reduce(0) { $0 + $1.count }
        let changes = blocks.enumerated().map { number, block in
            VersionedChange(
                key: key(number),
                action: .create(["block": .binary(block.bytes)]),
                operationID: operation(number)
            )
        }
        try await BenchDatabase.run(mongo, connections: 1) { store in
            let (time, applied) = await seconds { () -> Int in
                var applied = 0
                for start in stride(from: 0, to: changes.count, by: 50) {
                    let outcomes = await store.attempt(Array(changes[start..<min(start + 50, changes.count)]))
                    applied += outcomes.count { $0 == .applied(.confirmed) }
                }
                return applied
            }
            guard applied == changes.count else { throw StoreError(.refused, "not every block was stored") }
            printResult("ceiling", Double(events) / time, "events/s")
        }
    }
}

struct FindAndModifyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-and-modify",
        abstract: "Version-checked changes of single documents with 1 and 16 connections, and as bulks of some sizes."
    )

    @Option var mongo: String
    @Option(help: "Seconds for each measurement.") var seconds = 2.0

    private static let documents = 4_096
    private static let payload = BSONValue.binary([UInt8](repeating: 7, count: 2_000))

    func run() async throws {
        try await BenchDatabase.run(mongo, connections: 16) { store in
            var versions = try await create(store)
            for connections in [1, 16] {
                let (count, time) = try await single(store, connections, &versions)
                printResult("findAndModify, \(connections) connections", Double(count) / time, "changes/s")
            }
            for size in [2, 4, 8, 16, 64, 256] {
                let (count, time) = try await bulk(store, size, &versions)
                printResult("bulk of \(size), 1 connection", Double(count) / time, "changes/s")
            }
        }
    }

    private func create(_ store: MongoDocumentStore) async throws -> [Int64] {
        let changes = (0..<Self.documents).map {
            VersionedChange(key: key($0), action: .create(["value": Self.payload]), operationID: operation($0))
        }
        _ = await store.attempt(changes)
        return Array(repeating: 1, count: Self.documents)
    }

    private static func change(_ number: Int, _ version: Int64) -> VersionedChange {
        VersionedChange(
            key: key(number),
            action: .update(expectedVersion: version, DocumentUpdate(set: [("value", payload)])),
            operationID: operation(number)
        )
    }

    /// Changes documents one by one; each task has its own share of them.
    private func single(
        _ store: MongoDocumentStore,
        _ tasks: Int,
        _ versions: inout [Int64]
    ) async throws -> (Int, Double) {
        let limit = Duration.seconds(seconds)
        let start = ContinuousClock.now
        let known = versions
        let done = await withTaskGroup(of: [(Int, Int64)].self) { group in
            for task in 0..<tasks {
                group.addTask {
                    let mine = Array(stride(from: task, to: Self.documents, by: tasks))
                    var versions = mine.map { known[$0] }
                    var index = 0
                    while ContinuousClock.now - start < limit {
                        let outcome = await store.attempt(Self.change(mine[index], versions[index]))
                        if outcome == .applied(.confirmed) { versions[index] += 1 }
                        index = (index + 1) % mine.count
                    }
                    return Array(zip(mine, versions))
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let time = (ContinuousClock.now - start) / .seconds(1)
        var count = 0
        for (number, version) in done {
            count += Int(version - versions[number])
            versions[number] = version
        }
        return (count, time)
    }

    private func bulk(_ store: MongoDocumentStore, _ size: Int, _ versions: inout [Int64]) async throws -> (Int, Double)
    {
        let limit = Duration.seconds(seconds)
        let start = ContinuousClock.now
        var count = 0
        var next = 0
        while ContinuousClock.now - start < limit {
            let numbers = (0..<size).map { (next + $0) % Self.documents }
            let outcomes = await store.attempt(numbers.map { Self.change($0, versions[$0]) })
            for (number, outcome) in zip(numbers, outcomes) where outcome == .applied(.confirmed) {
                versions[number] += 1
                count += 1
            }
            next = (next + size) % Self.documents
        }
        return (count, (ContinuousClock.now - start) / .seconds(1))
    }
}

struct ExportBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Read the events of the instrument with the most trades, in order, without writing them out."
    )

    @Option var mongo: String

    func run() async throws {
        let store = try await MongoDocumentStore.connect(uri: mongo, connections: 1)
        let start = ContinuousClock.now
        let environment = RetryEnvironment(
            now: { ContinuousClock.now - start },
            sleep: { try await Task.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(30)),
            environment: environment
        )
        let largest = try await InstrumentOverview.load(writer).max { $0.trades < $1.trades }
        guard let instrument = largest.flatMap({ Instrument(parsing: $0.instrument) }) else {
            throw StoreError(.refused, "there is nothing to export in this database")
        }
        let reader = BucketReader(reading: writer, EventQuery(instrument: instrument, kind: .trade))
        let (time, count) = try await seconds {
            var count = 0
            while let events = try await reader.next() { count += events.count }
            return count
        }
        printResult("export", Double(count) / time, "events/s")
        await store.close()
    }
}
