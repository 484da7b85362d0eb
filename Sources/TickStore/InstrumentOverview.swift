import BSON
public import DocumentStore
import MarketData

/// What is stored of one instrument, from the summaries of its buckets.
public struct InstrumentOverview: Sendable {
    /// `VENUE:SYMBOL`.
    public let instrument: String
    public var trades = 0
    public var quotes = 0
    public var candles = 0
    /// The trades and quotes in windows that begin in the 24 hours before the newest window of all instruments, and in
    /// that one.
    public var recentEvents = 0
    /// The price of the trade with the greatest event time, as text; nil where there is none.
    public var lastPrice: String?
    private var lastTime = Int64.min

    private typealias Field = MarketDataCollection.Field

    /// Loads the instruments of one source, or of all, by name.
    ///
    /// - Throws: `StoreError`.
    public static func load(
        _ writer: VersionedWriter,
        source: String? = nil
    ) async throws(StoreError) -> [InstrumentOverview] {
        let documents = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                where: [.equals(Field.replacedBy, .null), .greater(Field.eventCount, .int64(0))]
                    + (source.map { [.equals(Field.source, .string($0))] } ?? []),
                fields: .only([
                    Field.instrumentSymbol, Field.kind, Field.windowStart, Field.eventCount, Field.close,
                    Field.closeTime,
                ]),
                limit: 1_000_000
            )
        )
        let newest = documents.filter(hasTicks).compactMap { $0[Field.windowStart]?.integer }.max() ?? .min
        let recent = newest.adding(seconds: -86_400)
        var rows: [String: InstrumentOverview] = [:]
        for document in documents {
            guard let name = document[Field.instrumentSymbol]?.string else { continue }
            rows[name, default: InstrumentOverview(instrument: name)].add(document, recentFrom: recent)
        }
        return rows.values.sorted { $0.instrument < $1.instrument }
    }

    private init(instrument: String) {
        self.instrument = instrument
    }

    /// Whether a document has trades or quotes, whose windows are short enough to say when they were.
    private static func hasTicks(_ document: BSONDocument) -> Bool {
        document[Field.kind]?.string != EventKind.candle.name
    }

    private mutating func add(_ document: BSONDocument, recentFrom recent: Int64) {
        let count = Int(document[Field.eventCount]?.integer ?? 0)
        if Self.hasTicks(document), document[Field.windowStart]?.integer ?? .min > recent { recentEvents += count }
        switch document[Field.kind]?.string.flatMap(EventKind.init(name:)) {
        case .trade:
            trades += count
            guard let time = document[Field.closeTime]?.integer, time >= lastTime else { return }
            lastTime = time
            lastPrice = document[Field.close]?.exactDecimal?.description
        case .quote: quotes += count
        case .candle: candles += count
        case nil: break
        }
    }
}
