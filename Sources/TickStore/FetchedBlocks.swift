import BSON
import DocumentStore
import MarketData

/// Blocks of a document as they are stored at the moment.
struct FetchedBlocks {
    let version: Int64
    let sealedCount: Int
    /// With their places in the document.
    let blocks: [(index: Int, value: BSONValue)]

    private typealias Field = MarketDataCollection.Field

    /// Fetches some blocks of a document, or all; nil where it is gone.
    static func find(
        _ outline: BucketOutline,
        _ wanted: Range<Int>?,
        _ writer: VersionedWriter,
        at moment: StoreMoment? = nil
    ) async throws(StoreError) -> FetchedBlocks? {
        let isPart = wanted.map { $0.count < Int(outline.state.blockCount) } ?? false
        let fields: DocumentQuery.Fields
        if let wanted, isPart {
            fields = .slice(
                of: Field.blocks,
                skip: wanted.lowerBound,
                count: wanted.count,
                excluding: [Field.slots, Field.windows, Field.sealedTimes]
            )
        } else {
            fields = .only([Field.blocks, Field.sealedBlockCount, DocumentField.version])
        }
        var query = DocumentQuery(
            MarketDataCollection.name,
            where: [
                .equals(DocumentField.id, .string(outline.id)),
                .equals(Field.instrumentSymbol, .string(outline.instrument.description)),
                .equals(Field.replacedBy, .null),
            ],
            fields: fields,
            limit: 1
        )
        query.moment = moment
        guard let document = try await writer.find(query).first, let blocks = document[Field.blocks]?.array else {
            return nil
        }
        let first = isPart ? wanted?.lowerBound ?? 0 : 0
        return FetchedBlocks(
            version: document[DocumentField.version]?.integer ?? 0,
            sealedCount: Int(document[Field.sealedBlockCount]?.integer ?? 0),
            blocks: blocks.enumerated().map { (first + $0, $1) }
        )
    }
}
