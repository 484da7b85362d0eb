import BSON
import DocumentStore
import MongoStore
import Synchronization
import TestSupport

/// Writers who create, change, delete and read the same few documents, and what they were told.
struct RecordedLoad: Sendable {
    static let collection = "things"
    private static let slots = 3

    let history = OperationHistory()
    /// The document that each slot has now: the id of a deleted one is not used anew.
    private let generations = Generations()
    private let isOver = Flag()

    private final class Generations: Sendable {
        let values = Mutex(Array(repeating: 0, count: RecordedLoad.slots))
    }

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    /// Lets writers work while `trouble` is made, and until it is over.
    ///
    /// - Parameter patience: how long a change is attempted.
    func run(
        _ store: MongoDocumentStore,
        writers: Int = 6,
        patience: Duration = .seconds(60),
        during trouble: () async throws -> Void
    ) async throws {
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: patience, pauseMax: .milliseconds(100)),
            environment: .system
        )
        let tasks = (0..<writers).map { _ in
            Task {
                while !isOver.value.load(ordering: .acquiring) { await change(with: writer) }
            }
        }
        let result = await Result { try await trouble() }
        isOver.value.store(true, ordering: .releasing)
        for task in tasks { await task.value }
        // What arrived late is seen by this one.
        _ = try await look(with: writer)
        try result.get()
    }

    /// How many changes were acknowledged so far.
    var appliedCount: Int { history.outcomeCounts["applied", default: 0] }

    /// Waits until more changes are acknowledged.
    func waitForProgress(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        let before = appliedCount
        while appliedCount < before + 10 {
            guard ContinuousClock.now < deadline else {
                throw StoreError(.unavailable, "no change was acknowledged for \(limit)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func look(with writer: VersionedWriter) async throws(StoreError) -> [(id: BSONValue, BSONDocument?)] {
        let generations = generations.values.withLock { $0 }
        let ids = generations.enumerated().map { BSONValue.string("\($0.offset)-\($0.element)") }
        let query = DocumentQuery(Self.collection, where: [.isIn(DocumentField.id, ids)], limit: ids.count)
        let documents = try await history.find(ids, query, with: writer)
        return ids.map { id in (id, documents.first { $0[DocumentField.id] == id }) }
    }

    private func change(with writer: VersionedWriter) async {
        guard let seen = try? await look(with: writer) else { return }
        let slots = Int.random(in: 0..<4) == 0 ? Array(seen.indices) : [Int.random(in: seen.indices)]
        let changes = slots.map { change(of: seen[$0].id, seen[$0].1) }
        let outcomes = await history.apply(changes, with: writer)
        for (slot, (change, outcome)) in zip(slots, zip(changes, outcomes)) {
            guard case .delete = change.action, case .applied = outcome else { continue }
            generations.values.withLock { generations in
                if change.key.id == .string("\(slot)-\(generations[slot])") { generations[slot] += 1 }
            }
        }
    }

    private func change(of id: BSONValue, _ current: BSONDocument?) -> VersionedChange {
        guard let version = current?[DocumentField.version]?.integer else { return Change.create(id) }
        return Int.random(in: 0..<20) == 0 ? Change.delete(id, at: version) : Change.update(id, from: version)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
