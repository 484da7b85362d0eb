import MarketData
import Testing

@testable import Alerts

/// A small generator of random numbers: the same seed gives the same numbers on every machine.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `bound`.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

extension ExactDecimal {
    /// A number that a test writes down.
    static func of(_ text: String) -> ExactDecimal { ExactDecimal(parsing: text) ?? .absent }
}

extension Timestamp {
    /// Some seconds, and fractions of them, after the beginning of a test.
    static func at(_ seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: 1_764_255_600_000_000_000 + Int64(seconds * 1_000_000_000))
    }
}

/// An engine with one instrument and one source, and the alerts that it gave.
struct Bench {
    var engine: AlertEngine
    var alerts: [Alert] = []
    let lane: Int
    let source: Int

    static let instrument = Instrument(venue: "BINANCE", symbol: "BTCUSDT")

    init(_ rules: [AlertRule], limits: AlertLimits = AlertLimits()) throws {
        engine = try AlertEngine(rules: rules, limits: limits)
        lane = engine.instrument(Self.instrument)
        source = engine.source("binance")
    }

    /// One rule for all instruments.
    init(_ condition: AlertCondition, rearm: String? = nil, coolDown: Duration = .seconds(60)) throws {
        let scopes: [AlertScope] = [.instruments([]), .sources([]), .tickets]
        let rule = try AlertRule(
            name: "rule",
            scope: #require(scopes.first(where: condition.allows)),
            condition: condition,
            rearm: rearm.map(ExactDecimal.of),
            coolDown: coolDown
        )
        try self.init([rule])
    }

    /// Calls the engine; how many alerts that gave.
    @discardableResult
    mutating func call(_ body: (inout AlertEngine, inout [Alert]) throws -> Void) rethrows -> Int {
        let before = alerts.count
        try body(&engine, &alerts)
        return alerts.count - before
    }

    /// A trade that is received as it happens, or that happened at another time.
    @discardableResult
    mutating func trade(
        _ price: String,
        size: String = "1",
        at seconds: Double,
        event: Timestamp? = nil,
        flags: EventFlags = []
    ) -> Int {
        trade(Trade(price: .of(price), size: .of(size)), at: seconds, event: event, flags: flags)
    }

    @discardableResult
    mutating func trade(
        _ trade: Trade,
        at seconds: Double,
        event: Timestamp? = nil,
        flags: EventFlags = []
    ) -> Int {
        let (lane, time) = (lane, Timestamp.at(seconds))
        return call { $0.trade(trade, lane: lane, event ?? time, received: time, flags: flags, into: &$1) }
    }

    /// A trade of which the price is all that matters.
    @discardableResult
    mutating func price(_ price: ExactDecimal, at seconds: Double) -> Int {
        trade(Trade(price: price, size: .absent), at: seconds)
    }

    /// A candle of which the close is all that matters.
    @discardableResult
    mutating func candle(_ close: String, interval: Int32, start: Double, received: Double) -> Int {
        let (lane, price) = (lane, ExactDecimal.of(close))
        let candle = Candle(open: price, high: price, low: price, close: price, volume: .absent, interval: interval)
        return call { $0.candle(candle, lane: lane, .at(start), received: .at(received), into: &$1) }
    }

    @discardableResult
    mutating func quote(_ bid: String, _ ask: String, at seconds: Double, venueCode: ShortCode = .absent) -> Int {
        quote(
            bid.isEmpty ? .absent : .of(bid),
            ask.isEmpty ? .absent : .of(ask),
            at: seconds,
            venueCode: venueCode
        )
    }

    @discardableResult
    mutating func quote(
        _ bid: ExactDecimal,
        _ ask: ExactDecimal,
        at seconds: Double,
        venueCode: ShortCode = .absent
    ) -> Int {
        let lane = lane
        let quote = Quote(bidPrice: bid, bidSize: .absent, askPrice: ask, askSize: .absent, venueCode: venueCode)
        return call { $0.quote(quote, lane: lane, .at(seconds), received: .at(seconds), into: &$1) }
    }

    @discardableResult
    mutating func gap(missing: Int64, at seconds: Double) -> Int {
        let source = source
        return call { $0.gap(source: source, stream: "trades", missing: missing, at: .at(seconds), into: &$1) }
    }

    @discardableResult
    mutating func records(_ count: Int64, rejected: Int64, at seconds: Double) -> Int {
        let source = source
        return call { $0.records(source: source, count: count, rejected: rejected, at: .at(seconds), into: &$1) }
    }

    /// Tickets that became overdue ninety seconds before the beginning.
    @discardableResult
    mutating func overdue(_ numbers: [String], at seconds: Double) -> Int {
        let tickets = numbers.map { OverdueTicket(number: $0, since: .at(-90)) }
        return call { $0.tickets(overdue: tickets, now: .at(seconds), into: &$1) }
    }

    @discardableResult
    mutating func tick(_ seconds: Double) -> Int {
        call { $0.tick(now: .at(seconds), into: &$1) }
    }

    /// The counts of the first rule.
    var counts: AlertRuleCount { engine.summary.rules[0] }
}
