import MarketData
import Testing

@testable import Alerts

@Suite struct AlertEngineTests {
    static func rule(
        _ name: String,
        _ condition: AlertCondition,
        _ patterns: [String] = [],
        coolDown: Duration = .seconds(60)
    ) throws -> AlertRule {
        let patterns = patterns.compactMap(InstrumentPattern.init(parsing:))
        return try AlertRule(name: name, scope: .instruments(patterns), condition: condition, coolDown: coolDown)
    }

    static func above(_ name: String, _ level: String, _ patterns: [String] = []) throws -> AlertRule {
        try rule(name, .priceAbove(.of(level)), patterns)
    }

    @Test func instrumentsKnowTheRulesAboutThem() throws {
        let rules = try [
            Self.above("eth", "1", ["*:ETH*"]), Self.above("all", "2"), Self.above("btc", "3", ["BINANCE:BTCUSDT"]),
        ]
        var bench = try Bench(rules)
        let other = bench.engine.instrument(Instrument(venue: "KRAKEN", symbol: "ETHUSD"))
        #expect(bench.engine.instrument(Bench.instrument) == bench.lane)
        #expect(bench.trade("10", at: 0) == 2)
        #expect(bench.alerts.map(\.rule) == ["all", "btc"])
        let trade = Trade(price: .of("10"), size: .absent)
        bench.engine.trade(trade, lane: other, .at(0), received: .at(0), into: &bench.alerts)
        #expect(bench.alerts.dropFirst(2).map(\.id).map { $0.prefix(8) } == ["eth/KRAK", "all/KRAK"])
    }

    @Test func instrumentsWithoutRulesCostNothing() throws {
        var bench = try Bench([Self.above("eth", "1", ["*:ETH*"])])
        #expect(bench.trade("10", at: 0) == 0)
        #expect(bench.engine.summary.instruments == 1)
        #expect(bench.engine.summary.watchedInstruments == 0)
    }

    @Test func whatIsTooManyIsCountedAndIgnored() throws {
        var bench = try Bench([Self.above("all", "1")], limits: AlertLimits(instruments: 1, sources: 1))
        let lane = bench.engine.instrument(Instrument(venue: "A", symbol: "B"))
        #expect(lane == AlertEngine.noLane)
        #expect(bench.engine.source("other") == AlertEngine.noLane)
        let event = MarketEvent(
            position: .start,
            eventTime: .at(0),
            receiptTime: .at(0),
            instrument: 0,
            stream: 0,
            payload: .trade(Trade(price: .of("10"), size: .absent))
        )
        bench.engine.event(event, lane: lane, into: &bench.alerts)
        bench.engine.event(event, lane: 1_000, into: &bench.alerts)
        bench.engine.received(source: AlertEngine.noLane, at: .at(0))
        bench.engine.gap(source: 7, stream: "", missing: 1, at: .at(0), into: &bench.alerts)
        bench.engine.records(source: 7, count: 1, rejected: 1, at: .at(0), into: &bench.alerts)
        #expect(bench.alerts.isEmpty)
        #expect(bench.engine.summary.untracked == 2)
        bench.engine.event(event, lane: bench.lane, into: &bench.alerts)
        #expect(bench.alerts.count == 1)
    }

    @Test func namesAreUnique() throws {
        let rules = try [Self.above("a", "1"), Self.above("b", "1"), Self.above("a", "2")]
        #expect(throws: AlertRuleError.duplicateName("a")) { try AlertEngine(rules: rules) }
        var bench = try Bench([rules[0]])
        #expect(throws: AlertRuleError.duplicateName("a")) { try bench.engine.replaceRules(rules) }
        #expect(bench.engine.rules == [rules[0]])
        #expect(bench.trade("3", at: 0) == 1)
    }

