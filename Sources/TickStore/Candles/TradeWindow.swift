import BSON
import DocumentStore
import MarketData

/// How far the trades of one source are stored in one hour of event time.
struct TradeWindow: Equatable, Sendable {
    let source: String
    let start: Int64
    /// The tape position of the last trade that is stored.
    var appliedThrough: Int64
    /// Trades that were stored and left out again, as repetitions of others; of documents that hold trades.
    var duplicates: Int64
    /// Whether retention deleted trades.
    var lacksTrades: Bool
    /// The documents that hold the trades, in the order of their slots: that of trades of equal time.
    var documents: [Document]

    /// A document, as it was in one version.
    struct Document: Equatable, Sendable {
        let id: String
        let version: Int64
        /// CRC32C of the checksums of its blocks.
        let checksum: Int64
        /// Its first slot.
        let slot: Int64
    }

    private typealias Field = MarketDataCollection.Field

    private static let bucketsMax = 1_000_000

    /// Loads the windows of an instrument that begin in a range of time, of one source or of all, in order of start
    /// and source.
    ///
    /// - Parameter isSnapshot: whether all documents are to be as they are at one moment: else documents may be missing
    ///   that are rolled up meanwhile. Needs a store that has snapshots.
    /// - Throws: `StoreError`.
    static func load(
        _ writer: VersionedWriter,
        _ instrument: Instrument,
        source: String? = nil,
        starts: Range<Int64>,
        isSnapshot: Bool = false
    ) async throws(StoreError) -> [TradeWindow] {
        var conditions: [DocumentQuery.Condition] = [
            .equals(Field.instrumentSymbol, .string(instrument.description)),
            .equals(Field.kind, .string(EventKind.trade.name)),
            .less(Field.windowStart, .int64(starts.upperBound)),
        ]
        if let source { conditions.append(.equals(Field.source, .string(source))) }
        if starts.lowerBound > .min {
            // A bucket of a whole day may hold the window, too.
            let day = CandleInterval.day.start(of: starts.lowerBound)
            conditions.append(.greaterOrEqual(Field.windowStart, .int64(day)))
        }
        var query = DocumentQuery(
            MarketDataCollection.name,
            where: conditions,
            order: [.init(Field.windowStart), .init(Field.source), .init(Field.part)],
            fields: .only([
                DocumentField.version, DocumentField.schemaVersion, Field.source, Field.windowStart, Field.part,
                Field.appliedThrough, Field.windows, Field.replacedBy, Field.duplicateCount, Field.deletedEventCount,
                Field.slots, Field.checksum,
            ]),
            limit: bucketsMax
        )
        query.isSnapshot = isSnapshot
        var windows: [String: [Int64: TradeWindow]] = [:]
        for document in try await writer.find(query) where document[Field.replacedBy]?.string == nil {
            for window in try covered(document) where starts.contains(window.start) {
                var sum = windows[window.source]?[window.start]
                sum?.add(window)
                windows[window.source, default: [:]][window.start] = sum ?? window
            }
        }
        return windows.values.flatMap(\.values).sorted { ($0.start, $0.source) < ($1.start, $1.source) }
    }

    /// Adds what another document says of the same window.
    private mutating func add(_ other: TradeWindow) {
        duplicates += other.duplicates
        lacksTrades = lacksTrades || other.lacksTrades
        appliedThrough = max(appliedThrough, other.appliedThrough)
        // A segment may have been made later than another one that stands behind it.
        documents = (documents + other.documents).sorted { $0.slot < $1.slot }
    }

    /// The windows that a document holds trades of: one, or those that were rolled up into it.
    private static func covered(_ document: BSONDocument) throws(StoreError) -> [TradeWindow] {
        let document = try MarketDataCollection.schema.current(document)
        guard let source = document[Field.source]?.string, let start = document[Field.windowStart]?.integer,
            let applied = document[Field.appliedThrough]?.integer, let id = document[DocumentField.id]?.string,
            let version = document[DocumentField.version]?.integer,
            let checksum = document[Field.checksum]?.integer
        else { throw StoreError(.unreadable, "a bucket lacks its window or its position") }
        let lacksTrades = document[Field.deletedEventCount] != nil
        let duplicates = lacksTrades ? 0 : document[Field.duplicateCount]?.integer ?? 0
        let slot = (document[Field.slots]?.array ?? []).compactMap(\.integer).min() ?? start
        let stored = Document(id: id, version: version, checksum: checksum, slot: slot)
        let segment = try SegmentWindow.all(in: document)
        let parts = segment.isEmpty ? [(start, applied)] : segment.map { ($0.start, $0.appliedThrough) }
        return parts.map { start, applied in
            TradeWindow(
                source: source,
                start: start,
                appliedThrough: applied,
                duplicates: duplicates,
                lacksTrades: lacksTrades,
                documents: [stored]
            )
        }
    }
}
