import BSON
import DocumentStore
import MarketData
import SimulatedStore
import TickStore

/// A bar as text, made from a list of trades in the plainest way.
struct PlainBar: Hashable, CustomStringConvertible {
    var start: Int64
    /// Open, high, low and close in hundredths.
    var prices: [Int64]
    /// Volume, turnover in hundredths, buy and sell volume.
    var sums: [Int64]
    var count: Int
    var times: [Int64]

    var description: String { "\(start): \(prices) \(sums) \(count) at \(times)" }

    /// The bars of trades, which come in the order of the tape.
    static func bars(_ events: [PlainEvent], seconds: Int64) -> [PlainBar] {
        let ordered = events.enumerated().sorted { left, right in
            (left.element.eventTime, left.offset) < (right.element.eventTime, right.offset)
        }
        let groups = Dictionary(grouping: ordered.map(\.element)) { $0.eventTime / (seconds * 1_000_000_000) }
        let bars = groups.compactMap { number, trades -> PlainBar? in
            let prices = trades.map { whole($0.values[0], -2) }
            let sizes = trades.map { whole($0.values[1], 0) }
            guard let open = prices.first, let close = prices.last, let first = trades.first, let last = trades.last
            else { return nil }
            func sum(_ side: Side) -> Int64 { zip(trades, sizes).reduce(0) { $0 + ($1.0.side == side ? $1.1 : 0) } }
            return PlainBar(
                start: number * seconds * 1_000_000_000,
                prices: [open, prices.max() ?? 0, prices.min() ?? 0, close],
                sums: [
                    sizes.reduce(0, +), zip(prices, sizes).reduce(0) { $0 + $1.0 * $1.1 }, sum(.buy), sum(.sell),
                ],
                count: trades.count,
                times: [first.eventTime, last.eventTime]
            )
        }
        return bars.sorted { $0.start < $1.start }
    }

    private static func whole(_ decimal: ExactDecimal, _ exponent: Int8) -> Int64 { decimal.scaled(to: exponent) ?? -1 }

    init(start: Int64, prices: [Int64], sums: [Int64], count: Int, times: [Int64]) {
        self.start = start
        self.prices = prices
        self.sums = sums
        self.count = count
        self.times = times
    }

    init(_ bar: TradeBar) {
        func sum(_ sum: DecimalSum, _ exponent: Int8) -> Int64 {
            guard let parts = sum.parts, let mantissa = Int64(exactly: parts.mantissa) else { return -1 }
            return Self.whole(ExactDecimal(mantissa: mantissa, exponent: parts.exponent), exponent)
        }
        start = bar.start
        prices = [bar.open, bar.high, bar.low, bar.close].map { Self.whole($0, -2) }
        sums = [sum(bar.volume, 0), sum(bar.turnover, -2), sum(bar.buyVolume, 0), sum(bar.sellVolume, 0)]
        count = Int(bar.count)
        times = [bar.openTime, bar.closeTime]
    }
}

/// Compares stored bars with those that the model's trades make.
struct CandleJudge {
    let store: SimulatedStore
    let writer: VersionedWriter
    let tape: SimulatedTape
    let model: TapeModel
    /// The trades that bars are made of, in the order of an export; nil for those of the model.
    var trades: [String: [PlainEvent]]?

    private typealias Field = CandlesCollection.Field

    private func instrument(_ symbol: String) -> Instrument { Instrument(venue: SimulatedTape.venue, symbol: symbol) }

    private func expected(_ symbol: String, _ interval: CandleInterval) -> [PlainBar] {
        tape.kind == .trade ? PlainBar.bars((trades ?? model.events)[symbol] ?? [], seconds: interval.rawValue) : []
    }

    /// What is wrong with the documents that ingest keeps.
    func problems() throws -> [String] { try problems(with: [.minute, .hour]) }

    private func problems(with intervals: [CandleInterval]) throws -> [String] {
        var problems: [String] = []
        for symbol in tape.symbols {
            for interval in intervals {
                let stored = try documents(symbol, interval)
                problems += difference("stored \(symbol) \(interval.name)", expected(symbol, interval), stored)
            }
        }
        return problems
    }

