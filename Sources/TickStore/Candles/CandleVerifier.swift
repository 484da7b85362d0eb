import BSON
public import DocumentStore
import MarketData

/// Compares bars that feeds sent with ours, and final bars with the trades that they are made of.
///
/// Never writes, never stops at a difference. Used by one task at a time.
public final class CandleVerifier {
    private let writer: VersionedWriter
    private var report = CandleVerification()

    /// The names of instruments and sources are in memory at once.
    private static let namesMax = 10_000_000

    public init(reading writer: VersionedWriter) {
        self.writer = writer
    }

    /// Checks all instruments; `progress` is told the counts so far after every one.
    ///
    /// - Throws: `StoreError` where the store cannot be read.
    public func verify(
        progress: (CandleVerification) -> Void = { _ in }
    ) async throws(StoreError) -> CandleVerification {
        report = CandleVerification()
        for (instrument, sources) in try await lanesOfFeeds() {
            for source in sources { try await compare(instrument, source) }
            progress(report)
        }
        // Trades may be gone while bars stay: bars themselves say whose they are.
        for instrument in try await instrumentsWithBars() {
            let entries = try await CandleIndex.load(writer, instrument, [.hour, .day])
            for entry in entries where entry.isFinal {
                if entry.interval == .day {
                    try await checkDay(instrument, entry)
                } else {
                    try await check(instrument, entry)
                }
            }
            progress(report)
        }
        return report
    }

    private func lanesOfFeeds() async throws(StoreError) -> [(Instrument, sources: [String])] {
        typealias Field = MarketDataCollection.Field
        let buckets = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                where: [.equals(Field.kind, .string(EventKind.candle.name))],
                fields: .only([Field.instrumentSymbol, Field.source]),
                limit: Self.namesMax
            )
        )
        var lanes: [String: Set<String>] = [:]
        for bucket in buckets {
            guard let name = bucket[Field.instrumentSymbol]?.string, let source = bucket[Field.source]?.string else {
                continue
            }
            lanes[name, default: []].insert(source)
        }
        return lanes.sorted { $0.key < $1.key }.compactMap { name, sources in
            Instrument(parsing: name).map { ($0, sources.sorted()) }
        }
    }

    private func instrumentsWithBars() async throws(StoreError) -> [Instrument] {
        typealias Field = CandlesCollection.Field
        let hours = try await writer.find(
            DocumentQuery(
                CandlesCollection.name,
                where: [.equals(Field.interval, .string(CandleInterval.hour.name))],
                fields: .only([Field.instrumentSymbol]),
                limit: Self.namesMax
            )
        )
        return Set(hours.compactMap { $0[Field.instrumentSymbol]?.string }).sorted()
            .compactMap(Instrument.init(parsing:))
    }
}

// MARK: - Bars of feeds

extension CandleVerifier {
    private func compare(_ instrument: Instrument, _ source: String) async throws(StoreError) {
        let theirs = BucketReader(reading: writer, EventQuery(instrument: instrument, kind: .candle, source: source))
        var ours: [CandleInterval: AscendingBars] = [:]
        while let events = try await theirs.next() {
            for stored in events {
                guard case .candle(let candle) = stored.event.payload, !stored.event.flags.contains(.provisional)
                else { continue }
                let time = stored.event.eventTime
                guard let interval = CandleInterval(rawValue: Int64(candle.interval)) else {
                    report.withoutOurs += 1
                    continue
                }
                let query = CandleQuery(instrument: instrument, interval: interval, from: time)
                var bars = ours[interval] ?? AscendingBars(CandleReader(reading: writer, query))
                let bar = try await bars.bar(startingAt: time.nanoseconds)
                ours[interval] = bars
                guard let bar else {
                    report.withoutOurs += 1
                    continue
                }
                report.compared += 1
                for (field, ours, theirs) in Self.differences(bar, candle) {
                    report.add(
                        CandleVerification.Difference(
                            instrument: instrument,
                            interval: interval,
                            start: bar.start,
                            field: field,
                            ours: ours,
                            theirs: theirs,
                            source: source
                        )
                    )
                }
            }
        }
    }

