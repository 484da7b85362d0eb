import BSON
public import DocumentStore
public import MarketData

/// Which bars are asked for.
public struct CandleQuery: Sendable {
    public let instrument: Instrument
    public let interval: CandleInterval
    /// Bars that start from this time on, where given.
    public let from: Timestamp?
    /// Bars that start before this time, where given.
    public let to: Timestamp?

    public init(instrument: Instrument, interval: CandleInterval, from: Timestamp? = nil, to: Timestamp? = nil) {
        self.instrument = instrument
        self.interval = interval
        self.from = from
        self.to = to
    }

    /// The starts of the bars, at whole intervals.
    var starts: Range<Int64> {
        let lower = from.map { ceiling($0.nanoseconds) } ?? .min
        return lower..<max(lower, to.map { ceiling($0.nanoseconds) } ?? .max)
    }

    private func ceiling(_ time: Int64) -> Int64 {
        let start = interval.start(of: time)
        return start == time ? time : start.addingReportingOverflow(interval.nanoseconds).partialValue
    }
}

/// A bar of all sources of an instrument.
public struct CandleRow: Equatable, Sendable {
    public var bar: TradeBar
    /// Whether the bar is one that compaction made final, and no trade has arrived for it since.
    public var isFinal: Bool
}

/// Reads the bars of one instrument and interval in order of start, hour by hour.
///
/// Where the bars of an hour are final and its trades the same as then, stored bars are used, and where trades are gone
/// that are in stored bars; all others are made from the trades. Bars of five minutes are made of stored minutes, those
/// of days of hours. Sources are merged in the order of their names. One day's stored bars and one hour's trades are in
/// memory at once. Used by one task at a time.
public final class CandleReader {
    private let writer: VersionedWriter
    private let query: CandleQuery
    private var hours: [HourPlan]?
    private var nextHour = 0
    private var stored: StoredDay

    public init(reading writer: VersionedWriter, _ query: CandleQuery) {
        self.writer = writer
        self.query = query
        stored = StoredDay(writer, query)
    }

    /// The next bars in order, at least one; nil at the end.
    ///
    /// - Throws: `StoreError`.
    public func next() async throws(StoreError) -> [CandleRow]? {
        let hours = try await plannedHours()
        while nextHour < hours.count {
            let rows = query.interval == .day ? try await nextDay(hours) : try await rows(of: hours[nextHour])
            if query.interval != .day { nextHour += 1 }
            let chosen = rows.filter { query.starts.contains($0.bar.start) }
            if !chosen.isEmpty { return chosen }
        }
        return nil
    }
}

extension CandleReader {
    /// What is known of one hour before anything of it is read.
    private struct HourPlan {
        let start: Int64
        /// Sources by name, with what their buckets and their bars say.
        var sources: [(name: String, window: TradeWindow?, entry: CandleIndex.Entry?)]
    }

    private func plannedHours() async throws(StoreError) -> [HourPlan] {
        if let hours { return hours }
        let starts = query.starts
        let lower = starts.lowerBound == .min ? .min : CandleInterval.hour.start(of: starts.lowerBound)
        let range = lower..<max(lower, starts.upperBound)
        let windows = try await TradeWindow.load(writer, query.instrument, starts: range)
        let entries = try await CandleIndex.load(writer, query.instrument, [.hour], starts: range)
        var known: [Int64: [String: (window: TradeWindow?, entry: CandleIndex.Entry?)]] = [:]
        for window in windows { known[window.start, default: [:]][window.source, default: (nil, nil)].window = window }
        for entry in entries { known[entry.start, default: [:]][entry.source, default: (nil, nil)].entry = entry }
        let plans = known.map { start, sources in
            HourPlan(
                start: start,
                sources: sources.map { ($0.key, $0.value.window, $0.value.entry) }.sorted { $0.0 < $1.0 }
            )
        }
        let sorted = plans.sorted { $0.start < $1.start }
        hours = sorted
        return sorted
    }

    /// The bars of an hour, of all sources.
    private func rows(of hour: HourPlan) async throws(StoreError) -> [CandleRow] {
        var merged: [Int64: CandleRow] = [:]
        for source in hour.sources {
            let key = CandleKey(
                source: source.name,
                instrument: query.instrument,
                interval: .hour,
                start: hour.start
            )
            let (bars, isFinal) = try await bars(of: key, source.window, source.entry)
            for bar in bars {
                if var row = merged[bar.start] {
                    row.bar.merge(bar)
                    row.isFinal = row.isFinal && isFinal
                    merged[bar.start] = row
                } else {
                    merged[bar.start] = CandleRow(bar: bar, isFinal: isFinal)
                }
            }
        }
        return merged.values.sorted { $0.bar.start < $1.bar.start }
    }

