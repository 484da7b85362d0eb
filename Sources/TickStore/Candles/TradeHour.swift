package import DocumentStore
package import MarketData

/// The bars that the stored trades of one source make in one hour, or in a part of it.
package struct TradeHour: Sendable {
    package let bars: [TradeBar]
    /// All trades up to this position are in the bars, and none behind it.
    package let appliedThrough: Int64
    /// Trades that were stored and left out again, as repetitions of others.
    let duplicates: Int64

    package var count: Int64 { bars.reduce(0) { $0 + $1.count } }

    private static let roundsMax = 64

    /// Whether bars of so many trades were made when more trades were stored than are now.
    package func isLess(than count: Int64) -> Bool { self.count + duplicates < count }

    /// Reads the trades of a source that lie in the time of `key`, and makes bars of an interval of them; nil where no
    /// trade of that hour is stored.
    ///
    /// What is read is what one position of the tape says: trades that arrive meanwhile let it begin again.
    ///
    /// - Throws: `StoreError`.
    package static func read(
        _ writer: VersionedWriter,
        _ key: CandleKey,
        bars interval: CandleInterval
    ) async throws(StoreError) -> TradeHour? {
        let hour = CandleInterval.hour.start(of: key.start)
        var before = try await window(writer, key, hour)
        for _ in 0..<roundsMax {
            guard let seen = before else { return nil }
            let bars = try await bars(writer, key, interval)
            let after = try await window(writer, key, hour)
            if after == seen {
                return TradeHour(bars: bars, appliedThrough: seen.appliedThrough, duplicates: seen.duplicates)
            }
            before = after
        }
        throw StoreError(.unavailable, "the trades of \(key.instrument) kept changing; try again")
    }

    private static func window(
        _ writer: VersionedWriter,
        _ key: CandleKey,
        _ hour: Int64
    ) async throws(StoreError) -> TradeWindow? {
        try await TradeWindow.load(writer, key.instrument, source: key.source, starts: hour..<(hour + 1)).first
    }

    /// The bars of the trades in the time of `key`, as they are read.
    private static func bars(
        _ writer: VersionedWriter,
        _ key: CandleKey,
        _ interval: CandleInterval
    ) async throws(StoreError) -> [TradeBar] {
        let query = EventQuery(
            instrument: key.instrument,
            kind: .trade,
            from: Timestamp(nanoseconds: key.start),
            to: Timestamp(nanoseconds: key.interval.end(of: key.start)),
            source: key.source
        )
        let reader = BucketReader(reading: writer, query)
        var builder = BarBuilder(interval)
        while let merged = try await reader.nextMerged() {
            for event in merged.events { builder.add(event) }
        }
        return builder.bars
    }
}
