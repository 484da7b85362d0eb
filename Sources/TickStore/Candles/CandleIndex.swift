import BSON
public import DocumentStore
public import MarketData

/// Which hours of an instrument have bars, and up to where: what the documents of interval `1h` say.
public enum CandleIndex {
    /// The bars of one source in one hour.
    public struct Entry: Equatable, Sendable {
        public let source: String
        /// The start of the hour, in nanoseconds; of the day, where days were asked for.
        public let hourStart: Int64
        /// Whether all bars of the hour were made final; a late trade takes that back.
        public let isFinal: Bool
        /// The tape position of the last trade that is in the bars.
        public let appliedThrough: Int64
        /// The trades that are in the bars.
        public let tradeCount: Int64
    }

    private typealias Field = CandlesCollection.Field
    private static let hoursMax = 1_000_000

    /// Loads the hours of an instrument, in order of start and source.
    ///
    /// - Throws: `StoreError`.
    public static func load(
        _ writer: VersionedWriter,
        _ instrument: Instrument
    ) async throws(StoreError) -> [Entry] {
        try await load(writer, instrument, starts: .min..<(.max))
    }

    /// Loads the days of an instrument in place of its hours.
    ///
    /// - Throws: `StoreError`.
    static func days(_ writer: VersionedWriter, _ instrument: Instrument) async throws(StoreError) -> [Entry] {
        try await load(writer, instrument, .day, starts: .min..<(.max))
    }

    /// Loads the hours of an instrument that begin in a range of time.
    static func load(
        _ writer: VersionedWriter,
        _ instrument: Instrument,
        _ interval: CandleInterval = .hour,
        starts: Range<Int64>
    ) async throws(StoreError) -> [Entry] {
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: CandlesCollection.conditions(instrument, interval, starts: starts),
                order: [.init(Field.start), .init(Field.source)],
                fields: .only(
                    CandlesCollection.schema.fields + [
                        Field.source, Field.start, Field.isFinal, Field.appliedThrough, Field.count,
                    ]
                ),
                limit: hoursMax
            )
        )
        var entries: [Entry] = []
        for document in documents {
            let document = try CandlesCollection.schema.current(document)
            do throws(BSONError) {
                entries.append(
                    Entry(
                        source: try document.string(Field.source),
                        hourStart: try document.integer(Field.start),
                        isFinal: try document.bool(Field.isFinal),
                        appliedThrough: try document.integer(Field.appliedThrough),
                        tradeCount: try document.integer(Field.count)
                    )
                )
            } catch {
                throw StoreError(.unreadable, "a candle of \(instrument) cannot be read: \(error)")
            }
        }
        return entries
    }
}
