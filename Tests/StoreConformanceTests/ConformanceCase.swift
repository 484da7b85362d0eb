import BSON
import DocumentStore
import SimulatedStore
import Testing

/// One thing that every document store does, told as a test that takes the store.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    let name: String
    let run: @Sendable (any DocumentStore) async throws -> Void

    var testDescription: String { name }

    /// Each case has a collection of its own, so that cases may share a store.
    init(_ name: String, _ body: @escaping @Sendable (Workplace) async throws -> Void) {
        self.name = name
        run = { store in try await body(Workplace(store: store, collection: "conformance_\(name)")) }
    }

    static let all: [ConformanceCase] =
        singleChanges + updates + bulks + reading + conditions + pages + limits + uniqueIndexes + together
        + fencing
}

/// A store, and the one collection of it that a case works in.
struct Workplace: Sendable {
    let store: any DocumentStore
    let collection: String

    func key(_ id: BSONValue, shardKey: DocumentKey.ShardKey? = nil) -> DocumentKey {
        DocumentKey(collection: collection, id: id, shardKey: shardKey)
    }

    func create(_ id: BSONValue, _ fields: BSONDocument = [:], operation: UInt64 = 1) -> VersionedChange {
        VersionedChange(key: key(id), action: .create(fields), operationID: Self.operation(operation))
    }

    func update(
        _ id: BSONValue,
        expecting version: Int64 = 1,
        _ update: DocumentUpdate = DocumentUpdate(set: [("value", 2)]),
        operation: UInt64 = 2
    ) -> VersionedChange {
        VersionedChange(
            key: key(id),
            action: .update(expectedVersion: version, update),
            operationID: Self.operation(operation)
        )
    }

    func delete(_ id: BSONValue, expecting version: Int64 = 1, operation: UInt64 = 3) -> VersionedChange {
        VersionedChange(key: key(id), action: .delete(expectedVersion: version), operationID: Self.operation(operation))
    }

    static func operation(_ number: UInt64) -> ObjectID {
        ObjectID(high: 0xC0FF_EE00, low: number)
    }

    /// Makes documents that a case starts from.
    func prepareDocuments(_ documents: [(id: BSONValue, fields: BSONDocument)]) async {
        for (id, fields) in documents {
            #expect(await store.attempt(create(id, fields)) == .applied(.confirmed))
        }
    }

    func document(_ id: BSONValue) async throws -> BSONDocument? {
        try await find([.equals(DocumentField.id, id)]).first
    }

    func find(
        _ conditions: [DocumentQuery.Condition] = [],
        order: [DocumentQuery.Order] = [],
        fields: DocumentQuery.Fields = .all,
        limit: Int = 1_000
    ) async throws -> [BSONDocument] {
        try await store.find(
            DocumentQuery(collection, where: conditions, order: order, fields: fields, limit: limit)
        )
    }

    /// The ids that a query finds, in order of the ids unless it has an order of its own.
    func ids(
        _ conditions: [DocumentQuery.Condition] = [],
        order: [DocumentQuery.Order] = [DocumentQuery.Order(DocumentField.id)],
        limit: Int = 1_000
    ) async throws -> [BSONValue] {
        try await find(conditions, order: order, limit: limit).compactMap { $0[DocumentField.id] }
    }

    /// A writer whose pauses take no real time.
    var writer: VersionedWriter {
        VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(10)),
            environment: SimulatedClock().environment
        )
    }
}

extension AttemptOutcome {
    /// Whether the attempt was refused, and certainly changed nothing.
    func isFailure(_ codes: StoreError.Code...) -> Bool {
        if case .failed(let error) = self { codes.contains(error.code) } else { false }
    }

    /// Whether the outcome is the one, or in doubt: a bulk may not tell which of its changes found their version.
    func isOrMayBe(_ outcome: AttemptOutcome) -> Bool {
        if case .unknown = self { true } else { self == outcome }
    }
}
