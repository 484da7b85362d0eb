package import DocumentStore
import MarketData

/// Keeps the bars of days what the bars of their hours say.
///
/// A day is made of its hours and nothing else: an hour says itself up to where it is applied, and a day, whose hours
/// are written one by one, could not. Whoever changed an hour brings its day up to it. That day is read before the
/// hours, so of two who do so at once the one with the older hours gets a conflict and reads them again.
package struct DayCandles: Sendable {
    private let store: CandleStore

    private static let roundsMax = 64
    private static let daysPerRound = 64

    package init(_ store: CandleStore) {
        self.store = store
    }

    /// Brings days up to their hours; `isFinal` says that no more trades are expected of them.
    ///
    /// - Throws: `StoreError`.
    package func update(_ days: [CandleKey], isFinal: Bool) async throws(StoreError) {
        for start in stride(from: 0, to: days.count, by: Self.daysPerRound) {
            var open = Array(days[start..<min(start + Self.daysPerRound, days.count)])
            var rounds = 0
            while !open.isEmpty {
                guard rounds < Self.roundsMax else {
                    throw StoreError(.unavailable, "candles kept changing: is another replay of this source running?")
                }
                rounds += 1
                open = try await updateOnce(open, isFinal: isFinal)
            }
        }
    }

    /// Answers the days that must be decided again.
    private func updateOnce(_ days: [CandleKey], isFinal: Bool) async throws(StoreError) -> [CandleKey] {
        let stored = try await store.loader.load(days)
        let hours = try await store.loader.load(days.flatMap(Self.hours))
        var changed: [StoredCandle] = []
        for day in days {
            let parts = Self.hours(of: day).compactMap { hours[$0] }
            guard let candle = Self.merged(parts, day, over: stored[day], isFinal: isFinal) else { continue }
            changed.append(candle)
        }
        let again = try await store.write(changed)
        return days.filter(again.contains)
    }

    private static func hours(of day: CandleKey) -> [CandleKey] {
        (Int64(0)..<24).compactMap { hour in
            let (start, overflow) = day.start.addingReportingOverflow(hour * CandleInterval.hour.nanoseconds)
            if overflow { return nil }
            return CandleKey(source: day.source, instrument: day.instrument, interval: .hour, start: start)
        }
    }

    /// The day as its hours make it, or nil where it is stored as that.
    private static func merged(
        _ hours: [StoredCandle],
        _ day: CandleKey,
        over stored: StoredCandle?,
        isFinal: Bool
    ) -> StoredCandle? {
        guard let bar = TradeBar.merged(hours.map(\.bar), to: .day).first else { return nil }
        let isSame = stored?.bar == bar
        let candle = StoredCandle(
            key: day,
            version: stored?.version ?? 0,
            bar: bar,
            isFinal: isFinal ? hours.allSatisfy(\.isFinal) : isSame && stored?.isFinal == true,
            appliedThrough: hours.map(\.appliedThrough).max() ?? .min
        )
        let isStored = isSame && stored?.isFinal == candle.isFinal && stored?.appliedThrough == candle.appliedThrough
        return isStored ? nil : candle
    }
}