    /// The bars of an hour of one source, and whether they are final.
    private func bars(
        of hour: CandleKey,
        _ window: TradeWindow?,
        _ entry: CandleIndex.Entry?
    ) async throws(StoreError) -> (bars: [TradeBar], isFinal: Bool) {
        if let entry, entry.isFinal, window == nil || window?.appliedThrough == entry.appliedThrough,
            let bars = try await stored.finalBars(of: hour, entry)
        {
            return (bars, true)
        }
        let interval = query.interval == .day ? CandleInterval.hour : query.interval
        let trades = try await TradeHour.read(writer, hour, bars: interval)
        if let trades, !trades.isLess(than: entry?.tradeCount ?? 0) { return (trades.bars, false) }
        return (try await stored.bars(of: hour), false)
    }

    /// The bar of the day that the next hour lies in, from all of its hours.
    private func nextDay(_ hours: [HourPlan]) async throws(StoreError) -> [CandleRow] {
        let day = CandleInterval.day.start(of: hours[nextHour].start)
        var bars: [TradeBar] = []
        var isFinal = true
        var sources: Set<String> = []
        while nextHour < hours.count, CandleInterval.day.start(of: hours[nextHour].start) == day {
            for row in try await rows(of: hours[nextHour]) {
                bars.append(row.bar)
                isFinal = isFinal && row.isFinal
            }
            sources.formUnion(hours[nextHour].sources.map(\.name))
            nextHour += 1
        }
        guard let bar = TradeBar.merged(bars, to: .day).first else { return [] }
        let finalSources = isFinal ? try await stored.finalSources(ofDay: day) : []
        return [CandleRow(bar: bar, isFinal: isFinal && finalSources.isSuperset(of: sources))]
    }
}

/// The stored bars of one day at a time, of one interval; those of seconds by the hour.
private struct StoredDay {
    private typealias Field = CandlesCollection.Field

    private let writer: VersionedWriter
    private let instrument: Instrument
    private let interval: CandleInterval
    /// Of which documents the bars are made.
    private let storedInterval: CandleInterval
    /// What is loaded: stored bars by hour and source.
    private var span: Range<Int64> = 0..<0
    private var loaded: [CandleKey: [StoredBar]] = [:]

    /// Bars of a day and of all sources: a hundred sources with a bar in every minute have fewer.
    private static let barsMax = 200_000

    private struct StoredBar {
        let bar: TradeBar
        let appliedThrough: Int64
    }

    init(_ writer: VersionedWriter, _ query: CandleQuery) {
        self.writer = writer
        instrument = query.instrument
        interval = query.interval == .day ? .hour : query.interval
        storedInterval = interval == .fiveMinutes ? .minute : interval
    }

    /// The bars of an hour that is final, if they are all there; nil where they are being changed.
    ///
    /// A bar that knows of a later trade than the hour was changed since.
    mutating func finalBars(
        of hour: CandleKey,
        _ entry: CandleIndex.Entry
    ) async throws(StoreError) -> [TradeBar]? {
        try await load(hour)
        let bars = loaded[hour] ?? []
        let isWhole = bars.reduce(0) { $0 + $1.bar.count } == entry.tradeCount
        let isFinal = bars.allSatisfy { $0.appliedThrough <= entry.appliedThrough }
        return isWhole && isFinal ? merged(bars) : nil
    }

    mutating func bars(of hour: CandleKey) async throws(StoreError) -> [TradeBar] {
        try await load(hour)
        return merged(loaded[hour] ?? [])
    }

    private func merged(_ stored: [StoredBar]) -> [TradeBar] {
        let bars = stored.map(\.bar)
        return interval == storedInterval ? bars : TradeBar.merged(bars, to: interval)
    }

    /// The sources whose bar of a day is final.
    func finalSources(ofDay day: Int64) async throws(StoreError) -> Set<String> {
        let documents = try await find(.day, day..<(day + 1))
        return Set(documents.filter { $0[Field.isFinal]?.bool == true }.compactMap { $0[Field.source]?.string })
    }

    private mutating func load(_ hour: CandleKey) async throws(StoreError) {
        guard !span.contains(hour.start) else { return }
        let unit = storedInterval == .second ? CandleInterval.hour : .day
        let start = unit.start(of: hour.start)
        loaded = [:]
        span = 0..<0
        for document in try await find(storedInterval, start..<unit.end(of: start)) {
            if storedInterval == .second {
                let seconds = try SecondBars(document)
                for bar in seconds.bars { add(bar, seconds.key, seconds.appliedThrough) }
            } else {
                let candle = try StoredCandle(document)
                add(candle.bar, candle.key, candle.appliedThrough)
            }
        }
        span = start..<unit.end(of: start)
    }

    private mutating func add(_ bar: TradeBar, _ key: CandleKey, _ appliedThrough: Int64) {
        let hour = key.other(.hour, CandleInterval.hour.start(of: key.start))
        loaded[hour, default: []].append(StoredBar(bar: bar, appliedThrough: appliedThrough))
    }

    private func find(
        _ interval: CandleInterval,
        _ starts: Range<Int64>
    ) async throws(StoreError) -> [BSONDocument] {
        let documents = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: CandlesCollection.conditions(instrument, [interval], starts: starts),
                order: [.init(Field.start), .init(Field.source)],
                limit: Self.barsMax
            )
        )
        guard documents.count < Self.barsMax else {
            throw StoreError(.tooLarge, "there are too many candles of \(instrument) in one day")
        }
        return documents
    }
}
