import BSON
import MarketData
import Testing

@testable import TickStore

@Suite struct SummaryTests {
    private func trades(_ sizes: [(Int64, Int8)]) -> [MarketEvent] {
        sizes.enumerated().map { index, size in
            Market.trade(
                at: Int64(index),
                time: Int64(index),
                size: ExactDecimal(mantissa: size.0, exponent: size.1)
            )
        }
    }

    private func volume(_ sizes: [(Int64, Int8)]) throws -> String? {
        let summary = try #require(BucketSummary(trades(sizes)))
        return summary.volume.parts.map { "\($0.mantissa)e\($0.exponent)" }
    }

    @Test func sumsAreExact() throws {
        #expect(try volume([(5, -1), (25, -2), (1, 0)]) == "175e-2")
        #expect(try volume([(1, 0), (1, -8)]) == "100000001e-8")
        #expect(try volume([(0, -3), (5, 0)]) == "5e0", "a zero has no say in the exponent")
        #expect(try volume([(5, 0), (0, -17)]) == "5e0")
        #expect(try volume([(.max, -18), (.max, -18), (.max, -18)]) == "27670116110564327421e-18")
    }

    @Test func sizesThatAreAbsentAddNothing() throws {
        let summary = try #require(BucketSummary([Market.trade(at: 0, time: 0, size: .absent)]))
        #expect(summary.volume.isZero)
    }

    @Test func sumsThatDoNotFitAreNilForGood() throws {
        #expect(try volume([(.max, 0), (1, -18)]) == nil)
        #expect(try volume([(1, -30), (100_000, 0)]) == nil)
        #expect(try volume([(.max, 0), (1, -30), (1, 0)]) == nil)
        let most = Int64(1) << 62
        #expect(try volume([(most, 0), (1, -14)]) == "461168601842738790400000000000001e-14")
    }

    @Test func comesBackFromItsDocument() throws {
        for sizes in [[(5, -1), (25, -2)], [(Int64.max, Int8(0)), (1, -18)]] {
            let summary = try #require(BucketSummary(trades(sizes)))
            let document = BSONDocument(summary.fields.map { ($0.field, $0.value) })
            #expect(BucketSummary(document) == summary)
            #expect(BucketSummary(document)?.volume == summary.volume)
        }
        #expect(BucketSummary(BSONDocument()) == nil)
    }

    @Test func comparesByValue() throws {
        let price = ExactDecimal(mantissa: 6_180_030, exponent: -2)
        let same = ExactDecimal(mantissa: 618_003, exponent: -1)
        let size = ExactDecimal(mantissa: 50, exponent: -1)
        let left = BucketSummary([Market.trade(at: 0, time: 0, price: price, size: size)])
        let equal = ExactDecimal(mantissa: 5, exponent: 0)
        #expect(left == BucketSummary([Market.trade(at: 0, time: 0, price: same, size: equal)]))
        #expect(left != BucketSummary([Market.trade(at: 0, time: 0, price: same, size: size.next)]))
        #expect(left != BucketSummary([Market.trade(at: 0, time: 0, price: same.next, size: size)]))
        #expect(left != BucketSummary([Market.trade(at: 0, time: 1, price: price, size: size)]))
    }

    @Test func firstAndLastFollowTimeThenPosition() throws {
        let events = [(0, 5), (1, 5), (2, 9), (3, 1), (4, 9), (5, 1)].map { Market.trade(at: $0, time: $1) }
        var summary = try #require(BucketSummary(events[..<2]))
        summary.add(events[2...])
        #expect(summary == BucketSummary(events))
        #expect(summary.open.mantissa == 103)
        #expect(summary.close.mantissa == 104)
        #expect(summary.low.mantissa == 100)
        #expect(summary.high.mantissa == 105)
    }

    @Test func otherKindsHaveNone() {
        var event = Market.trade(at: 0, time: 0)
        let one = ExactDecimal(mantissa: 1, exponent: 0)
        event.payload = .quote(Quote(bidPrice: one, bidSize: one, askPrice: one, askSize: one))
        #expect(BucketSummary([event]) == nil)
        #expect(BucketSummary([MarketEvent]()) == nil)
    }
}

extension ExactDecimal {
    fileprivate var next: ExactDecimal { ExactDecimal(mantissa: mantissa + 1, exponent: exponent) }
}
