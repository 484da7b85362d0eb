package import DocumentStore
import MarketData

/// Writes bars by the versions of their documents.
package struct CandleStore: Sendable {
    package let writer: VersionedWriter
    private let operationIDs: OperationIDs

    package init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    package var loader: CandleLoader { CandleLoader(reading: writer) }

    /// Writes bars, each if its document still has the version that the bar was decided on; answers those that must be
    /// decided again.
    ///
    /// - Throws: `StoreError`.
    package func write(_ candles: [StoredCandle]) async throws(StoreError) -> Set<CandleKey> {
        var again: Set<CandleKey> = []
        for batch in candles.batches {
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
}