    private static func differences(_ ours: TradeBar, _ theirs: Candle) -> [(String, String, String)] {
        let prices = [
            ("open", ours.open, theirs.open), ("high", ours.high, theirs.high), ("low", ours.low, theirs.low),
            ("close", ours.close, theirs.close),
        ]
        var found = prices.filter { $0.1 != $0.2 }.map { ($0.0, $0.1.description, $0.2.description) }
        if !theirs.volume.isAbsent, ours.volume != DecimalSum(theirs.volume) {
            found.append(("volume", ours.volume.description, theirs.volume.description))
        }
        return found
    }
}

/// Finds bars by their starts, which are asked for in ascending order.
private struct AscendingBars {
    private let reader: CandleReader
    private var rows: [CandleRow] = []
    private var place = 0

    init(_ reader: CandleReader) {
        self.reader = reader
    }

    mutating func bar(startingAt start: Int64) async throws(StoreError) -> TradeBar? {
        while true {
            while place < rows.count, rows[place].bar.start < start { place += 1 }
            if place < rows.count { return rows[place].bar.start == start ? rows[place].bar : nil }
            rows = try await reader.next() ?? []
            place = 0
            if rows.isEmpty { return nil }
        }
    }
}

// MARK: - Final bars

extension CandleVerifier {
    private func check(_ instrument: Instrument, _ entry: CandleIndex.Entry) async throws(StoreError) {
        let hour = CandleKey(source: entry.source, instrument: instrument, interval: .hour, start: entry.start)
        let trades = try await TradeHour.read(writer, hour, bars: .second)
        guard let trades, !trades.isLess(than: entry.tradeCount) else {
            report.hoursWithoutTrades += 1
            return
        }
        // Trades that came since are no fault of the bars: they are made again.
        guard trades.appliedThrough == entry.appliedThrough else { return }
        let loader = CandleLoader(reading: writer)
        let seconds = try await loader.loadSeconds(hour: hour)
        let stored = try await loader.load(hour: hour)
        let positions = stored.map(\.appliedThrough) + [seconds?.appliedThrough ?? .min]
        guard positions.allSatisfy({ $0 <= entry.appliedThrough }) else { return }
        report.hoursChecked += 1
        expect(trades.bars, seconds?.bars ?? [], hour, .second)
        for interval in [CandleInterval.minute, .hour] {
            let bars = stored.filter { $0.key.interval == interval }.map(\.bar)
            expect(TradeBar.merged(trades.bars, to: interval), bars, hour, interval)
        }
    }

    /// Compares the bar of a day with its hours, if none of them was changed since.
    private func checkDay(_ instrument: Instrument, _ entry: CandleIndex.Entry) async throws(StoreError) {
        let day = CandleKey(source: entry.source, instrument: instrument, interval: .day, start: entry.start)
        let loader = CandleLoader(reading: writer)
        guard let stored = try await loader.load([day])[day],
            let made = StoredCandle.day(day, of: try await loader.load(day.hours), version: stored.version),
            stored.hourVersions == made.hourVersions
        else { return }
        expect([made.bar], [stored.bar], day, .day)
    }

    private func expect(_ made: [TradeBar], _ stored: [TradeBar], _ hour: CandleKey, _ interval: CandleInterval) {
        let expected = Dictionary(made.map { ($0.start, $0) }, uniquingKeysWith: { first, _ in first })
        let found = Dictionary(stored.map { ($0.start, $0) }, uniquingKeysWith: { first, _ in first })
        for start in Set(expected.keys).union(found.keys).sorted() where expected[start] != found[start] {
            let key = hour.other(interval, start)
            let problem =
                if found[start] == nil {
                    "the bar is missing"
                } else if expected[start] == nil {
                    "no trade is in the bar"
                } else {
                    "it is not what its trades make"
                }
            report.add(key.id, problem)
        }
    }
}
