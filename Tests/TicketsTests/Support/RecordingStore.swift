import BSON
import DocumentStore

/// A store that remembers what was asked of it.
final class RecordingStore: DocumentStore {
    private let store: any DocumentStore
    private let asked = Mutexed([DocumentQuery]())

    init(_ store: any DocumentStore) { self.store = store }

    var queries: [DocumentQuery] { asked.with { $0 } }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        asked.with { $0.append(query) }
        return try await store.find(query)
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome { await store.attempt(change) }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] { await store.attempt(changes) }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await store.attemptTogether(changes)
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        try await store.count(collection, where: conditions)
    }

    func serverTime() async throws(StoreError) -> Int64 { try await store.serverTime() }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }
}
