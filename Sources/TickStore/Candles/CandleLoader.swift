import BSON
package import DocumentStore
import MarketData

/// Reads bars by their documents.
package struct CandleLoader: Sendable {
    private typealias Field = CandlesCollection.Field

    private let writer: VersionedWriter

    /// More than sixty minutes and an hour.
    private static let documentsPerHour = 100

    package init(reading writer: VersionedWriter) {
        self.writer = writer
    }

    /// Loads the bars that are stored among those that are named; none of them of interval `1s`.
    ///
    /// - Throws: `StoreError`.
    package func load(_ keys: [CandleKey]) async throws(StoreError) -> [CandleKey: StoredCandle] {
        var found: [CandleKey: StoredCandle] = [:]
        for batch in keys.batches {
            let documents = try await writer.find(
                DocumentQuery(
                    CandlesCollection.name,
                    where: [
                        .isIn(DocumentField.id, batch.map { .string($0.id) }),
                        .isIn(
                            Field.instrumentSymbol,
                            Set(batch.map(\.instrument.description)).sorted().map { .string($0) }
                        ),
                    ],
                    limit: batch.count
                )
            )
            for document in documents {
                let candle = try StoredCandle(document)
                found[candle.key] = candle
            }
        }
        return found
    }

    /// Loads the bar of one source and hour, and those of its minutes, in order of start.
    ///
    /// - Throws: `StoreError`.
    func load(hour: CandleKey) async throws(StoreError) -> [StoredCandle] {
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: CandlesCollection.conditions(
                    hour.instrument,
                    [.minute, .hour],
                    starts: hour.start..<CandleInterval.hour.end(of: hour.start)
                ) + [.equals(Field.source, .string(hour.source))],
                order: [.init(Field.start)],
                limit: Self.documentsPerHour
            )
        )
        var candles: [StoredCandle] = []
        for document in documents { candles.append(try StoredCandle(document)) }
        return candles
    }

    /// Loads the bars of seconds of one source and hour.
    ///
    /// - Throws: `StoreError`.
    func loadSeconds(hour: CandleKey) async throws(StoreError) -> SecondBars? {
        let key = hour.other(.second, hour.start)
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: [
                    .equals(DocumentField.id, .string(key.id)),
                    .equals(Field.instrumentSymbol, .string(hour.instrument.description)),
                ],
                limit: 1
            )
        )
        guard let document = documents.first else { return nil }
        return try SecondBars(document)
    }
}

extension Array {
    /// The elements in parts of as many as one query asks for, or one bulk changes.
    var batches: [ArraySlice<Element>] {
        stride(from: 0, to: count, by: 5_000).map { self[$0..<Swift.min($0 + 5_000, count)] }
    }
}
