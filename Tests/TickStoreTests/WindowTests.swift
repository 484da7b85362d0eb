import MarketData
import Testing
import TickStore

@Suite struct WindowTests {
    private static let hour: Int64 = 3_600_000_000_000

    @Test(arguments: EventKind.allCases)
    func windowsBeginAtMultiplesOfTheirLength(kind: EventKind) {
        let length = kind.windowSeconds * 1_000_000_000
        for window in Int64(-3)...3 {
            let start = window * length
            for (time, expected) in [
                (start, start), (start + 1, start), (start + length - 1, start), (start - 1, start - length),
                (start + length, start + length),
            ] {
                #expect(kind.windowStart(of: Timestamp(nanoseconds: time)) == expected, "\(time)")
            }
        }
    }

    @Test func lengths() {
        #expect(EventKind.trade.windowSeconds == 3_600)
        #expect(EventKind.quote.windowSeconds == 3_600)
        #expect(EventKind.candle.windowSeconds == 30 * 86_400)
    }

    @Test func examples() {
        #expect(EventKind.trade.windowStart(of: Timestamp(nanoseconds: Market.start)) == Market.start)
        #expect(EventKind.trade.windowStart(of: Timestamp(nanoseconds: -1)) == -Self.hour)
        #expect(EventKind.trade.windowStart(of: Timestamp(nanoseconds: 0)) == 0)
        let latest = EventKind.quote.windowStart(of: Timestamp(nanoseconds: .max))
        #expect(latest <= .max - Self.hour / 2 && latest % Self.hour == 0)
    }
}
