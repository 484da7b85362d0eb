import MarketData
import Testing

@testable import Alerts

@Suite struct LevelTests {
    static let above = AlertCondition.priceAbove(.of("100000"))

    @Test func crossingUpwardsFires() throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("99999.99", at: 0) == 0)
        #expect(bench.trade("100000", at: 1) == 0, "at the level is not above it")
        #expect(bench.trade("100000.01", at: 2) == 1)
        let alert = try #require(bench.alerts.first)
        #expect(alert.message == "BINANCE:BTCUSDT traded at 100000.01, above the level of 100000.")
        #expect(alert.value == "100000.01")
        #expect(alert.threshold == "100000")
        #expect(alert.eventTime == .at(2))
        #expect(alert.receiptTime == .at(2))
        #expect(alert.id == "rule/BINANCE:BTCUSDT/1764255602000000000")
    }

    @Test func crossingDownwardsFires() throws {
        var bench = try Bench(.priceBelow(.of("0.5")))
        #expect(bench.trade("0.50", at: 0) == 0)
        #expect(bench.trade("0.4999", at: 1) == 1)
        #expect(bench.alerts.first?.message == "BINANCE:BTCUSDT traded at 0.4999, below the level of 0.5.")
        #expect(bench.trade("0.5004", at: 100) == 0)
        #expect(bench.trade("0.49", at: 200) == 0, "0.5004 is not a tenth of a percent above 0.5")
        #expect(bench.trade("0.5005", at: 300) == 0)
        #expect(bench.trade("0.49", at: 400) == 1)
    }

    @Test func theFirstPriceFiresWhereItIsBeyondTheLevel() throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("100500", at: 0) == 1)
        #expect(bench.trade("100600", at: 1_000) == 0)
    }

    @Test func aRuleReArmsOnlyWhereThePriceHasComeBackFarEnough() throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("100001", at: 0) == 1)
        #expect(bench.trade("99900.01", at: 100) == 0)
        #expect(bench.trade("100001", at: 200) == 0)
        #expect(bench.trade("99900", at: 300) == 0)
        #expect(bench.trade("100001", at: 400) == 1)
    }

    @Test func withoutHysteresisTheLevelItselfReArms() throws {
        var bench = try Bench(Self.above, rearm: "0", coolDown: .zero)
        #expect(bench.trade("100001", at: 0) == 1)
        #expect(bench.trade("100000", at: 1) == 0)
        #expect(bench.trade("100001", at: 2) == 1)
    }

    @Test func aPriceThatDancesOnTheEdgeGivesOneAlert() throws {
        var bench = try Bench(Self.above)
        for step in 0..<10_000 {
            bench.trade(step % 2 == 0 ? "100000.01" : "99999.99", at: Double(step) / 1_000)
        }
        #expect(bench.alerts.count == 1)
        #expect(bench.counts.heldBack == 0)
    }

    @Test func aPriceThatDancesWidelyGivesOneAlertWithinTheCoolDown() throws {
        var bench = try Bench(Self.above)
        for step in 0..<10_000 {
            bench.trade(step % 2 == 0 ? "100100" : "99000", at: Double(step) * 0.005)
        }
        #expect(bench.alerts.count == 1)
        #expect(bench.counts.heldBack == 4_999)
        #expect(bench.trade("100100", at: 60) == 1)
        #expect(bench.alerts.last?.heldBack == 4_999)
        #expect(bench.alerts.last?.message.hasSuffix(" 4999 more were held back since the alert before.") == true)
        #expect(bench.counts.fired == 2)
        #expect(bench.counts.heldBack == 4_999)
    }

    @Test func whatOutlastsTheCoolDownIsToldAtItsEnd() throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("100001", at: 0) == 1)
        bench.trade("99000", at: 10)
        bench.trade("100001", at: 20)
        bench.trade("99000", at: 30)
        #expect(bench.trade("100002", at: 40) == 0)
        #expect(bench.counts.heldBack == 2)
        #expect(bench.trade("100003", at: 59.999) == 0)
        #expect(bench.trade("100004", at: 60) == 1)
        #expect(bench.alerts.last?.heldBack == 1, "the one that is told now is not held back")
        #expect(bench.alerts.last?.message.hasSuffix(" 1 more was held back since the alert before.") == true)
        #expect(bench.counts.heldBack == 1)
        #expect(bench.trade("100005", at: 500) == 0)
    }

    @Test func aClockThatIsSetBackDoesNotSilenceARule() throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("100001", at: 1_000) == 1)
        bench.trade("99000", at: 1_001)
        #expect(bench.trade("100001", at: 990) == 0)
        bench.trade("99000", at: 100)
        #expect(bench.trade("100001", at: 101) == 1)
    }

    @Test(arguments: [EventFlags.offMarket, .suspicious, .outOfOrder])
    func doubtfulPricesSayNothingAboutLevels(flag: EventFlags) throws {
        var bench = try Bench(Self.above)
        #expect(bench.trade("99000", at: 0) == 0)
        #expect(bench.trade("100001", at: 1, flags: flag) == 0)
        #expect(bench.trade("100001", at: 2) == 1)
        bench.trade("99000", at: 100, flags: flag)
        #expect(bench.trade("100001", at: 200) == 0, "a doubtful price re-armed the rule")
    }

    @Test func theCloseOfACandleIsAPrice() throws {
        var bench = try Bench(Self.above)
        #expect(bench.candle("99000", interval: 60, start: -60, received: 0) == 0)
        #expect(bench.candle("100001", interval: 60, start: 0, received: 60) == 1)
        #expect(bench.alerts.map(\.message) == ["BINANCE:BTCUSDT closed at 100001, above the level of 100000."])
    }

    @Test func levelsAreExactAtAnySizeOfNumbers() throws {
        let level = ExactDecimal(mantissa: 9_223_372_036_854_775_806, exponent: -30)
        var bench = try Bench(.priceAbove(level))
        #expect(bench.price(level, at: 0) == 0)
        #expect(bench.price(ExactDecimal(mantissa: .max, exponent: -30), at: 1) == 1, "one in the nineteenth digit")
        #expect(bench.price(ExactDecimal(mantissa: .max, exponent: 127), at: 100) == 0)
        #expect(bench.price(ExactDecimal(mantissa: 1, exponent: -128), at: 200) == 0)
        #expect(bench.price(ExactDecimal(mantissa: .max, exponent: 127), at: 300) == 1)
        #expect(bench.price(.absent, at: 400) == 0)
        #expect(bench.price(ExactDecimal(mantissa: -1, exponent: 0), at: 500) == 0)
    }
}
