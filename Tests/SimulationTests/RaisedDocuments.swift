import BSON
import DocumentStore
import Records
import SimulatedStore
import Synchronization
import TickStore

/// Documents that a newer program brought to a schema version that this one does not know.
///
/// Safe to use from any task.
final class RaisedDocuments: Sendable {
    private struct State {
        var operations = Set<ObjectID>()
        var next: UInt64 = 0
    }

    private static let specifications = [
        MarketDataCollection.specification, CandlesCollection.specification, GapsCollection.specification,
        CheckpointsCollection.specification,
    ]

    private let state = Mutex(State())

    /// Raises one document, if there is one.
    func raiseOne(_ writer: VersionedWriter, _ generator: inout SplitMix64) async throws {
        let specification = Self.specifications[generator.nextIndex(below: Self.specifications.count)]
        let found = try await writer.find(DocumentQuery(specification.name, limit: 1_000))
        // What retention left of a document is bound to the record of the deletion by its version.
        let documents = found.filter { $0[MarketDataCollection.Field.deletedEventCount] == nil }
        guard !documents.isEmpty else { return }
        let document = documents[generator.nextIndex(below: documents.count)]
        guard let change = change(document, specification, to: specification.schema.version + 1) else { return }
        _ = await writer.apply(change)
    }

    /// What became of documents after they were raised, that must not.
    func problems(_ store: SimulatedStore) -> [String] {
        let operations = state.withLock { $0.operations }
        var raised = Set<String>()
        var problems: [String] = []
        for change in store.history {
            let name = "'\(change.key.id.string ?? "?")' in '\(change.key.collection)'"
            if operations.contains(change.operationID) {
                raised.insert(name)
            } else if raised.contains(name) {
                problems.append("\(name) was changed by an older program (\(change.kind))")
            }
        }
        return problems
    }

    /// Brings the documents to a version that this program knows: for it, that is what its upgrade is.
    func upgrade(_ store: SimulatedStore) async {
        for specification in Self.specifications {
            for document in store.documents(in: specification.name)
            where (document[DocumentField.schemaVersion]?.integer ?? 0) > specification.schema.version {
                guard let change = change(document, specification, to: specification.schema.version) else { continue }
                _ = await store.attempt(change)
            }
        }
        // From now on they are like any others.
        state.withLock { $0.operations = [] }
    }

    private func change(
        _ document: BSONDocument,
        _ specification: CollectionSpecification,
        to version: Int64
    ) -> VersionedChange? {
        guard let id = document[DocumentField.id], let current = document[DocumentField.version]?.integer else {
            return nil
        }
        let operation = state.withLock { state in
            state.next += 1
            let operation = ObjectID(high: 0xFEED_0000, low: state.next)
            state.operations.insert(operation)
            return operation
        }
        let shardKey = specification.shardKey.flatMap { field in
            document[field].map { DocumentKey.ShardKey(field: field, value: $0) }
        }
        return VersionedChange(
            key: DocumentKey(collection: specification.name, id: id, shardKey: shardKey),
            action: .update(
                expectedVersion: current,
                DocumentUpdate(set: [(DocumentField.schemaVersion, .int64(version))])
            ),
            operationID: operation
        )
    }
}
