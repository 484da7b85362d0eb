import BSON
import DocumentStore
import MarketData

/// Some blocks of a document, as they are stored in one version of it.
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
        at moment: StoreMoment?
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

/// Blocks that were read of an instrument, and when: what is read on need not fetch them once more.
struct BlockPreview {
    /// Nil of a store that keeps no history.
    let moment: StoreMoment?
    /// By the names of their documents; of each a stretch without holes.
    private var documents: [String: FetchedBlocks] = [:]

    init(at moment: StoreMoment?) {
        self.moment = moment
    }

    /// Adds blocks that stand right before those that are there.
    mutating func prepend(_ fetched: FetchedBlocks, of outline: BucketOutline) {
        let later = documents[outline.id]?.blocks ?? []
        documents[outline.id] = FetchedBlocks(
            version: fetched.version,
            sealedCount: fetched.sealedCount,
            blocks: fetched.blocks + later
        )
    }

    /// Blocks of a document, if all of them were read in the version that the outline has.
    func blocks(_ wanted: Range<Int>, of outline: BucketOutline) -> FetchedBlocks? {
        guard let known = documents[outline.id], known.version == outline.state.version,
            let first = known.blocks.first?.index, let last = known.blocks.last?.index,
            first <= wanted.lowerBound, wanted.upperBound <= last + 1
        else { return nil }
        let part = known.blocks[wanted.lowerBound - first..<wanted.upperBound - first]
        return FetchedBlocks(version: known.version, sealedCount: known.sealedCount, blocks: Array(part))
    }
}