    @Test func aReloadKeepsWhatDidNotChange() throws {
        let kept = try Self.above("kept", "100")
        let window = try Self.rule("window", .move(percentage: .of("5"), window: .seconds(60)))
        let quiet = try AlertRule(name: "quiet", scope: .sources([]), condition: .silent(.seconds(30)))
        let late = try AlertRule(name: "late", scope: .tickets, condition: .ticketOverdue)
        var bench = try Bench([Self.above("gone", "50"), kept, Self.above("changed", "60"), window, quiet, late])
        let ticket = OverdueTicket(number: "T-1", since: .at(0))
        #expect(bench.trade("101", at: 0) == 3)
        bench.engine.received(source: bench.source, at: .at(0))
        bench.engine.tickets(overdue: [ticket], now: .at(1), into: &bench.alerts)
        #expect(bench.tick(30) == 1)
        bench.alerts = []

        try bench.engine.replaceRules([late, quiet, window, Self.above("changed", "70"), Self.above("new", "80"), kept])
        #expect(bench.tick(31) == 0)
        bench.engine.tickets(overdue: [ticket], now: .at(31), into: &bench.alerts)
        #expect(bench.alerts.isEmpty)
        #expect(bench.trade("107", at: 32) == 3)
        #expect(bench.alerts.map(\.rule) == ["changed", "new", "window"])
        let counts = bench.engine.summary.rules
        #expect(counts.map(\.rule) == ["late", "quiet", "window", "changed", "new", "kept"])
        #expect(counts.map(\.fired) == [1, 1, 1, 1, 1, 1])

        try bench.engine.replaceRules([])
        #expect(bench.trade("1000", at: 100) == 0)
        #expect(bench.engine.summary.watchedInstruments == 0)
        try bench.engine.replaceRules([kept])
        #expect(bench.trade("1000", at: 101) == 1, "a rule that was gone begins anew")
    }

    /// All kinds of calls at random; the same seed makes the same.
    static func randomAlerts(seed: UInt64) throws -> [Alert] {
        let rules = try [
            rule("above", .priceAbove(.of("100")), coolDown: .seconds(1)),
            rule("below", .priceBelow(.of("90")), ["*:A*"]),
            rule("move", .move(percentage: .of("3"), window: .seconds(5)), coolDown: .zero),
            rule("volume", .volumeSpike(times: .of("3"), window: .seconds(1), averageOver: 5)),
            rule("spread", .spread(percentage: .of("0.5")), coolDown: .seconds(2)),
            rule("silent", .silent(.seconds(1))),
            AlertRule(name: "feed", scope: .sources([]), condition: .silent(.seconds(1))),
            AlertRule(name: "gap", scope: .sources([]), condition: .gap(missingAtLeast: 3), coolDown: .seconds(5)),
            AlertRule(
                name: "rejects",
                scope: .sources(["s0"]),
                condition: .rejectRate(percentage: .of("10"), window: .seconds(10), minimumRecords: 5)
            ),
        ]
        var random = SplitMix64(seed: seed)
        var engine = try AlertEngine(rules: rules)
        let lanes = (0..<20).map { engine.instrument(Instrument(venue: "V", symbol: $0 < 10 ? "A\($0)" : "B\($0)")) }
        let sources = (0..<3).map { engine.source("s\($0)") }
        var alerts: [Alert] = []
        var clock = 0.0
        for _ in 0..<20_000 {
            clock += Double(random.below(20)) / 1_000
            let (lane, source, now) = (lanes[random.below(20)], sources[random.below(3)], Timestamp.at(clock))
            let price = ExactDecimal(mantissa: Int64(8_500 + random.below(2_000)), exponent: -2)
            let event = random.below(20) == 0 ? Timestamp.absent : .at(clock - Double(random.below(100)) / 100)
            switch random.below(40) {
            case 0: engine.tick(now: now, into: &alerts)
            case 1: engine.gap(source: source, stream: "t", missing: 5, at: now, into: &alerts)
            case 2: engine.records(source: source, count: 3, rejected: 1, at: now, into: &alerts)
            case 3: engine.received(source: source, at: now)
            case 4 where random.below(20) == 0: try engine.replaceRules(engine.rules.reversed())
            case 5..<12:
                let ask = ExactDecimal(mantissa: price.mantissa + Int64(random.below(70)), exponent: -2)
                let quote = Quote(bidPrice: price, bidSize: .absent, askPrice: ask, askSize: .absent)
                engine.quote(quote, lane: lane, event, received: now, into: &alerts)
            default:
                let trade = Trade(price: price, size: ExactDecimal(mantissa: Int64(random.below(100)), exponent: 0))
                engine.trade(trade, lane: lane, event, received: now, into: &alerts)
            }
        }
        return alerts
    }

    @Test(arguments: 0..<5) func theSameCallsGiveTheSameAlerts(seed: UInt64) throws {
        let alerts = try Self.randomAlerts(seed: seed)
        #expect(try Self.randomAlerts(seed: seed) == alerts)
        #expect(Set(alerts.map(\.id)).count == alerts.count, "ids are unique")
        #expect(Set(alerts.map(\.rule)).count == 9, "a rule never fired")
    }
}
