import Feeds
import Ingest
import MarketData
import Testing
import TickStore

@Suite struct SequencerTests {
    @Test func eventsBehindTheNewestOfTheirStreamAreFlagged() throws {
        let epoch = try Tapes.epoch([
            Tapes.trade(stream: "x", time: 5_000),
            Tapes.trade(stream: "x", time: 4_000),
            Tapes.trade(stream: "x", time: 3_999),
            Tapes.trade(stream: "y", time: 1_000),
            Tapes.trade("B", stream: "x", time: 3_000),
            Tapes.trade(stream: "x", time: 4_500),
        ])
        #expect(epoch.flags == [[], [], ["out_of_order"], [], ["out_of_order"], []])
        #expect(epoch.counts.flagged == ["out_of_order": 2])
    }

    @Test func theWindowOfOutOfOrderIsARule() throws {
        var rules = OrderRules()
        rules.outOfOrderWindow = 0
        let lines = [5, 5, 4].map { Tapes.trade(stream: "x", time: $0) }
        #expect(try Tapes.epoch(lines, rules: rules).flags == [[], [], ["out_of_order"]])
    }

    @Test func pricesFarFromTheLastRegularOneAreFlagged() throws {
        let prices = ["100", "110", "121", "133.11", "108.89"]
        let epoch = try Tapes.epoch(prices.map { Tapes.trade(time: 0, price: $0) })
        let far = ["off_market"]
        // A tenth of the price before is near; what is far does not become the price to compare with.
        #expect(epoch.flags == [[], [], [], far, far])
    }

    @Test func aNewPriceLevelIsBelieved() throws {
        let prices = ["100", "200", "200", "200", "200", "200", "200", "100"]
        let epoch = try Tapes.epoch(prices.map { Tapes.trade(time: 0, price: $0) })
        let far = ["off_market"]
        #expect(epoch.flags == [[], far, far, far, far, far, [], far])
        // Each instrument has a level of its own.
        let two = try Tapes.epoch([Tapes.trade("A", time: 0, price: "1"), Tapes.trade("B", time: 0, price: "9")])
        #expect(two.flags == [[], []])
    }

    @Test func pricesOfVeryDifferentPrecisionAreCompared() throws {
        let prices = ["0.000000000000000001", "900000000000", "900000000000.1"]
        let epoch = try Tapes.epoch(prices.map { Tapes.trade(time: 0, price: $0) })
        #expect(epoch.flags == [[], ["off_market"], ["off_market"]])
    }

    @Test func repetitionsAreDroppedByNumberNeverByContent() throws {
        let numbered = Tapes.trade(time: 0, sequence: 5)
        #expect(try Tapes.epoch([numbered, numbered, Tapes.trade(time: 0, sequence: 6)]).lines == [0, 2])
        let identified = Tapes.trade(time: 0, id: "7")
        #expect(try Tapes.epoch([identified, identified, Tapes.trade(time: 0, id: "8")]).lines == [0, 2])
        let plain = Tapes.trade(time: 0)
        #expect(try Tapes.epoch([plain, plain, plain]).lines == [0, 1, 2])
        let named = Tapes.trade(time: 0, id: "x")
        #expect(try Tapes.epoch([named, named]).lines == [0, 1])
        let other = Tapes.trade(stream: "other", time: 0, sequence: 5)
        #expect(try Tapes.epoch([numbered, other]).lines == [0, 1])
    }

    @Test func repetitionsCountAsEventsAndNotAsStored() throws {
        let line = Tapes.trade(time: 0, sequence: 5)
        let epoch = try Tapes.epoch([line, line, line, "", "{\"s\":", Tapes.trade(time: 0, sequence: 6, price: "0")])
        #expect(epoch.counts.records == 5)
        #expect(epoch.counts.events == ["trade": 5])
        #expect(epoch.counts.rejected == ["malformed": 1, "price_not_positive": 1])
        #expect(epoch.counts.rejectedEvents == 2)
        #expect(epoch.rejected.map(\.position.line) == [4, 5])
        #expect(epoch.lines == [0])
        #expect(epoch.place == TapePlace(line: 6, offset: epoch.place.offset))
    }

    @Test func holesAreReportedAsTheyAreAtTheEndOfAnEpoch() throws {
        let numbers: [Int64] = [1, 5, 3, 9]
        let epoch = try Tapes.epoch(numbers.map { Tapes.trade(stream: "x", time: $0, sequence: $0) })
        #expect(epoch.gaps.map(\.after) == [1, 5])
        #expect(epoch.gaps.map(\.before) == [5, 9])
        #expect(epoch.gaps.map(\.missing) == [2, 3])
        #expect(epoch.gaps.map(\.position.line) == [2, 3])
    }

    @Test func aRejectedEventLeavesNoHole() throws {
        let epoch = try Tapes.epoch([
            Tapes.trade(time: 0, sequence: 1), Tapes.trade(time: 1, sequence: 2, price: "-1"),
            Tapes.trade(time: 2, sequence: 3),
        ])
        #expect(epoch.gaps.isEmpty)
        #expect(epoch.lines == [0, 2])
    }

