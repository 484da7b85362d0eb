import MarketData
import Testing

@testable import Alerts

@Suite struct MoveTests {
    static let fivePercent = AlertCondition.move(percentage: .of("5"), window: .seconds(600))

    @Test func aRiseWithinTheWindowFires() throws {
        var bench = try Bench(Self.fivePercent)
        #expect(bench.trade("100", at: 0) == 0)
        #expect(bench.trade("104.99", at: 300) == 0)
        #expect(bench.trade("105", at: 600) == 1)
        #expect(
            bench.alerts.first?.message
                == "BINANCE:BTCUSDT rose by 5 % within 10m, from 100 to 105; the rule is at least 5 %."
        )
        #expect(bench.alerts.first?.value == "5")
    }

    @Test func aFallWithinTheWindowFires() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        bench.trade("103", at: 10)
        #expect(bench.trade("97.8", at: 20) == 1)
        #expect(bench.alerts.first?.value == "-5.0485")
        #expect(bench.alerts.first?.message.contains("fell by 5.0485 % within 10m, from 103 to 97.8;") == true)
    }

    @Test func aMoveThatTakesLongerThanTheWindowDoesNotFire() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        #expect(bench.trade("104", at: 500) == 0)
        #expect(bench.trade("105", at: 600.001) == 0)
    }

    @Test func aMoveReArmsWhenItHasShrunk() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        #expect(bench.trade("105", at: 1) == 1)
        bench.trade("104.6", at: 100)
        #expect(bench.trade("105", at: 200) == 0, "4.6 % is not less than 4.5 %")
        bench.trade("104.4", at: 210)
        #expect(bench.trade("105", at: 220) == 1)
    }

    @Test func theOtherDirectionIsAMoveOfItsOwn() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        #expect(bench.trade("106", at: 1) == 1)
        #expect(bench.trade("100", at: 62) == 1)
        #expect(bench.alerts.map(\.value) == ["6", "-5.6604"])
    }

    @Test func aLateEventCountsWhereItBelongs() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 700)
        #expect(bench.trade("110", at: 701, event: .at(90)) == 0, "from before the window")
        #expect(bench.trade("95", at: 702, event: .at(500)) == 1, "the price rose since")
        #expect(bench.alerts.first?.message.contains("from 95 to 100") == true)
    }

    @Test func eventsWithoutATimeOrFromTheFutureLeaveTheWindowAlone() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        #expect(bench.trade("200", at: 1, event: .absent) == 0)
        #expect(bench.trade("200", at: 2, event: .at(3_000_000)) == 0)
        #expect(bench.trade("200", at: 3, event: Timestamp(nanoseconds: .max)) == 0)
        #expect(bench.trade("101", at: 4) == 0)
        #expect(bench.trade("105", at: 5) == 1)
        #expect(bench.alerts.first?.message.contains("from 100 to 105") == true)
    }

    @Test func aClockOfTheVenueThatWentBackStartsTheWindowAnew() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 5_000)
        #expect(bench.trade("200", at: 5_600, event: .at(0)) == 0)
        #expect(bench.trade("200", at: 5_601, event: .at(1)) == 0, "a new window, and one price in it")
        #expect(bench.trade("210", at: 5_602, event: .at(2)) == 1)
        #expect(bench.alerts.first?.message.contains("from 200 to 210") == true)
    }

    @Test func offMarketPricesAreNotInTheWindow() throws {
        var bench = try Bench(Self.fivePercent)
        bench.trade("100", at: 0)
        #expect(bench.trade("1", at: 1, flags: .offMarket) == 0)
        #expect(bench.trade("101", at: 2) == 0)
    }

    @Test func aCandleCountsAtItsEnd() throws {
        var bench = try Bench(Self.fivePercent)
        bench.candle("100", interval: 600, start: 0, received: 601)
        bench.candle("104", interval: 600, start: 600, received: 800)  // Not closed yet: 200 s after the first.
        #expect(bench.trade("105", at: 1_000) == 1)
    }

    @Test func movesOfExtremeNumbersAreExact() throws {
        var bench = try Bench(.move(percentage: .of("0.000001"), window: .seconds(600)), coolDown: .zero)
        #expect(bench.price(ExactDecimal(mantissa: 9_000_000_000_000_000_000, exponent: -30), at: 0) == 0)
        #expect(bench.price(ExactDecimal(mantissa: 9_000_000_089_999_999_999, exponent: -30), at: 1) == 0)
        #expect(bench.price(ExactDecimal(mantissa: 9_000_000_090_000_000_000, exponent: -30), at: 2) == 1)
        #expect(bench.price(ExactDecimal(mantissa: .max, exponent: 127), at: 3) == 0, "it is rising still")
        #expect(bench.price(ExactDecimal(mantissa: 1, exponent: -128), at: 4) == 1)
        // What does not fit is said to be at least the threshold.
        #expect(bench.alerts.map(\.value) == ["0.000001", "-0.000001"])
    }

    /// The window as a list that is searched, and thresholds in whole numbers.
    struct Model {
        let length: Int64
        var samples: [(time: Int64, price: Int)] = []
        var state = 0

        /// 1 where a rise is told, −1 for a fall, 0 for nothing.
        mutating func judge(_ price: Int, at time: Int64) -> Int {
            let newestTime = max(samples.map(\.time).max() ?? time, time)
            guard time >= newestTime - length else { return 0 }
            samples.append((time, price))
            samples.removeAll { $0.time < newestTime - length }
            let newest = samples.last { $0.time == newestTime }?.price ?? 0
            let (low, high) = (samples.map(\.price).min() ?? 0, samples.map(\.price).max() ?? 0)
            // 1.5 %, and 1.35 % to re-arm.
            if state == 1, newest * 100_000 < low * 101_350 { state = 0 }
            if state == -1, newest * 100_000 > high * 98_650 { state = 0 }
            guard state == 0 else { return 0 }
            if newest * 1_000 >= low * 1_015 { state = 1 } else if newest * 1_000 <= high * 985 { state = -1 }
            return state
        }
    }

    @Test(arguments: 0..<40) func movesAreThoseOfANaiveModel(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let unit: Int64 = 1_000_000
        var bench = try Bench(.move(percentage: .of("1.5"), window: .milliseconds(60)), coolDown: .zero)
        var model = Model(length: 60 * unit)
        var (clock, price, told) = (Timestamp.at(0).nanoseconds, 10_000, 0)
        for step in 0..<3_000 {
            clock += Int64(random.below(4)) * unit + 1
            price = max(5_000, price + random.below(61) - 30)
            let late = random.below(10) == 0 ? Int64(random.below(120)) * unit : 0
            // The same number in different ways of writing it.
            let (factor, exponent) = [(1, -2), (10, -3), (10_000, -6)][random.below(3)]
            let scaled = ExactDecimal(mantissa: Int64(price * factor), exponent: Int8(exponent))
            let before = bench.alerts.count
            bench.engine.trade(
                Trade(price: scaled, size: .absent),
                lane: bench.lane,
                Timestamp(nanoseconds: clock - late),
                received: Timestamp(nanoseconds: clock),
                into: &bench.alerts
            )
            let expected = model.judge(price, at: clock - late)
            let found = bench.alerts.count == before ? 0 : (bench.alerts.last?.value.hasPrefix("-") ?? false) ? -1 : 1
            try #require(found == expected, "step \(step) of seed \(seed)")
            told += found.magnitude == 1 ? 1 : 0
        }
        #expect(told > 20, "the stream moves too little to test anything")
    }
}
