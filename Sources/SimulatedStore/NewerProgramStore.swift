public import BSON
public import DocumentStore
private import Synchronization

/// The fields that a newer program added to documents, and whether they are still there.
///
/// Safe to use from any task.
public final class AddedFields: Sendable {
    private struct State {
        var generator: SplitMix64
        var added: [ObjectID: (field: String, value: BSONValue)] = [:]
    }

    private let state: Mutex<State>

    public init(seed: UInt64) {
        state = Mutex(State(generator: SplitMix64(seed: seed)))
    }

    /// What an operation adds; the same in every attempt at it.
    fileprivate func field(of operation: ObjectID) -> (field: String, value: BSONValue) {
        state.withLock { state in
            if let known = state.added[operation] { return known }
            let number = state.generator.nextIndex(below: 4)
            let field = ("added_\(number)", BSONValue.int64(Int64(truncatingIfNeeded: state.generator.next())))
            state.added[operation] = field
            return field
        }
    }

    /// The fields that are not in their documents any more.
    ///
    /// - Parameter mayDelete: the collections whose documents may be deleted, and their fields with them.
    public func missing(from store: SimulatedStore, mayDelete: Set<String> = []) -> [String] {
        let added = state.withLock { $0.added }
        var expected: [String: [String: BSONValue]] = [:]
        var problems: [String] = []
        for change in store.history {
            let name = Self.name(change.key.collection, change.key.id)
            if change.kind == .delete {
                let had = expected.removeValue(forKey: name) ?? [:]
                if !had.isEmpty, !mayDelete.contains(change.key.collection) { problems.append("\(name) was deleted") }
            } else if let field = added[change.operationID] {
                expected[name, default: [:]][field.field] = field.value
            }
        }
        for collection in Set(store.history.map(\.key.collection)) {
            for document in store.documents(in: collection) {
                let name = Self.name(collection, document[DocumentField.id] ?? .null)
                for (field, value) in expected.removeValue(forKey: name) ?? [:] where document[field] != value {
                    problems.append("\(name) lost '\(field)'")
                }
            }
        }
        return problems + expected.keys.map { "\($0) is gone" }
    }

    private static func name(_ collection: String, _ id: BSONValue) -> String {
        "'\(id.string ?? id.objectID?.description ?? "?")' in '\(collection)'"
    }

    /// How many changes added something, whether or not they took effect.
    public var count: Int { state.withLock { $0.added.count } }
}

/// A store as a program uses it that is newer by a minor addition: each of its changes sets a field that older programs
/// do not know.
public final class NewerProgramStore: DocumentStore {
    private let store: any DocumentStore
    private let added: AddedFields

    public init(_ store: any DocumentStore, _ added: AddedFields) {
        self.store = store
        self.added = added
    }

    public func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        await store.attempt(adding(change))
    }

    public func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        await store.attempt(changes.map(adding))
    }

    public func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await store.attemptTogether(changes)
    }

    public func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        try await store.find(query)
    }

    public func count(
        _ collection: String,
        where conditions: [DocumentQuery.Condition]
    ) async throws(StoreError) -> Int {
        try await store.count(collection, where: conditions)
    }

    public func moment() async throws(StoreError) -> StoreMoment { try await store.moment() }

    public func serverTime() async throws(StoreError) -> Int64 { try await store.serverTime() }

    public func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }

    private func adding(_ change: VersionedChange) -> VersionedChange {
        let action: VersionedChange.Action
        switch change.action {
        case .create(let document):
            let (field, value) = added.field(of: change.operationID)
            action = .create(document.setting(field, value))
        case .update(let version, var update):
            update.set.append(added.field(of: change.operationID))
            action = .update(expectedVersion: version, update)
        case .delete: return change
        }
        return VersionedChange(
            key: change.key,
            action: action,
            operationID: change.operationID,
            conflictExcludes: change.conflictExcludes
        )
    }
}