    /// What is left out must not change what is said of the rest, or a later whole replay would disagree.
    @Test func aSelectionSeesTheWholeStream() throws {
        let lines = [
            Tapes.trade("A", stream: "x", time: 100, sequence: 7),
            Tapes.trade("B", stream: "x", time: 9_000, sequence: 8),
            Tapes.trade("A", stream: "x", time: 200, sequence: 9),
            Tapes.trade("A", stream: "x", time: 300, sequence: 8),
            Tapes.trade("A", stream: "x", time: 9_001, sequence: 8),
        ]
        let whole = try Tapes.epoch(lines)
        let selected = try Tapes.epoch(lines, only: ["A"])
        #expect(whole.flags == [[], [], ["out_of_order"], ["sequence_reset"]])
        #expect(selected.flags == [[], ["out_of_order"], ["sequence_reset"]])
        #expect(selected.lines == [0, 2, 4])
        #expect(selected.counts.events == ["trade": 4])
        #expect(selected.gaps == whole.gaps)
    }

    @Test func windowsFollowEventTime() throws {
        let epoch = try Tapes.epoch([-1, 0, 3_599_999, 3_600_000, -2].map { Tapes.trade(time: $0) })
        let windows = epoch.buckets.map { ($0.key.windowStart / 1_000_000 - Tapes.hour) / 3_600_000 }
        #expect(windows == [-1, 0, 1])
        #expect(epoch.buckets.map(\.events.count) == [2, 2, 1])
    }

    @Test func aTapeThatEndsWithinARecordIsTakenUpThere() throws {
        let whole = Tapes.trade(time: 0, sequence: 1) + "\n"
        var sequencer = Sequencer(source: "test")
        let decoder = try Tapes.format().makeDecoder()
        for slab in try Tapes.slabs(whole + "{\"s\":\"A\",") { sequencer.apply(decoder.decode(slab), decoder: 0) }
        #expect(sequencer.truncatedAt == TapePlace(line: 1, offset: Int64(whole.utf8.count)))
        #expect(sequencer.place == sequencer.truncatedAt)
        let epoch = sequencer.cut()
        #expect(epoch.isTruncated)
        #expect(epoch.counts.records == 1)
        #expect(epoch.rejected.isEmpty)
    }

    @Test func anOpenLastLineIsARecord() throws {
        let text = Tapes.trade(time: 0) + "\n" + Tapes.trade(time: 1)
        var sequencer = Sequencer(source: "test")
        let decoder = try Tapes.format().makeDecoder()
        for slab in try Tapes.slabs(text) { sequencer.apply(decoder.decode(slab), decoder: 0) }
        #expect(sequencer.truncatedAt == nil)
        #expect(sequencer.place == TapePlace(line: 2, offset: Int64(text.utf8.count), afterOpenLine: true))
        #expect(sequencer.cut().lines == [0, 1])
    }

    /// Numbers of messages and of events are taken in the order of the tape; a message comes before its events.
    @Test func messagesAndEventsAreMergedByPosition() throws {
        var builder = BatchBuilder(venue: "SIM")
        builder.begin(byteCount: 64)
        let steps: [(message: Int64?, event: Int64?)] = [(1, nil), (2, 3), (nil, 4), (7, nil), (6, 5), (7, 8)]
        for (message, event) in steps {
            builder.beginRecord(UnsafeRawBufferPointer(start: nil, count: 0))
            let stream = builder.stream("x")
            if let message { builder.observe(stream: stream, number: message, rule: .contiguous) }
            if let event { Self.append(event, stream, &builder) }
            builder.endLine()
        }
        let slab = Slab(copying: UnsafeRawBufferPointer(start: nil, count: 0), offset: 0)
        var sequencer = Sequencer(source: "test")
        sequencer.apply(builder.finish(slab), decoder: 0)
        let epoch = sequencer.cut()
        #expect(epoch.lines == [1, 2, 4, 5])
        #expect(epoch.gaps.map(\.missing) == [0])
        #expect(epoch.gaps.map(\.position.line) == [4])
        #expect(sequencer.openGaps.isEmpty)
    }

    @Test func aNewConnectionCountsAnew() throws {
        var builder = BatchBuilder(venue: "SIM")
        builder.begin(byteCount: 64)
        for number: Int64? in [1, 4, nil, 1, 3, nil, 9] {
            builder.beginRecord(UnsafeRawBufferPointer(start: nil, count: 0))
            builder.observe(stream: builder.stream("x"), number: number, rule: .contiguous)
            builder.endLine()
        }
        var sequencer = Sequencer(source: "test")
        let slab = Slab(copying: UnsafeRawBufferPointer(start: nil, count: 0), offset: 0)
        sequencer.apply(builder.finish(slab), decoder: 0)
        let gaps = sequencer.cut().gaps
        #expect(Set(gaps.map { [$0.numbering, $0.after, $0.before, $0.missing] }) == [[0, 1, 4, 2], [1, 1, 3, 1]])
        #expect(sequencer.openGaps.count == 2)
    }

    private static func append(_ number: Int64, _ stream: Int32, _ builder: inout BatchBuilder) {
        let symbol = Array("A".utf8)
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: Timestamp(nanoseconds: Tapes.hour * 1_000_000),
                orderNumber: number,
                sequenceRule: .contiguous,
                instrument: symbol.withUnsafeBytes { builder.instrument(symbol: $0) },
                stream: stream,
                payload: .trade(Trade(price: ExactDecimal(mantissa: 1, exponent: 0), size: .zero))
            )
        )
    }
}
