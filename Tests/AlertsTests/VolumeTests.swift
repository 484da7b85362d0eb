import MarketData
import Testing

@testable import Alerts

@Suite struct VolumeTests {
    static let fiveTimes = AlertCondition.volumeSpike(times: .of("5"), window: .seconds(60), averageOver: 3)

    /// A bench whose instrument traded 2, 1 and 3 in the three windows after the first; the next begins at 240.
    static func quiet(_ condition: AlertCondition = fiveTimes) throws -> Bench {
        var bench = try Bench(condition)
        bench.trade("100", size: "1000", at: 30)
        bench.trade("100", size: "2", at: 60)
        bench.trade("100", size: "1", at: 130)
        bench.trade("100", size: "1.5", at: 180)
        bench.trade("100", size: "1.5", at: 239)
        return bench
    }

    @Test func aSpikeFiresAsSoonAsItIsReached() throws {
        var bench = try Self.quiet()
        #expect(bench.trade("100", size: "9.99", at: 240) == 0)
        #expect(bench.trade("100", size: "0.01", at: 241) == 1)
        #expect(
            bench.alerts.first?.message
                == "BINANCE:BTCUSDT traded 10 within 1m, 5 times the average of the 3 windows before;"
                + " the rule is at least 5 times."
        )
        #expect(bench.alerts.first?.value == "5")
        #expect(bench.trade("100", size: "1000", at: 242) == 0)
    }

    @Test func thereIsNoSpikeBeforeThereAreEnoughWindows() throws {
        var bench = try Bench(Self.fiveTimes)
        bench.trade("100", size: "1", at: 30)
        bench.trade("100", size: "1", at: 60)
        bench.trade("100", size: "1", at: 120)
        #expect(bench.trade("100", size: "1000", at: 180) == 0)
        #expect(bench.trade("100", size: "10000", at: 240) == 1)
    }

    @Test func nothingIsAMultipleOfNoVolume() throws {
        var bench = try Self.quiet()
        #expect(bench.trade("100", size: "1000", at: 10_000) == 0)
    }

    @Test func theNextWindowReArms() throws {
        var bench = try Self.quiet()
        #expect(bench.trade("100", size: "20", at: 240) == 1)
        bench.trade("100", size: "1", at: 300)
        #expect(bench.trade("100", size: "200", at: 310) == 1)
    }

    @Test func lateTradesCountInTheirWindow() throws {
        var bench = try Self.quiet()
        bench.trade("100", size: "1", at: 240)
        #expect(bench.trade("100", size: "6", at: 241, event: .at(185)) == 0)
        #expect(bench.trade("100", size: "18.9", at: 242) == 0)
        #expect(bench.trade("100", size: "0.1", at: 243) == 1, "five times the average of 2, 1 and 9")
        #expect(bench.trade("100", size: "5000", at: 244, event: .at(35)) == 0, "the first window is not averaged")
    }

    @Test func tradesWithoutATimeSizeOrMarketDoNotCount() throws {
        var bench = try Self.quiet()
        bench.trade("100", size: "9.9", at: 240)
        #expect(bench.trade("100", size: "100", at: 241, event: .absent) == 0)
        #expect(bench.trade("100", size: "100", at: 242, event: .at(1_000_000)) == 0)
        #expect(bench.trade("100", size: "0", at: 243) == 0)
        #expect(bench.trade("100", size: "", at: 244) == 0)
        #expect(bench.trade("100", size: "100", at: 245, flags: .offMarket) == 0)
        #expect(bench.trade("100", size: "0.1", at: 246) == 1)
    }

    @Test func aClockOfTheVenueThatWentBackStartsAnew() throws {
        var bench = try Bench(Self.fiveTimes)
        bench.trade("100", size: "1", at: 5_000)
        for window in 0..<5 {
            let time = 5_061 + Double(window) * 60
            bench.trade("100", size: "1", at: time, event: .at(time - 5_000))
        }
        #expect(bench.trade("100", size: "1000", at: 5_362, event: .at(362)) == 1)
    }

    @Test func sumsThatDoNotFitAreNotJudged() throws {
        var bench = try Bench(.volumeSpike(times: .of("2"), window: .seconds(60), averageOver: 1))
        bench.trade(Trade(price: .of("1"), size: .of("1")), at: 0)
        bench.trade(Trade(price: .of("1"), size: ExactDecimal(mantissa: .max, exponent: 60)), at: 60)
        bench.trade(Trade(price: .of("1"), size: ExactDecimal(mantissa: .max, exponent: -60)), at: 61)
        bench.trade(Trade(price: .of("1"), size: ExactDecimal(mantissa: .max, exponent: 60)), at: 120)
        #expect(bench.alerts.isEmpty)
        bench.trade(Trade(price: .of("1"), size: ExactDecimal(mantissa: .max, exponent: 120)), at: 180)
        #expect(bench.alerts.count == 1)
    }

    /// Windows in a dictionary, summed up each time.
    struct Model {
        let count: Int64
        var sums: [Int64: Int] = [:]
        var first: Int64?
        var number: Int64 = 0
        var isFired = false

        mutating func judge(_ size: Int, window: Int64) -> Bool {
            if first == nil { first = window }
            let start = first ?? 0
            number = max(number, window)
            if window == number || (window > start && number - window <= count) { sums[window, default: 0] += size }
            let running = sums[number] ?? 0
            let total = ((number - count)..<number).reduce(0) { $0 + (sums[$1] ?? 0) }
            let isJudged = number - start > count && total > 0
            // Two and a half times, and nine tenths of that to re-arm.
            if !isJudged || running * Int(count) * 100 < total * 225 { isFired = false }
            guard isJudged, !isFired, running * Int(count) * 10 >= total * 25 else { return false }
            isFired = true
            return true
        }
    }

    @Test(arguments: 0..<40) func spikesAreThoseOfANaiveModel(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let unit: Int64 = 1_000_000
        let condition = AlertCondition.volumeSpike(times: .of("2.5"), window: .milliseconds(50), averageOver: 4)
        var bench = try Bench(condition, coolDown: .zero)
        var model = Model(count: 4)
        var clock = Timestamp.at(0).nanoseconds
        var told = 0
        for step in 0..<3_000 {
            clock += Int64(random.below(random.below(200) == 0 ? 400 : 8)) * unit + 1
            let late = random.below(8) == 0 ? Int64(random.below(300)) * unit : 0
            let size = random.below(20) == 0 ? random.below(300) : random.below(20)
            let (factor, exponent) = [(1, -2), (10, -3), (10_000, -6)][random.below(3)]
            let scaled = ExactDecimal(mantissa: Int64(size * factor), exponent: Int8(exponent))
            let before = bench.alerts.count
            bench.engine.trade(
                Trade(price: .of("1"), size: scaled),
                lane: bench.lane,
                Timestamp(nanoseconds: clock - late),
                received: Timestamp(nanoseconds: clock),
                into: &bench.alerts
            )
            guard size > 0 else { continue }
            let expected = model.judge(size, window: (clock - late) / (50 * unit))
            try #require((bench.alerts.count > before) == expected, "step \(step) of seed \(seed)")
            told += expected ? 1 : 0
        }
        #expect(told > 20, "there are too few spikes to test anything")
    }
}
