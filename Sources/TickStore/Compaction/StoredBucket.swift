import BSON
import DocumentStore
import MarketData
import TickCodec

/// A document of market data as it was read, with its blocks.
struct StoredBucket: Sendable {
    let outline: BucketOutline
    let document: BSONDocument

    /// Reads a document if it still has the version of the outline; nil otherwise.
    ///
    /// - Throws: `StoreError`.
    static func read(_ outline: BucketOutline, _ writer: VersionedWriter) async throws(StoreError) -> StoredBucket? {
        guard let stored = try await read(id: outline.id, instrument: outline.instrument, writer) else { return nil }
        return stored.outline.state.version == outline.state.version ? stored : nil
    }

    /// Reads a document as it is now; nil where it is gone.
    ///
    /// - Throws: `StoreError`.
    static func read(
        id: String,
        instrument: Instrument,
        _ writer: VersionedWriter
    ) async throws(StoreError) -> StoredBucket? {
        let query = DocumentQuery(
            MarketDataCollection.name,
            where: [
                .equals(DocumentField.id, .string(id)),
                .equals(MarketDataCollection.Field.instrumentSymbol, .string(instrument.description)),
            ],
            limit: 1
        )
        guard let document = try await writer.find(query).first else { return nil }
        return StoredBucket(outline: try BucketOutline(document), document: document)
    }

    /// The blocks, each with its checksum checked.
    ///
    /// - Throws: `StoreError` with code `unreadable`, which names bucket and block.
    func blocks() throws(StoreError) -> [StoredBlock] {
        var blocks: [StoredBlock] = []
        for (index, value) in (document[MarketDataCollection.Field.blocks]?.array ?? []).enumerated() {
            guard let bytes = value.binary else {
                throw StoreError(.unreadable, "block \(index) of bucket \(outline.id) is not binary")
            }
            let rank = StoredBlock.Rank(source: 0, slot: outline.firstSlot, index: index)
            blocks.append(try StoredBlock(bytes, rank: rank, bucket: outline.id))
        }
        guard blocks.checksum == outline.state.checksum else {
            throw StoreError(.unreadable, "the checksum of bucket \(outline.id) does not match its blocks")
        }
        return blocks
    }
}
