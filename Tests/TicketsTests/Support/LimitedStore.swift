import BSON
import DocumentStore
import Synchronization

/// A store through which one program makes so many operations and is then killed, while others go on.
final class LimitedStore: DocumentStore {
    private static let killed = StoreError(.closed, "the simulated program was killed")

    private let store: any DocumentStore
    private let operationsLeft: Mutex<Int>

    init(_ store: any DocumentStore, operations: Int) {
        self.store = store
        operationsLeft = Mutex(operations)
    }

    private func isRunning() -> Bool {
        operationsLeft.withLock { left in
            left -= 1
            return left >= 0
        }
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        isRunning() ? await store.attempt(change) : .failed(Self.killed)
    }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        isRunning() ? await store.attempt(changes) : changes.map { _ in .failed(Self.killed) }
    }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        isRunning() ? await store.attemptTogether(changes) : .failed(Self.killed)
    }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        guard isRunning() else { throw Self.killed }
        return try await store.find(query)
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        guard isRunning() else { throw Self.killed }
        return try await store.count(collection, where: conditions)
    }

    func serverTime() async throws(StoreError) -> Int64 {
        guard isRunning() else { throw Self.killed }
        return try await store.serverTime()
    }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        guard isRunning() else { throw Self.killed }
        try await store.prepare(specification)
    }
}