    /// What is wrong with the documents and with what readers make of them, before and after all is final.
    func problemsOfReading() async throws -> [String] {
        var problems = try self.problems()
        for symbol in tape.symbols { problems += try await readingProblems(symbol, isFinal: nil) }
        return problems + (try await problemsOfFinal())
    }

    private func documents(_ symbol: String, _ interval: CandleInterval) throws -> [PlainBar] {
        let documents = store.documents(in: CandlesCollection.name).filter {
            $0[Field.instrumentSymbol]?.string == instrument(symbol).description
                && $0[Field.interval]?.string == interval.name
        }
        return try documents.map { PlainBar(try StoredCandle($0).bar) }.sorted { $0.start < $1.start }
    }

    private func readingProblems(_ symbol: String, isFinal: Bool?) async throws -> [String] {
        var problems: [String] = []
        for interval in CandleInterval.allCases {
            let query = CandleQuery(instrument: instrument(symbol), interval: interval)
            let reader = CandleReader(reading: writer, query)
            var rows: [CandleRow] = []
            while let next = try await reader.next() { rows += next }
            let name = "read \(symbol) \(interval.name)"
            problems += difference(name, expected(symbol, interval), rows.map { PlainBar($0.bar) })
            if let isFinal, !rows.allSatisfy({ $0.isFinal == isFinal }) { problems.append("\(name) is not \(isFinal)") }
        }
        return problems
    }

    private func difference(_ name: String, _ expected: [PlainBar], _ found: [PlainBar]) -> [String] {
        for (index, bar) in expected.enumerated() {
            guard index < found.count else { return ["\(name): bar \(index) is missing: \(bar)"] }
            if found[index] != bar { return ["\(name): bar \(index) is \(found[index]), not \(bar)"] }
        }
        return found.count > expected.count ? ["\(name): \(found.count - expected.count) bars too many"] : []
    }

    /// The hours of trades with the positions that they are stored up to, as buckets tell.
    static func hours(in store: SimulatedStore) -> [(
        source: String, instrument: Instrument, start: Int64, applied: Int64
    )] {
        var hours: [String: (source: String, instrument: Instrument, start: Int64, applied: Int64)] = [:]
        for bucket in store.documents(in: MarketDataCollection.name) {
            typealias Field = MarketDataCollection.Field
            guard bucket[Field.kind]?.string == EventKind.trade.name, let source = bucket[Field.source]?.string,
                let instrument = bucket[Field.instrumentSymbol]?.string.flatMap(Instrument.init(parsing:)),
                let start = bucket[Field.windowStart]?.integer, let applied = bucket[Field.appliedThrough]?.integer
            else { continue }
            let name = "\(source)|\(instrument)|\(start)"
            hours[name] = (source, instrument, start, max(applied, hours[name]?.applied ?? .min))
        }
        return hours.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Makes everything final and says what is wrong then.
    private func problemsOfFinal() async throws -> [String] {
        let finalizer = CandleFinalizer(writer: writer, operationIDs: OperationIDs(process: 77, start: 0))
        try await Self.finalizeAll(store, finalizer)
        var problems = try self.problems(with: [.minute, .hour, .day])
        for symbol in tape.symbols { problems += try await readingProblems(symbol, isFinal: true) }
        let before = store.documents(in: CandlesCollection.name)
        try await Self.finalizeAll(store, finalizer)
        if store.documents(in: CandlesCollection.name) != before { problems.append("finalising twice changed bars") }
        return problems
    }

    /// Makes all hours, then all days, final.
    static func finalizeAll(_ store: SimulatedStore, _ finalizer: CandleFinalizer) async throws {
        let hours = hours(in: store)
        for hour in hours {
            try await finalizer.finalizeHour(
                source: hour.source,
                instrument: hour.instrument,
                hourStart: hour.start,
                appliedThrough: hour.applied
            )
        }
        for hour in hours {
            try await finalizer.finalizeDay(
                source: hour.source,
                instrument: hour.instrument,
                dayStart: CandleInterval.day.start(of: hour.start)
            )
        }
    }
}
