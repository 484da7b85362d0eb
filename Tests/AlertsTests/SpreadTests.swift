import MarketData
import Testing

@testable import Alerts

@Suite struct SpreadTests {
    static let onePercent = AlertCondition.spread(percentage: .of("1"))

    @Test func aSpreadThatIsWiderFires() throws {
        var bench = try Bench(Self.onePercent)
        #expect(bench.quote("99.5", "100.5", at: 0) == 0, "one percent is not more than one percent")
        #expect(bench.quote("99.5", "100.51", at: 1) == 1)
        #expect(
            bench.alerts.first?.message
                == "BINANCE:BTCUSDT has a spread of 1.0099 %, bid 99.5 and ask 100.51; the rule is more than 1 %."
        )
        #expect(bench.alerts.first?.value == "1.0099")
        #expect(bench.alerts.first?.threshold == "1")
    }

    @Test func aSpreadReArmsWhenItHasNarrowed() throws {
        var bench = try Bench(Self.onePercent)
        #expect(bench.quote("99", "101", at: 0) == 1)
        bench.quote("99.54", "100.46", at: 100)
        #expect(bench.quote("99", "101", at: 101) == 0, "0.92 % is more than 0.9 %")
        bench.quote("99.55", "100.45", at: 200)
        #expect(bench.quote("99", "101", at: 201) == 1)
    }

    @Test func crossedQuotesAreNotWide() throws {
        var bench = try Bench(Self.onePercent)
        #expect(bench.quote("110", "100", at: 0) == 0)
    }

    @Test func sidesThatAreSentApartBelongTogether() throws {
        var bench = try Bench(Self.onePercent)
        #expect(bench.quote("99", "", at: 0) == 0)
        #expect(bench.quote("", "101", at: 1) == 1)
    }

    @Test func sidesOfDifferentExchangesDoNotBelongTogether() throws {
        var bench = try Bench(Self.onePercent)
        bench.quote("90", "", at: 0, venueCode: ShortCode(rawValue: 1))
        #expect(bench.quote("", "101", at: 1, venueCode: ShortCode(rawValue: 2)) == 0)
    }

    @Test func tradesHaveNoSpread() throws {
        var bench = try Bench(Self.onePercent)
        #expect(bench.trade("100", at: 0) == 0)
        #expect(bench.trade("1", at: 1) == 0)
    }

    @Test func spreadsOfExtremeNumbersAreExact() throws {
        var bench = try Bench(.spread(percentage: .of("199.999999")), coolDown: .zero)
        let (large, small) = (ExactDecimal(mantissa: .max, exponent: 127), ExactDecimal(mantissa: 1, exponent: -128))
        #expect(bench.quote(large, small, at: 0) == 0)
        #expect(bench.quote(small, large, at: 1) == 1)
    }
}
