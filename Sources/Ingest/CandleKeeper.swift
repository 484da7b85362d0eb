package import DocumentStore
import MarketData
private import Synchronization
package import TickStore

/// Keeps the bars of minutes and hours current while trades are stored; those between and beyond are made of them.
///
/// What trades add to bars collects in memory and is written now and then: a bar that changes a thousand times in a
/// second is written once. Trades are in their buckets before the keeper is told of them, and the checkpoint moves only
/// behind what is written here; so after a crash the same trades come again, and each bar says by its position which of
/// them it has. One task adds, and one task at a time writes, beside it perhaps.
package final class CandleKeeper: Sendable {
    /// How long what changed may wait.
    package struct Limits: Sendable {
        /// Bars are written this long after they were written before, at the earliest.
        ///
        /// Where writing them takes longer than that, they wait for twice as long as it took: with many instruments,
        /// bars are most of what is to be written, and trades come first.
        package var interval: Duration
        /// Bars of minutes that may wait; with more they are written at once.
        package var barsMax: Int

        package init(interval: Duration = .seconds(1), barsMax: Int = 50_000) {
            self.interval = interval
            self.barsMax = barsMax
        }
    }

    /// The bars whose documents are remembered; beyond it all are read again.
    private static let knownMax = 100_000
    private static let roundsMax = 64

    private let store: CandleStore
    private let limits: Limits
    private let now: @Sendable () -> Duration
    private let state = Mutex(State())

    private struct State {
        /// What trades add to the bars of minutes.
        var waiting: [CandleKey: PositionedBar] = [:]
        var isFlushing = false
        var flushedAt: Duration?
        /// How long it took to write what was written last.
        var flushTime = Duration.zero
        /// Documents as they are, for whoever writes.
        var known: [CandleKey: StoredCandle?] = [:]
    }

    /// `now` is a monotonic clock.
    package init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        limits: Limits = Limits(),
        now: @escaping @Sendable () -> Duration
    ) {
        store = CandleStore(writer: writer, operationIDs: operationIDs)
        self.limits = limits
        self.now = now
    }

    /// Whether everything is written.
    package var isEmpty: Bool { state.withLock { $0.waiting.isEmpty && !$0.isFlushing } }

    /// How long until what waits is to be written; zero where that is due, nil where nothing waits.
    ///
    /// While some is being written, the rest is not due: who asks again and again would keep that from ending.
    package var timeToFlush: Duration? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            guard !state.isFlushing else { return limits.interval }
            guard state.waiting.count <= limits.barsMax, let flushedAt = state.flushedAt else { return .zero }
            return max(.zero, flushedAt + max(limits.interval, state.flushTime * 2) - now())
        }
    }

    /// Adds trades that were stored, of one source and in the order of their positions.
    package func add(_ buckets: [PendingBucket]) {
        for bucket in buckets where bucket.key.kind == .trade {
            var builder = BarBuilder(.minute)
            builder.add(bucket.events)
            for bar in builder.positionedBars {
                let key = CandleKey(
                    source: bucket.key.source,
                    instrument: bucket.key.instrument,
                    interval: .minute,
                    start: bar.bar.start
                )
                state.withLock { Self.add(bar, to: key, in: &$0.waiting) }
            }
        }
    }

    /// A stretch that is written once more, after an error, was added before.
    private static func add(
        _ bar: PositionedBar,
        to key: CandleKey,
        in waiting: inout [CandleKey: PositionedBar]
    ) {
        guard let before = waiting[key] else {
            waiting[key] = bar
            return
        }
        if before.lastPosition < bar.firstPosition { waiting[key]?.merge(bar) }
    }

    /// Writes everything that waits, or throws having written some of it: to write it again is harmless.
    ///
    /// - Throws: `StoreError`.
    package func flush() async throws(StoreError) {
        let began = now()
        var (waiting, known) = state.withLock { state in
            defer {
                state.waiting = [:]
                state.known = [:]
                state.isFlushing = true
            }
            return (state.waiting, state.known)
        }
        do throws(StoreError) {
            try await write(Self.withHours(waiting), &known)
            waiting = [:]
        } catch {
            end(waiting, known, since: began)
            throw error
        }
        end(waiting, known, since: began)
    }

    /// Puts back what was not written, before what came meanwhile.
    private func end(
        _ unwritten: [CandleKey: PositionedBar],
        _ known: [CandleKey: StoredCandle?],
        since began: Duration
    ) {
        state.withLock { state in
            let later = state.waiting
            state.waiting = unwritten
            for (key, bar) in later { Self.add(bar, to: key, in: &state.waiting) }
            state.known = known.count > Self.knownMax ? [:] : known
            state.isFlushing = false
            guard unwritten.isEmpty else { return }
            let now = now()
            state.flushedAt = now
            state.flushTime = now - began
        }
    }

    private func write(
        _ additions: [CandleKey: PositionedBar],
        _ known: inout [CandleKey: StoredCandle?]
    ) async throws(StoreError) {
        var open = additions.keys.sorted()
        var rounds = 0
        while !open.isEmpty {
            guard rounds < Self.roundsMax else {
                throw StoreError(.unavailable, "candles kept changing: is another replay of this source running?")
            }
            rounds += 1
            open = try await apply(open, additions, &known)
        }
    }
}

