public import BSON
public import DocumentStore
import Synchronization

/// Records operations on documents as those see them who ask: what `LinearizabilityChecker` judges.
///
/// Safe to use from any task.
public final class OperationHistory: Sendable {
    private struct State {
        var time = 0
        var operations: [BSONDocument: [RegisterOperation]] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Applies changes of distinct documents with a writer, and records each with its outcome.
    public func apply(_ changes: [VersionedChange], with writer: VersionedWriter) async -> [ChangeOutcome] {
        let invoked = tick()
        let outcomes = await writer.apply(changes)
        record(changes, outcomes, since: invoked)
        return outcomes
    }

    /// Reads documents by their ids, in full, and records what each of them was.
    ///
    /// - Precondition: the query is for these ids, and its limit no lower than their number.
    /// - Throws: `StoreError`; a read that fails tells nothing, and is not recorded.
    public func find(
        _ ids: [BSONValue],
        _ query: DocumentQuery,
        with writer: VersionedWriter
    ) async throws(StoreError) -> [BSONDocument] {
        let invoked = tick()
        let documents = try await writer.find(query)
        state.withLock { state in
            state.time += 1
            for id in ids {
                let value = documents.first { $0[DocumentField.id] == id }.flatMap { RegisterValue($0) }
                let key: BSONDocument = ["collection": .string(query.collection), "id": id]
                state.operations[key, default: []].append(
                    RegisterOperation(
                        id: ObjectID(high: 0, low: UInt64(state.time)),
                        action: .read,
                        outcome: .read(value),
                        invoked: invoked,
                        responded: state.time
                    )
                )
            }
        }
        return documents
    }

    /// What is wrong with the history, a line for each document; empty where nothing is.
    public func violations(_ checker: LinearizabilityChecker = LinearizabilityChecker()) -> [String] {
        state.withLock(\.operations).compactMap { key, operations in
            switch checker.judge(operations) {
            case .linearizable: nil
            case .violation(let text): "\(key["id"] ?? .null): \(text)"
            case .undecided: "\(key["id"] ?? .null): the search took too long"
            }
        }
    }

    /// How many operations there are of each outcome.
    public var outcomeCounts: [String: Int] {
        state.withLock(\.operations).values.joined().reduce(into: [:]) { $0[$1.outcome.name, default: 0] += 1 }
    }

    private func tick() -> Int {
        state.withLock { state in
            state.time += 1
            return state.time
        }
    }

    private func record(_ changes: [VersionedChange], _ outcomes: [ChangeOutcome], since invoked: Int) {
        state.withLock { state in
            state.time += 1
            for (change, outcome) in zip(changes, outcomes) {
                let key: BSONDocument = ["collection": .string(change.key.collection), "id": change.key.id]
                state.operations[key, default: []].append(
                    RegisterOperation(
                        id: change.operationID,
                        action: .init(change.action),
                        outcome: .init(outcome),
                        invoked: invoked,
                        responded: state.time
                    )
                )
            }
        }
    }
}

extension RegisterValue {
    fileprivate init?(_ document: BSONDocument) {
        guard let version = document[DocumentField.version]?.integer,
            let writer = document[DocumentField.lastOperationID]?.objectID
        else { return nil }
        self.init(version: version, writer: writer)
    }
}

extension RegisterOperation.Action {
    fileprivate init(_ action: VersionedChange.Action) {
        switch action {
        case .create: self = .create
        case .update(let expected, _): self = .update(expectedVersion: expected)
        case .delete(let expected): self = .delete(expectedVersion: expected)
        }
    }
}

extension RegisterOperation.Outcome {
    fileprivate init(_ outcome: ChangeOutcome) {
        switch outcome {
        case .applied(let version, .confirmed): self = .applied(version: version)
        // A failover may undo it.
        case .applied(_, .unconfirmed): self = .unknown
        case .conflict(let current): self = RegisterValue(current).map { .conflict($0) } ?? .failed
        case .notFound: self = .notFound
        case .failed: self = .failed
        case .unknown: self = .unknown
        }
    }

    fileprivate var name: String {
        switch self {
        case .applied: "applied"
        case .conflict: "conflict"
        case .notFound: "notFound"
        case .failed: "failed"
        case .unknown: "unknown"
        case .read: "read"
        }
    }
}
