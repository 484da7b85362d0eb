import BSON
package import DocumentStore
import MarketData

/// Reads bars by their documents, and writes them by version.
package struct CandleStore: Sendable {
    private typealias Field = CandlesCollection.Field

    package let writer: VersionedWriter
    private let operationIDs: OperationIDs

    /// Documents that one query asks for, or one bulk changes.
    private static let documentsPerBatch = 1_000
    /// The most bars of an hour: sixty minutes, twelve times five minutes, an hour, and the seconds.
    private static let documentsPerHour = 100

    package init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Loads the bars that are stored among those that are named; none of them of interval `1s`.
    ///
    /// - Throws: `StoreError`.
    package func load(_ keys: [CandleKey]) async throws(StoreError) -> [CandleKey: StoredCandle] {
        var found: [CandleKey: StoredCandle] = [:]
        for batch in Self.batches(keys) {
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

    /// Loads all bars of one source and hour but those of seconds, in order of start.
    ///
    /// - Throws: `StoreError`.
    func load(
        hour: CandleKey,
        _ intervals: [CandleInterval]
    ) async throws(StoreError) -> [StoredCandle] {
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: [
                    .equals(Field.instrumentSymbol, .string(hour.instrument.description)),
                    .isIn(Field.interval, intervals.map { .string($0.name) }),
                    .greaterOrEqual(Field.start, .int64(hour.start)),
                    .less(Field.start, .int64(hour.start + CandleInterval.hour.nanoseconds)),
                    .equals(Field.source, .string(hour.source)),
                ],
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
        let key = CandleKey(source: hour.source, instrument: hour.instrument, interval: .second, start: hour.start)
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

    /// Writes bars, each if its document still has the version that the bar was decided on; answers those that must be
    /// decided again.
    ///
    /// - Throws: `StoreError`.
    package func write(_ candles: [StoredCandle]) async throws(StoreError) -> Set<CandleKey> {
        var again: Set<CandleKey> = []
        for batch in Self.batches(candles) {
            let isApplied = try await apply(batch.map { $0.change(operationIDs.make()) })
            for (candle, isApplied) in zip(batch, isApplied) where !isApplied { again.insert(candle.key) }
        }
        return again
    }

    /// Writes the bars of seconds; answers whether the document still had its version.
    ///
    /// - Throws: `StoreError`.
    func write(_ seconds: SecondBars) async throws(StoreError) -> Bool {
        try await apply([seconds.change(operationIDs.make())]) == [true]
    }

    /// Removes bars; answers whether all documents still had their versions.
    ///
    /// - Throws: `StoreError`.
    func remove(_ candles: [StoredCandle]) async throws(StoreError) -> Bool {
        let changes = candles.map { candle in
            VersionedChange(
                key: candle.key.documentKey,
                action: .delete(expectedVersion: candle.version),
                operationID: operationIDs.make()
            )
        }
        return try await apply(changes).allSatisfy(\.self)
    }

    /// Applies changes and answers for each whether it took effect.
    ///
    /// Of one of which nobody can tell, the stored document tells: it is decided again.
    private func apply(_ changes: [VersionedChange]) async throws(StoreError) -> [Bool] {
        var isApplied: [Bool] = []
        var failure: StoreError?
        for outcome in await writer.apply(changes) {
            switch outcome {
            case .applied: isApplied.append(true)
            case .conflict, .notFound, .unknown: isApplied.append(false)
            case .failed(let error):
                isApplied.append(false)
                failure = error
            }
        }
        if let failure { throw failure }
        return isApplied
    }

    private static func batches<Element>(_ elements: [Element]) -> [ArraySlice<Element>] {
        stride(from: 0, to: elements.count, by: documentsPerBatch).map {
            elements[$0..<min($0 + documentsPerBatch, elements.count)]
        }
    }
}