extension CandleKeeper {
    /// What was added to bars of minutes, and to those of the hours that they are part of.
    private static func withHours(_ minutes: [CandleKey: PositionedBar]) -> [CandleKey: PositionedBar] {
        var all = minutes
        for (key, bar) in minutes.sorted(by: { $0.key.start < $1.key.start }) {
            let hour = bar.widened(to: .hour)
            let key = key.other(.hour, hour.bar.start)
            if all[key] == nil { all[key] = hour } else { all[key]?.merge(hour) }
        }
        return all
    }

    /// Answers the bars that must be decided again.
    private func apply(
        _ keys: [CandleKey],
        _ additions: [CandleKey: PositionedBar],
        _ known: inout [CandleKey: StoredCandle?]
    ) async throws(StoreError) -> [CandleKey] {
        let unknown = keys.filter { known[$0] == nil }
        let loaded = try await store.loader.load(unknown)
        for key in unknown { known[key] = .some(loaded[key]) }
        var changed: [StoredCandle] = []
        for key in keys {
            guard let addition = additions[key], let candle = try await decide(key, addition, known[key] ?? nil)
            else { continue }
            changed.append(candle)
        }
        // Until an answer says otherwise, nothing is known of what is changed.
        for candle in changed { known[candle.key] = nil }
        let again = try await store.write(changed)
        for var candle in changed where !again.contains(candle.key) {
            candle.version += 1
            known[candle.key] = .some(candle)
        }
        return keys.filter(again.contains)
    }

    /// The bar as it is to be written, or nil where its document has all of it.
    private func decide(
        _ key: CandleKey,
        _ addition: PositionedBar,
        _ stored: StoredCandle?
    ) async throws(StoreError) -> StoredCandle? {
        guard var candle = stored else {
            return StoredCandle(
                key: key,
                bar: addition.bar,
                isFinal: false,
                appliedThrough: addition.lastPosition
            )
        }
        guard candle.appliedThrough < addition.lastPosition else { return nil }
        if candle.appliedThrough < addition.firstPosition {
            candle.bar.merge(addition.bar)
            candle.appliedThrough = addition.lastPosition
        } else {
            // The bar has some of these trades, which a bar cannot give back: the stored trades tell.
            guard let trades = try await TradeHour.read(store.writer, key, bars: key.interval),
                let bar = trades.bars.first, !trades.isLess(than: candle.bar.count)
            else { return nil }
            candle.bar = bar
            candle.appliedThrough = trades.appliedThrough
        }
        candle.isFinal = false
        return candle
    }
}
