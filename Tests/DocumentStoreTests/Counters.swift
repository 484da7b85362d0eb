import BSON
import DocumentStore
import SimulatedStore
import Synchronization

/// Counters in documents, changed one by one: the smallest thing that optimistic concurrency can get wrong.
enum Counters {
    static let collection = "counters"

    static func key(_ id: String) -> DocumentKey {
        DocumentKey(collection: collection, id: .string(id))
    }

    static func operation(_ number: UInt64) -> ObjectID {
        ObjectID(high: 7, low: number)
    }

    static func create(_ id: String = "a", operation number: UInt64 = 1, value: Int64 = 1) -> VersionedChange {
        VersionedChange(key: key(id), action: .create(["value": .int64(value)]), operationID: operation(number))
    }

    static func update(
        _ id: String = "a",
        expecting version: Int64 = 1,
        operation number: UInt64 = 2,
        value: Int64 = 2
    ) -> VersionedChange {
        VersionedChange(
            key: key(id),
            action: .update(expectedVersion: version, DocumentUpdate(set: [("value", .int64(value))])),
            operationID: operation(number)
        )
    }

    static func delete(
        _ id: String = "a",
        expecting version: Int64 = 1,
        operation number: UInt64 = 3
    ) -> VersionedChange {
        VersionedChange(key: key(id), action: .delete(expectedVersion: version), operationID: operation(number))
    }
}

/// A store with one counter "a" of version 1, and a writer on it.
struct Desk {
    let clock = SimulatedClock(seed: 1)
    let store: SimulatedStore
    let interfering: InterferingStore
    let writer: VersionedWriter

    static let deadline = Duration.seconds(10)

    init() async {
        store = SimulatedStore(seed: 1, clock: clock)
        interfering = InterferingStore(store)
        writer = VersionedWriter(
            store: interfering,
            policy: RetryPolicy(deadline: Self.deadline),
            environment: clock.environment
        )
        _ = await store.attempt(Counters.create())
    }

    /// The counter's value, nil where there is no counter.
    var value: Int64? { store.documents(in: Counters.collection).first?["value"]?.integer }
    var version: Int64? { store.documents(in: Counters.collection).first?[DocumentField.version]?.integer }
}

/// A store in which others change documents just before a read.
final class InterferingStore: DocumentStore {
    private let store: SimulatedStore
    private let beforeReads = Mutex<[VersionedChange]>([])
    private let reads = Mutex<[DocumentQuery]>([])

    init(_ store: SimulatedStore) {
        self.store = store
    }

    /// The reads that were asked for.
    var queries: [DocumentQuery] { reads.withLock { $0 } }

    func changeBeforeNextRead(_ changes: VersionedChange...) {
        beforeReads.withLock { $0 = changes }
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome { await store.attempt(change) }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] { await store.attempt(changes) }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await store.attemptTogether(changes)
    }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        reads.withLock { $0.append(query) }
        let changes = beforeReads.withLock { changes in
            defer { changes = [] }
            return changes
        }
        for change in changes { _ = await store.attempt(change) }
        return try await store.find(query)
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        try await store.count(collection, where: conditions)
    }

    func serverTime() async throws(StoreError) -> Int64 { try await store.serverTime() }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }
}
