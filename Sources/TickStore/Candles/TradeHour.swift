package import DocumentStore
package import MarketData

/// The bars that the stored trades of one source make in one hour, or in a part of it.
package struct TradeHour: Sendable {
    package let bars: [TradeBar]
    /// All trades up to this position are in the bars, and none behind it.
    package let appliedThrough: Int64
    /// Trades that were stored and left out again, as repetitions of others.
    let duplicates: Int64
    /// Whether trades are not in the bars that once were stored: deleted by retention, or in quarantine.
    let lacksTrades: Bool

    package var count: Int64 { bars.reduce(0) { $0 + $1.count } }

    private static let roundsMax = 64

    /// Whether bars of so many trades were made when more trades were stored than are now.
    ///
    /// The number alone does not tell: late trades may have taken the place of deleted ones.
    package func isLess(than count: Int64) -> Bool {
        count > 0 && (lacksTrades || self.count + duplicates < count)
    }

    /// The trades of a whole hour, where compaction has just sealed all of them and nobody changed them since; nil
    /// otherwise.
    ///
    /// - Throws: `StoreError`.
    static func fresh(
        _ writer: VersionedWriter,
        _ hour: CandleKey,
        _ buckets: FreshBuckets
    ) async throws(StoreError) -> TradeHour? {
        guard let seen = try await window(writer, hour, hour.start, isSnapshot: true),
            let bars = buckets.takeBars(of: seen.documents, hour: hour.start)
        else { return nil }
        return TradeHour(
            bars: bars,
            appliedThrough: seen.appliedThrough,
            duplicates: seen.duplicates,
            lacksTrades: seen.lacksTrades
        )
    }

    /// Reads the trades of a source that lie in the time of `key`, and makes bars of an interval of them; nil where no
    /// trade of that hour was ever stored.
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
            let (bars, isWhole) = try await bars(writer, key, interval)
            let after = try await window(writer, key, hour)
            if after == seen {
                return TradeHour(
                    bars: bars,
                    appliedThrough: seen.appliedThrough,
                    duplicates: seen.duplicates,
                    lacksTrades: seen.lacksTrades || !isWhole
                )
            }
            before = after
        }
        throw StoreError(.unavailable, "the trades of \(key.instrument) kept changing; try again")
    }

    private static func window(
        _ writer: VersionedWriter,
        _ key: CandleKey,
        _ hour: Int64,
        isSnapshot: Bool = false
    ) async throws(StoreError) -> TradeWindow? {
        let starts = hour..<(hour + 1)
        return try await TradeWindow.load(
            writer,
            key.instrument,
            source: key.source,
            starts: starts,
            isSnapshot: isSnapshot
        ).first
    }

    /// The bars of the trades in the time of `key`, as they are read, and whether none is in quarantine.
    private static func bars(
        _ writer: VersionedWriter,
        _ key: CandleKey,
        _ interval: CandleInterval
    ) async throws(StoreError) -> (bars: [TradeBar], isWhole: Bool) {
        let query = EventQuery(
            instrument: key.instrument,
            kind: .trade,
            from: Timestamp(nanoseconds: key.start),
            to: Timestamp(nanoseconds: key.interval.end(of: key.start)),
            source: key.source
        )
        let reader = BucketReader(reading: writer, query)
        var builder = BarBuilder(interval)
        var merged = MergedEvents()
        while try await reader.appendNext(to: &merged) {
            builder.add(merged.events)
            merged.removeAll()
        }
        return (builder.bars, reader.leftOut.isEmpty)
    }
}
