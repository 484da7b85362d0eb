package import DocumentStore
package import MarketData

/// Makes bars final: from the trades themselves, whatever ingest made of them before.
///
/// Idempotent: it may run twice, beside itself and beside ingest, and be killed at any moment. The bar of the hour is
/// written last, and by it readers know that the others are there.
package struct CandleFinalizer: Sendable {
    /// What became of an hour.
    package enum Outcome: Equatable, Sendable {
        /// All bars of the hour are final.
        case finalized
        /// More trades are stored than those up to the position that was named: nothing was written.
        case movedOn
        /// No trade of the hour is stored, or not all of them any more: bars that are there stay as they are.
        case withoutTrades
    }

    private let store: CandleStore

    private static let roundsMax = 64

    package init(writer: VersionedWriter, operationIDs: OperationIDs) {
        store = CandleStore(writer: writer, operationIDs: operationIDs)
    }

    /// Makes the bars of one source and hour final: those of its seconds and minutes, and its own.
    ///
    /// - Parameters:
    ///   - appliedThrough: the greatest position of the buckets of that hour. Where they are further by now, a later
    ///     call makes the bars final.
    ///   - fresh: what was written of the instrument just now, and need not be read.
    /// - Throws: `StoreError`.
    @discardableResult
    package func finalizeHour(
        source: String,
        instrument: Instrument,
        hourStart: Int64,
        appliedThrough: Int64,
        fresh: FreshBuckets? = nil
    ) async throws(StoreError) -> Outcome {
        let hour = CandleKey(source: source, instrument: instrument, interval: .hour, start: hourStart)
        for _ in 0..<Self.roundsMax {
            // Bars before trades: ingest writes in the other order, so no bar knows of a trade that is not read here.
            let stored = try await store.loader.load(hour: hour)
            let seconds = try await store.loader.loadSeconds(hour: hour)
            guard let trades = try await trades(hour, fresh) else { return .withoutTrades }
            guard trades.appliedThrough == appliedThrough else { return .movedOn }
            var plan = Plan(hour, stored: stored, seconds: seconds)
            if trades.lacksTrades || trades.bars.isEmpty || trades.isLess(than: plan.knownHour?.bar.count ?? 0) {
                guard plan.keep(appliedThrough) else { return .withoutTrades }
            } else {
                plan.make(trades)
            }
            if try await write(plan) { return .finalized }
        }
        throw Self.keptChanging(instrument)
    }

    /// Makes the bar of one source and day what its hours say, and final if they all are.
    ///
    /// The day is read before its hours, so of two who do so at once the one with the older hours gets a conflict and
    /// reads them again.
    ///
    /// - Throws: `StoreError`.
    package func finalizeDay(
        source: String,
        instrument: Instrument,
        dayStart: Int64
    ) async throws(StoreError) {
        let day = CandleKey(source: source, instrument: instrument, interval: .day, start: dayStart)
        for _ in 0..<Self.roundsMax {
            let stored = try await store.loader.load([day])[day]
            let hours = try await store.loader.load(day.hours)
            let made = StoredCandle.day(day, of: hours, version: stored?.version ?? 0)
            guard let candle = made?.unlessStored(as: stored),
                try await !store.write([candle]).isEmpty
            else { return }
        }
        throw Self.keptChanging(instrument)
    }

    private func trades(_ hour: CandleKey, _ fresh: FreshBuckets?) async throws(StoreError) -> TradeHour? {
        if let fresh, let known = try await TradeHour.fresh(store.writer, hour, fresh) { return known }
        return try await TradeHour.read(store.writer, hour, bars: .second)
    }

    private static func keptChanging(_ instrument: Instrument) -> StoreError {
        StoreError(.unavailable, "the candles of \(instrument) kept changing; try again")
    }

    /// Answers false where a document was changed by somebody else meanwhile.
    private func write(_ plan: Plan) async throws(StoreError) -> Bool {
        if let seconds = plan.seconds {
            guard try await store.write(seconds) else { return false }
        }
        guard try await store.write(plan.minutes).isEmpty else { return false }
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
    /// Bars of minutes that are not stored as their trades make them.
    private(set) var minutes: [StoredCandle] = []
    private(set) var seconds: SecondBars?
    /// Stored bars that no trade stands behind.
    private(set) var obsolete: [StoredCandle] = []
    private(set) var hour: StoredCandle?

    var knownHour: StoredCandle? { stored[key] }

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
        let minutes = TradeBar.merged(trades.bars, to: .minute)
        for bar in minutes { put(minute: bar, trades) }
        let made = Set(minutes.map { key(.minute, $0.start) })
        obsolete = stored.values.filter { $0.key != key && !made.contains($0.key) }.sorted { $0.key < $1.key }
        if let bar = TradeBar.merged(minutes, to: .hour).first { put(hour: bar, trades.appliedThrough) }
    }

    /// Makes the stored bars final as they are, because trades that are in them are stored no more.
    ///
    /// Answers false where they are not all up to the position.
    mutating func keep(_ appliedThrough: Int64) -> Bool {
        guard let hour = knownHour, hour.appliedThrough == appliedThrough else { return false }
        let count = stored.values.filter { $0.key.interval == .minute }.reduce(0) { $0 + $1.bar.count }
        guard count == hour.bar.count else { return false }
        put(hour: hour.bar, appliedThrough)
        return true
    }

    /// A bar that ingest made right is not written once more: it is final with its hour.
    ///
    /// Where none was left out, it is of stored trades only, and of all of them if it has as many. Where repetitions
    /// were left out, it may be right because ingest has yet to add one: then it has to say up to where it is right.
    private mutating func put(minute bar: TradeBar, _ trades: TradeHour) {
        let key = key(.minute, bar.start)
        let known = stored[key]
        if let known, known.bar == bar, trades.duplicates == 0 || known.appliedThrough == trades.appliedThrough {
            return
        }
        minutes.append(
            StoredCandle(
                key: key,
                version: known?.version ?? 0,
                bar: bar,
                isFinal: true,
                appliedThrough: trades.appliedThrough
            )
        )
    }

    private mutating func put(hour bar: TradeBar, _ appliedThrough: Int64) {
        let candle = StoredCandle(
            key: key,
            version: knownHour?.version ?? 0,
            bar: bar,
            isFinal: true,
            appliedThrough: appliedThrough
        )
        hour = candle.unlessStored(as: knownHour)
    }

    private func key(_ interval: CandleInterval, _ start: Int64) -> CandleKey {
        key.other(interval, start)
    }
}
