import BSON
public import DocumentStore

/// Takes damaged documents out of the way of readers, and lets them back once they are sound again.
///
/// A document in quarantine keeps all that it has: it says why it is there, readers pass over it and say so, it takes
/// no more events, and compaction leaves it alone.
struct BucketQuarantine: Sendable {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs

    init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Brings a document into quarantine, or out of it; answers whether it is in there then.
    ///
    /// - Parameter damage: what is wrong with it; nil where it is sound.
    /// - Throws: `StoreError` where the store fails.
    func put(_ outline: BucketOutline, _ damage: String?) async throws(StoreError) -> Bool {
        let isIn = outline.quarantined != nil
        guard isIn == (damage == nil) else { return isIn }
        let update =
            damage.map { DocumentUpdate(set: [(Field.quarantined, .string($0))]) }
            ?? DocumentUpdate(unset: [Field.quarantined])
        let change = VersionedChange(
            // By the id that it has: one that does not match the fields is a damage, too.
            key: DocumentKey(
                collection: MarketDataCollection.name,
                id: .string(outline.id),
                shardKey: outline.documentKey.shardKey
            ),
            action: .update(expectedVersion: outline.state.version, update.bringingUp(outline.state.upcast)),
            operationID: operationIDs.make(),
            conflictExcludes: [Field.blocks]
        )
        switch await writer.apply(change) {
        case .applied: return damage != nil
        // It changed since it was read: the next round looks again.
        case .conflict, .notFound, .unknown: return isIn
        case .failed(let error): throw error
        }
    }
}

/// The damaged documents that readers pass over.
public enum QuarantineList {
    private typealias Field = MarketDataCollection.Field

    /// Their names, with the reasons, up to `limit`.
    ///
    /// - Throws: `StoreError`.
    public static func load(
        _ writer: VersionedWriter,
        limit: Int
    ) async throws(StoreError) -> [(bucket: String, reason: String)] {
        let query = DocumentQuery(
            MarketDataCollection.name,
            where: [.greaterOrEqual(Field.quarantined, .string(""))],
            order: [.init(DocumentField.id)],
            fields: .only([Field.quarantined]),
            limit: limit
        )
        return try await writer.find(query).compactMap { document in
            guard let id = document[DocumentField.id]?.string, let reason = document[Field.quarantined]?.string else {
                return nil
            }
            return (id, reason)
        }
    }
}
