import BSON
import DocumentStore
import SimulatedStore
import Testing

@Suite struct MigratorTests {
    private static let count = 450

    /// Documents of three versions, with fields that nobody knows.
    private func store(seed: UInt64 = 1) async -> SimulatedStore {
        let store = SimulatedStore(seed: seed, clock: SimulatedClock(seed: seed))
        for number in 0..<Self.count {
            let value = BSONValue.int64(Int64(number))
            let fields: BSONDocument =
                switch number % 3 {
                case 0: ["value": value]
                case 1: ["amount": value]
                default: ["amount": value, "double": .int64(2 * Int64(number))]
                }
            let document = Versions.document(Int64(number % 3 + 1), fields.setting("unknown", value))
            _ = await store.attempt(
                VersionedChange(
                    key: Counters.key("\(number)"),
                    action: .create(document),
                    operationID: Counters.operation(UInt64(number))
                )
            )
        }
        return store
    }

    private func migrator(_ store: SimulatedStore, process: UInt32 = 2) -> Migrator {
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(30)),
            environment: store.clock.environment
        )
        return Migrator(
            writer: writer,
            operationIDs: OperationIDs(process: process, start: UInt64(store.operationCount) << 20)
        )
    }

    /// What is not as it has to be when all are brought up.
    private func problems(_ store: SimulatedStore, ownVersion: Int64? = nil) -> [String] {
        let documents = store.documents(in: Counters.collection)
        var problems = HistoryChecker.violations(of: store.history)
        if documents.count != Self.count { problems.append("\(documents.count) documents") }
        for document in documents {
            let id = document[DocumentField.id]?.string ?? "?"
            let number = Int64(id) ?? -1
            let isRight =
                document[DocumentField.schemaVersion] == 3 && document["value"] == nil
                && document["amount"] == .int64(number) && document["double"] == .int64(2 * number)
                && document["unknown"] == .int64(number)
            if !isRight { problems.append("\(id) is not brought up") }
            if document[DocumentField.version] != .int64(number % 3 == 2 ? 1 : 2) {
                problems.append("\(id) was changed more often than once")
            }
        }
        return problems
    }

    @Test func allAreBroughtUpOnce() async throws {
        let store = await store()
        let report = try await migrator(store).run(Versions.specification, isDryRun: false)
        #expect(report.documents == [1: 150, 2: 150, 3: 150] && report.migrated == 300 && report.older == 300)
        #expect(report.isClean && problems(store) == [])
        let again = try await migrator(store).run(Versions.specification, isDryRun: false)
        #expect(again.documents == [3: 450] && again.migrated == 0 && again.isClean)
        #expect(problems(store) == [])
    }

    @Test func aDryRunOnlyCounts() async throws {
        let store = await store()
        let before = store.documents(in: Counters.collection)
        let report = try await migrator(store).run(Versions.specification, isDryRun: true)
        #expect(report.older == 300 && report.migrated == 0 && report.isClean)
        #expect(store.documents(in: Counters.collection) == before)
    }

    /// Every operation is the last one once, with and without its answer; another run finishes.
    @Test func aKilledRunIsFinishedByTheNext() async throws {
        let whole = await store()
        let before = whole.operationCount
        _ = try await migrator(whole).run(Versions.specification, isDryRun: false)
        let operations = whole.operationCount - before
        #expect(operations > 4)
        for number in 0..<operations {
            for isReplyLost in [false, true] {
                let store = await store()
                store.crashAfter(number, lastReplyLost: isReplyLost)
                await #expect(throws: StoreError.self) {
                    try await migrator(store).run(Versions.specification, isDryRun: false)
                }
                store.revive()
                _ = try await migrator(store, process: 3).run(Versions.specification, isDryRun: false)
                #expect(problems(store) == [], "killed after \(number), reply lost: \(isReplyLost)")
            }
        }
    }

    /// Two runs and a writer that uses the documents, while the store fails as a network does.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func severalAtOnce(seed: UInt64) async throws {
        let store = await store(seed: seed)
        store.faults = .all(0.05)
        let scheduler = SimulatedScheduler(seed: seed)
        for process in UInt32(2)...3 {
            scheduler.start {
                _ = try? await migrator(store, process: process).run(Versions.specification, isDryRun: false)
            }
        }
        scheduler.run()
        store.deliverLateChanges()
        store.faults = FaultPlan()
        let last = try await migrator(store, process: 4).run(Versions.specification, isDryRun: false)
        #expect(last.isClean && problems(store) == [])
    }

    @Test func newerAndUnreadableOnesAreLeftAndNamed() async throws {
        let store = await store()
        let documents = [Versions.document(4, ["value": 1]), Versions.document(1, ["value": "x"])]
        for (number, document) in documents.enumerated() {
            _ = await store.attempt(
                VersionedChange(
                    key: Counters.key("odd\(number)"),
                    action: .create(document),
                    operationID: Counters.operation(UInt64(9_000 + number))
                )
            )
        }
        let odd = store.documents(in: Counters.collection).suffix(2)
        let report = try await migrator(store).run(Versions.specification, isDryRun: false)
        #expect(report.newer == 1 && report.findingCount == 1 && report.migrated == 300 && !report.isClean)
        #expect(report.findings.first?.document == "odd1")
        #expect(store.documents(in: Counters.collection).suffix(2) == odd)
    }
}
