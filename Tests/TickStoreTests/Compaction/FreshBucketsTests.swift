import MarketData
import Testing
import TickCodec

@testable import TickStore

/// What compaction remembers of what it wrote, and when it must not be used.
@Suite struct FreshBucketsTests {
    private let hour = Market.start

    private func bars(_ hours: ClosedRange<Int64>) -> [TradeBar] {
        hours.map { TradeBar(start: Market.start + $0 * Market.hour, Self.trade, at: Market.start + $0 * Market.hour) }
    }

    private static let trade = Trade(
        price: ExactDecimal(mantissa: 1, exponent: 0),
        size: ExactDecimal(mantissa: 2, exponent: 0)
    )

    private func document(_ id: String, _ version: Int64, checksum: Int64 = 5) -> TradeWindow.Document {
        TradeWindow.Document(id: id, version: version, checksum: checksum, slot: 0)
    }

    @Test func barsAreOfOneVersionOfEachDocument() {
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        fresh.add("a", version: 2, checksum: 5, blocks: nil, bars: bars(0...1))
        fresh.add("b", version: 7, checksum: 5, blocks: nil, bars: bars(0...0))
        #expect(fresh.takeBars(of: [document("a", 1)], hour: hour) == nil)
        #expect(fresh.takeBars(of: [document("a", 3)], hour: hour) == nil)
        #expect(fresh.takeBars(of: [document("a", 2, checksum: 6)], hour: hour) == nil)
        #expect(fresh.takeBars(of: [document("a", 2), document("c", 1)], hour: hour) == nil)
        #expect(fresh.takeBars(of: [document("a", 2)], hour: hour + 5 * Market.hour) == nil)
        let both = fresh.takeBars(of: [document("a", 2), document("b", 7)], hour: hour)
        #expect(both?.map(\.count) == [2], "the second is one bar of both parts")
        #expect(fresh.takeBars(of: [document("a", 2)], hour: hour) == nil, "they were taken")
        #expect(fresh.takeBars(of: [document("a", 2)], hour: hour + Market.hour)?.count == 1)
    }

    @Test func blocksAreOfOneVersion() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let outline = try #require(try stand.outlines.first)
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        fresh.add(
            outline.id,
            version: outline.state.version,
            checksum: outline.state.checksum,
            blocks: [],
            bars: bars(0...0)
        )
        #expect(fresh.blocks(of: outline) != nil && fresh.bars(of: outline).count == 1)
        #expect(fresh.blocks(of: outline.afterMark) == nil && fresh.bars(of: outline.afterMark) == [])
        fresh.add(
            outline.id,
            version: outline.state.version,
            checksum: outline.state.checksum,
            blocks: [],
            bars: bars(0...1)
        )
        #expect(
            fresh.takeBars(
                of: [document(outline.id, outline.state.version, checksum: Int64(outline.state.checksum))],
                hour: hour
            )?.count == 1
        )
        #expect(fresh.bars(of: outline) == [], "all or none")
        // A segment takes its place: known is what the marked document comes to.
        let marked = outline.afterMark.state
        fresh.add(outline.id, version: marked.version, checksum: marked.checksum, blocks: [], bars: [])
        #expect(fresh.blocks(of: outline) == nil && fresh.blocks(of: outline.afterMark) != nil)
        fresh.forget([outline])
        #expect(fresh.blocks(of: outline.afterMark) == nil)
    }

    /// What comes first is kept, and what is taken makes room.
    @Test func memoryIsBounded() {
        let fresh = FreshBuckets(bytesMax: 3 * MemoryLayout<TradeBar>.stride)
        fresh.add("a", version: 1, checksum: 5, blocks: nil, bars: bars(0...1))
        fresh.add("b", version: 1, checksum: 5, blocks: nil, bars: bars(0...0) + bars(0...0))
        #expect(fresh.takeBars(of: [document("b", 1)], hour: hour) == nil)
        #expect(fresh.takeBars(of: [document("a", 1)], hour: hour)?.count == 1)
        fresh.add("b", version: 1, checksum: 5, blocks: nil, bars: bars(0...0) + bars(0...0))
        #expect(fresh.takeBars(of: [document("b", 1)], hour: hour)?.count == 2)
        fresh.add("c", version: 1, checksum: 5, blocks: nil, bars: bars(0...4))
        #expect(fresh.takeBars(of: [document("c", 1)], hour: hour + 2 * Market.hour) == nil)
        #expect(fresh.takeBars(of: [document("c", 1)], hour: hour + Market.hour)?.count == 1)
    }
}
