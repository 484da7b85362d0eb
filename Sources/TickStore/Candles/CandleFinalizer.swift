public import DocumentStore
public import MarketData

/// Makes bars final: from the trades themselves, whatever ingest made of them before.
///
/// Idempotent: it may run twice, beside itself and beside ingest, and be killed at any moment. The bar of the hour is
/// written last, and by it readers know that the others are there.
public struct CandleFinalizer: Sendable {
    /// What became of an hour.
    public enum Outcome: Equatable, Sendable {
        /// All bars of the hour are final.
        case finalized
        /// More trades are stored than those up to the position that was named: nothing was written.
        case movedOn
        /// No trade of the hour is stored, or not all of them any more: bars that are there stay as they are.
        case withoutTrades
    }

    private let store: CandleStore

    private static let roundsMax = 64

    public init(writer: VersionedWriter, operationIDs: OperationIDs) {
        store = CandleStore(writer: writer, operationIDs: operationIDs)
    }

    /// Makes the bars of one source and hour final, of all intervals up to an hour.
    ///
    /// `appliedThrough` is the greatest position of the buckets of that hour. Where they are further by now, a later
    /// call makes the bars final.
    ///
    /// - Throws: `StoreError`.
    @discardableResult
    public func finalizeHour(
        source: String,
        instrument: Instrument,
        hourStart: Int64,
        appliedThrough: Int64
    ) async throws(StoreError) -> Outcome {
        let hour = CandleKey(source: source, instrument: instrument, interval: .hour, start: hourStart)
        for _ in 0..<Self.roundsMax {
            // Bars before trades: ingest writes in the other order, so no bar knows of a trade that is not read here.
            let stored = try await store.loader.load(hour: hour, [.minute, .fiveMinutes, .hour])
            let seconds = try await store.loader.loadSeconds(hour: hour)
            guard let trades = try await TradeHour.read(store.writer, hour, bars: .second) else {
                return .withoutTrades
            }
            guard trades.appliedThrough == appliedThrough else { return .movedOn }
            var plan = Plan(hour, stored: stored, seconds: seconds)
            if let known = stored.first(where: { $0.key == hour }), trades.isLess(than: known.bar.count) {
                guard plan.keep(appliedThrough) else { return .withoutTrades }
            } else {
                plan.make(trades)
            }
            if try await write(plan) { return .finalized }
        }
        throw StoreError(.unavailable, "the candles of \(instrument) kept changing; try again")
    }

    /// Makes the bar of one source and day what its hours say; final where that is asked for and all hours are.
    ///
    /// - Throws: `StoreError`.
    public func finalizeDay(
        source: String,
        instrument: Instrument,
        dayStart: Int64,
        isFinal: Bool
    ) async throws(StoreError) {
        let day = CandleKey(source: source, instrument: instrument, interval: .day, start: dayStart)
        try await DayCandles(store).update([day], isFinal: isFinal)
    }

    /// Answers false where a document was changed by somebody else meanwhile.
    private func write(_ plan: Plan) async throws(StoreError) -> Bool {
        if let seconds = plan.seconds {
            guard try await store.write(seconds) else { return false }
        }
        guard try await store.write(plan.parts).isEmpty else { return false }
        if !plan.obsolete.isEmpty {
            guard try await store.remove(plan.obsolete) else { return false }
        }
        guard let hour = plan.hour else { return true }
        return try await store.write([hour]).isEmpty
    }
}

/// What has to be written so that an hour is final.
private struct Plan {
    private let key: CandleKey
    private let stored: [CandleKey: StoredCandle]
    private let storedSeconds: SecondBars?
    /// Bars shorter than an hour.
    private(set) var parts: [StoredCandle] = []
    private(set) var seconds: SecondBars?
    /// Stored bars that no trade stands behind.
    private(set) var obsolete: [StoredCandle] = []
    private(set) var hour: StoredCandle?

    init(_ key: CandleKey, stored: [StoredCandle], seconds: SecondBars?) {
        self.key = key
        self.stored = Dictionary(stored.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        storedSeconds = seconds
    }

    /// Makes all bars from the trades.
    mutating func make(_ trades: TradeHour) {
        seconds = SecondBars(
            key: key(.second, key.start),
            version: storedSeconds?.version ?? 0,
            bars: trades.bars,
            isFinal: true,
            appliedThrough: trades.appliedThrough
        )
        if let storedSeconds, storedSeconds.isFinal, storedSeconds.bars == trades.bars,
            storedSeconds.appliedThrough == trades.appliedThrough
        {
            seconds = nil
        }
        var made: Set<CandleKey> = []
        var bars = trades.bars
        for interval in [CandleInterval.minute, .fiveMinutes, .hour] {
            bars = TradeBar.merged(bars, to: interval)
            for bar in bars {
                let key = key(interval, bar.start)
                made.insert(key)
                put(bar, key, trades.appliedThrough)
            }
        }
        obsolete = stored.values.filter { !made.contains($0.key) }.sorted { $0.key < $1.key }
    }

    /// Makes the stored bars final as they are, because trades that are in them are stored no more.
    ///
    /// Answers false where they are not all up to the position.
    mutating func keep(_ appliedThrough: Int64) -> Bool {
        guard let hour = stored[key], hour.appliedThrough == appliedThrough else { return false }
        for interval in [CandleInterval.minute, .fiveMinutes] {
            let count = stored.values.filter { $0.key.interval == interval }.reduce(0) { $0 + $1.bar.count }
            guard count == hour.bar.count else { return false }
        }
        for candle in stored.values.sorted(by: { $0.key < $1.key }) { put(candle.bar, candle.key, appliedThrough) }
        return true
    }

    private mutating func put(_ bar: TradeBar, _ key: CandleKey, _ appliedThrough: Int64) {
        let known = stored[key]
        if let known, known.isFinal, known.bar == bar, known.appliedThrough == appliedThrough { return }
        let candle = StoredCandle(
            key: key,
            version: known?.version ?? 0,
            bar: bar,
            isFinal: true,
            appliedThrough: appliedThrough
        )
        if key.interval == .hour { hour = candle } else { parts.append(candle) }
    }

    private func key(_ interval: CandleInterval, _ start: Int64) -> CandleKey {
        CandleKey(source: key.source, instrument: key.instrument, interval: interval, start: start)
    }
}
