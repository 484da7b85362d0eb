import BSON
import DocumentStore
import Synchronization

/// A store whose reads are of an earlier moment, as those of a new primary are, until somebody asks for the present.
final class LaggingStore: DocumentStore {
    private let store: any DocumentStore
    private let past: Mutex<StoreMoment?>

    /// Reads are of `past`.
    init(_ store: any DocumentStore, reading past: StoreMoment) {
        self.store = store
        self.past = Mutex(past)
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome { await store.attempt(change) }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] { await store.attempt(changes) }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome { await store.attemptTogether(changes) }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        var query = query
        query.moment = query.moment ?? past.withLock { $0 }
        return try await store.find(query)
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        try await store.count(collection, where: conditions)
    }

    func moment() async throws(StoreError) -> StoreMoment {
        past.withLock { $0 = nil }
        return try await store.moment()
    }

    func serverTime() async throws(StoreError) -> Int64 { try await store.serverTime() }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }
}
