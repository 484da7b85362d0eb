import MarketData
import Testing

@Suite struct TradeBarTests {
    private struct TimedTrade {
        let trade: Trade
        let time: Int64
    }

    private func trade(_ price: Int64, _ size: Int64, _ side: Side = .unknown) -> Trade {
        Trade(
            price: ExactDecimal(mantissa: price, exponent: -2),
            size: ExactDecimal(mantissa: size, exponent: 0),
            side: side
        )
    }

    private func makeBar(_ trades: ArraySlice<TimedTrade>) -> TradeBar? {
        guard let first = trades.first else { return nil }
        var bar = TradeBar(start: 0, first.trade, at: first.time)
        for next in trades.dropFirst() { bar.add(next.trade, at: next.time) }
        return bar
    }

    private func randomTrades(_ numbers: inout TestNumbers) -> [TimedTrade] {
        (0..<(2 + numbers.index(below: 10))).map { _ in
            TimedTrade(
                trade: trade(
                    Int64(1 + numbers.index(below: 20)),
                    Int64(numbers.index(below: 5)),
                    [Side.unknown, .buy, .sell][numbers.index(below: 3)]
                ),
                time: Int64(numbers.index(below: 4))
            )
        }
    }

    @Test func firstAndLastFollowTimeThenOrder() throws {
        let trades = [(5, 100), (5, 101), (9, 102), (1, 103), (9, 104), (1, 105)].map {
            TimedTrade(trade: trade($0.1, 1), time: $0.0)
        }
        let bar = try #require(makeBar(trades[...]))
        #expect(bar.open.mantissa == 103 && bar.close.mantissa == 104)
        #expect(bar.low.mantissa == 100 && bar.high.mantissa == 105)
        #expect(bar.openTime == 1 && bar.closeTime == 9 && bar.count == 6)
    }

    @Test func sidesAndAverages() throws {
        let trades = [trade(100, 3, .buy), trade(200, 4, .sell), trade(400, 5), trade(300, 0, .buy)]
        let bar = try #require(makeBar(trades.map { TimedTrade(trade: $0, time: 0) }[...]))
        #expect(bar.volume.description == "12" && bar.turnover.description == "31")
        #expect(bar.buyVolume.description == "3" && bar.sellVolume.description == "4")
        #expect(bar.averagePrice?.description == "2.5833333333")
        let empty = try #require(makeBar([TimedTrade(trade: trade(100, 0), time: 0)]))
        #expect(empty.averagePrice == nil && empty.count == 1)
    }

    /// The bars of parts, merged in any grouping that keeps the order, are the bar of the whole.
    @Test func mergingIsAssociativeInOrder() throws {
        var numbers = TestNumbers(seed: 21)
        for _ in 0..<3_000 {
            let trades = randomTrades(&numbers)
            let whole = try #require(makeBar(trades[...]))
            let cuts = [numbers.index(below: trades.count + 1), numbers.index(below: trades.count + 1)].sorted()
            let parts = [trades[..<cuts[0]], trades[cuts[0]..<cuts[1]], trades[cuts[1]...]].compactMap(makeBar)
            var left = parts[0]
            for part in parts.dropFirst() { left.merge(part) }
            #expect(left == whole)
            var right = parts[parts.count - 1]
            for part in parts.dropLast().reversed() {
                var earlier = part
                earlier.merge(right)
                right = earlier
            }
            #expect(right == whole)
        }
    }

    @Test func builderMakesBarsWhateverTheOrderOfTimes() throws {
        var numbers = TestNumbers(seed: 22)
        for _ in 0..<300 {
            var events: ContiguousArray<MarketEvent> = []
            for position in 0..<Int64(1 + numbers.index(below: 60)) {
                let late = Int64(numbers.index(below: 4) == 0 ? numbers.index(below: 200) : 0)
                let time = (position * 3 - late - 60) * 1_000_000_000
                let payload = trade(Int64(1 + numbers.index(below: 9)), 1)
                events.append(
                    MarketEvent(
                        position: TapePosition(rawValue: position),
                        eventTime: Timestamp(nanoseconds: time),
                        instrument: 0,
                        stream: 0,
                        payload: .trade(payload)
                    )
                )
            }
            var builder = BarBuilder(.minute)
            builder.add(events)
            let groups = Dictionary(grouping: events) { CandleInterval.minute.start(of: $0.eventTime.nanoseconds) }
            let bars = builder.positionedBars
            #expect(bars.map(\.bar.start) == groups.keys.sorted())
            for built in bars {
                let group = try #require(groups[built.bar.start])
                #expect(built.firstPosition == group.first?.position.rawValue)
                #expect(built.lastPosition == group.last?.position.rawValue)
                #expect(built.bar.count == Int64(group.count))
            }
            #expect(TradeBar.merged(bars.map(\.bar), to: .day).reduce(0) { $0 + $1.count } == Int64(events.count))
        }
    }

    @Test func windowsBeginAtWholeIntervalsSince1970() {
        let second: Int64 = 1_000_000_000
        #expect(CandleInterval.minute.start(of: 0) == 0)
        #expect(CandleInterval.minute.start(of: 60 * second - 1) == 0)
        #expect(CandleInterval.minute.start(of: 60 * second) == 60 * second)
        #expect(CandleInterval.minute.start(of: -1) == -60 * second)
        #expect(CandleInterval.day.start(of: -86_400 * second) == -86_400 * second)
        #expect(CandleInterval.allCases.map(\.name) == ["1s", "1m", "5m", "1h", "1d"])
        #expect(CandleInterval(name: "5m") == .fiveMinutes && CandleInterval(name: "2m") == nil)
    }
}
