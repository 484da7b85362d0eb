import BSON
import DocumentStore
import MarketData

/// Which hours and days of an instrument have bars, and up to where: what the documents of `1h` and `1d` say.
enum CandleIndex {
    /// The bars of one source in one hour, or in one day.
    struct Entry: Equatable, Sendable {
        let interval: CandleInterval
        let source: String
        /// The start of the hour, or of the day, in nanoseconds.
        let start: Int64
        /// Whether compaction made the bars final; a late trade takes that back of its hour.
        let isFinal: Bool
        /// The tape position of the last trade that is in the bars.
        let appliedThrough: Int64
        /// The trades that are in the bars.
        let tradeCount: Int64
        /// The version of the document.
        let version: Int64
        /// Of a day: as of `StoredCandle`.
        let hourVersions: Int64?
    }

    private typealias Field = CandlesCollection.Field
    private static let hoursMax = 1_000_000

    /// Loads the hours of an instrument, or its days, or both, that begin in a range of time: in order of interval,
    /// start and source.
    ///
    /// - Throws: `StoreError`.
    static func load(
        _ writer: VersionedWriter,
        _ instrument: Instrument,
        _ intervals: [CandleInterval],
        starts: Range<Int64> = .min..<(.max)
    ) async throws(StoreError) -> [Entry] {
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: CandlesCollection.conditions(instrument, intervals, starts: starts),
                order: [.init(Field.interval), .init(Field.start), .init(Field.source)],
                fields: .only(
                    CandlesCollection.schema.fields + [
                        DocumentField.version, Field.hourVersions, Field.interval, Field.source, Field.start,
                        Field.isFinal, Field.appliedThrough, Field.count,
                    ]
                ),
                limit: hoursMax
            )
        )
        var entries: [Entry] = []
        for document in documents { entries.append(try entry(document, of: instrument)) }
        return entries
    }

    private static func entry(_ document: BSONDocument, of instrument: Instrument) throws(StoreError) -> Entry {
        let document = try CandlesCollection.schema.current(document)
        do throws(BSONError) {
            guard let interval = CandleInterval(name: try document.string(Field.interval)) else {
                throw BSONError(.wrongType, field: Field.interval)
            }
            return Entry(
                interval: interval,
                source: try document.string(Field.source),
                start: try document.integer(Field.start),
                isFinal: try document.bool(Field.isFinal),
                appliedThrough: try document.integer(Field.appliedThrough),
                tradeCount: try document.integer(Field.count),
                version: try document.integer(DocumentField.version),
                hourVersions: document[Field.hourVersions]?.integer
            )
        } catch {
            throw StoreError(.unreadable, "a candle of \(instrument) cannot be read: \(error)")
        }
    }
}
