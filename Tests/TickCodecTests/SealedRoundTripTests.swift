import MarketData
import SimulatedStore
import Testing

@testable import TickCodec

/// What goes into sealed blocks comes out of them, but for the positions of single events.
@Suite struct SealedRoundTripTests {
    /// Decodes all blocks, and checks headers on the way.
    private func check(_ list: EventList, _ hint: Comment) throws {
        let decoder = BlockDecoder()
        var rows: [EventRow] = []
        var next = 0
        for block in list.blocks(sealed: true) {
            let decoded = try decoder.decode(block.bytes)
            let events = list.events[next..<(next + block.count)]
            next += block.count
            let positions = events.map(\.position.rawValue)
            let header = decoded.header
            #expect(header.isSealed, hint)
            #expect(header.kind == list.kind, hint)
            #expect(header.count == block.count && decoded.events.count == block.count, hint)
            #expect(header.positions.lowerBound == positions.min(), hint)
            #expect(header.positions.upperBound == positions.max(), hint)
            #expect(header.eventTimes.lowerBound == events.first?.eventTime.nanoseconds, hint)
            #expect(header.eventTimes.upperBound == events.last?.eventTime.nanoseconds, hint)
            #expect(try block.bytes.withUnsafeBytes { try BlockDecoder.header(of: $0) } == header, hint)
            rows += decoded.events.map { EventRow($0, decoded.texts) }
            let least = header.positions.lowerBound
            #expect(decoded.events.map(\.position.rawValue) == (0..<block.count).map { least + Int64($0) }, hint)
        }
        #expect(rows == list.rows, hint)
    }

    @Test(arguments: EventKind.allCases)
    func randomEventsOfEveryShape(kind: EventKind) throws {
        for seed in UInt64(0)..<150 {
            var random = RandomEvents(seed: seed)
            for count in [1, 2, 3, 4, 7, 40] {
                try check(random.make(kind, count: count).inOrderOfTime, "seed \(seed), \(count) events")
            }
        }
    }

    @Test(arguments: EventKind.allCases, [255, 1_000, 2_050])
    func manyRandomEvents(kind: EventKind, count: Int) throws {
        for seed in UInt64(2_000)..<2_004 {
            var random = RandomEvents(seed: seed)
            try check(random.make(kind, count: count).inOrderOfTime, "seed \(seed)")
        }
    }

    @Test(arguments: [-1, 0, 1])
    func countsAroundTheMost(offset: Int) throws {
        var list = EventList(kind: .quote)
        for index in 0..<(SealedBlockEncoder.eventsMax + offset) {
            let price = ExactDecimal(mantissa: 6_180_030 + Int64(index * index % 41), exponent: -2)
            let quote = Quote(bidPrice: price, bidSize: .zero, askPrice: price, askSize: .absent)
            list.events.append(.make(index, .quote(quote)))
        }
        #expect(list.blocks(sealed: true).count == (offset > 0 ? 2 : 1))
        try check(list, "\(offset)")
    }

    @Test(arguments: EventKind.allCases, [false, true])
    func aPartOfABlockIsThatPartOfTheWhole(kind: EventKind, sealed: Bool) throws {
        let decoder = BlockDecoder()
        for seed in UInt64(4_000)..<4_060 {
            var random = RandomEvents(seed: seed)
            var list = random.make(kind, count: 30).inOrderOfTime
            if !sealed {
                for index in list.events.indices { list.events[index].position = .init(rawValue: Int64(index)) }
            }
            for block in list.blocks(sealed: sealed) {
                let whole = try decoder.decode(block.bytes)
                let times = whole.events.map(\.eventTime.nanoseconds)
                #expect(try decoder.eventTimes(block.bytes) == times)
                let bounds = [Int64.min, times[0], times[times.count / 3], times[times.count / 2] &+ 1, .max]
                for lower in bounds {
                    for upper in bounds where lower <= upper {
                        let part = try decoder.decode(block.bytes, within: lower..<upper)
                        let expected = whole.events.filter { event in
                            let time = event.eventTime.nanoseconds
                            return time >= lower && (time < upper || upper == .max)
                        }
                        #expect(part.events.map(\.position) == expected.map(\.position), "seed \(seed)")
                        let rows = part.events.map { EventRow($0, part.texts) }
                        #expect(rows == expected.map { EventRow($0, whole.texts) }, "seed \(seed)")
                    }
                }
            }
        }
    }

    @Test func noEventsMakeNoBlock() {
        #expect(EventList(kind: .trade).blocks(sealed: true).isEmpty)
    }

    @Test func extremeTimesPositionsAndNumbers() throws {
        var list = EventList(kind: .trade)
        let extremes: [Int64] = [.min + 1, -1, 0, 1, .max]
        for (index, time) in extremes.enumerated() {
            var event = MarketEvent.make(index, .trade(Trade(price: .zero, size: .absent)))
            event.eventTime = Timestamp(nanoseconds: time)
            event.receiptTime = Timestamp(nanoseconds: extremes[(index + 1) % 5])
            event.position = TapePosition(rawValue: [Int64.max, .min, 0, 1, 2][index])
            event.sequence = extremes[4 - index]
            event.stream = [Int32.min, .max, 0, -1, 1][index]
            event.flags = EventFlags(rawValue: index % 2 == 0 ? .max : 0)
            event.payload = .trade(
                Trade(
                    price: ExactDecimal(mantissa: extremes[index], exponent: .min),
                    size: ExactDecimal(mantissa: extremes[4 - index], exponent: .max),
                    id: EventID(number: extremes[(index * 2) % 5]),
                    venueCode: ShortCode(rawValue: index == 3 ? .max : 1 << 63),
                    condition: ShortCode(rawValue: UInt64(index))
                )
            )
            list.events.append(event)
        }
        try check(list, "extremes")
        // The same over and over, so that bins are made of them.
        var many = list
        many.events = list.events.flatMap { [MarketEvent](repeating: $0, count: 300) }
        try check(many, "many extremes")
    }

    @Test func decimalsThatFitNoCommonExponentSplitTheBlock() throws {
        let large = ExactDecimal(mantissa: .max, exponent: 0)
        let small = ExactDecimal(mantissa: 1, exponent: -18)
        var list = EventList(kind: .trade)
        for index in 0..<16 {
            list.events.append(.make(index, .trade(Trade(price: index % 5 == 0 ? large : small, size: small))))
        }
        #expect(list.blocks(sealed: true).count > 1)
        try check(list, "splits")
    }

    @Test func textsOfEveryLengthAndBesideNumbers() throws {
        var list = EventList(kind: .trade)
        for length in [0, 1, 36, 0, 255, 256, 65_535, 3] {
            let id = list.texts.add((0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            list.events.append(.make(list.events.count, .trade(Trade(price: .zero, size: .zero, id: id))))
            let number = EventID(number: Int64(length) - 40)
            list.events.append(.make(list.events.count, .trade(Trade(price: .zero, size: .zero, id: number))))
            list.events.append(.make(list.events.count, .trade(Trade(price: .zero, size: .zero))))
        }
        try check(list, "texts")
    }

    @Test func longTextsSplitTheBlock() throws {
        var list = EventList(kind: .trade)
        for index in 0..<40 {
            let id = list.texts.add((0..<65_535).map { UInt8(truncatingIfNeeded: ($0 + index) & 31) })
            list.events.append(.make(index, .trade(Trade(price: .zero, size: .zero, id: id))))
        }
        let blocks = list.blocks(sealed: true)
        #expect(blocks.map(\.count) == [10, 10, 10, 10])
        try check(list, "long texts")
    }

    @Test func fewEventsMakeASmallBlock() {
        let example = DocumentTests.example
        let sealed = example.blocks(sealed: true)
        #expect(sealed.count == 1 && sealed[0].bytes.count < 110)
        let one = EventList(kind: .trade, events: [example.events[0]], texts: TextPool())
        #expect(one.blocks(sealed: true)[0].bytes.count < 75)
    }

    /// A column without a value anywhere is left out; one with some is sparse unless zero stands for no value.
    @Test func columnsAreThereWhereTheyAreNeeded() throws {
        var list = EventList(kind: .trade)
        for index in 0..<1_000 {
            let size: ExactDecimal = index % 50 == 0 ? .absent : ExactDecimal(mantissa: 3, exponent: -1)
            let side: Side = index % 7 == 0 ? .buy : .unknown
            list.events.append(.make(index, .trade(Trade(price: .zero, size: size, side: side))))
        }
        let columns = try SealedColumn.all(of: list.blocks(sealed: true)[0].bytes)
        #expect(columns.map(\.id) == [.eventTime, .side, .price, .size])
        #expect(columns.map(\.isSparse) == [false, false, false, true])
        try check(list, "sparse")
    }

    /// Streams are columns of both versions.
    @Test(arguments: [false, true])
    func streamsComeBack(sealed: Bool) throws {
        var list = EventList(kind: .candle)
        for index in 0..<300 {
            let candle = Candle(open: .zero, high: .zero, low: .zero, close: .zero, volume: .zero, interval: 60)
            list.events.append(.make(index, .candle(candle)))
            list.events[index].stream = Int32(index / 100)
        }
        let decoded = try BlockDecoder().decode(list.blocks(sealed: sealed)[0].bytes)
        #expect(decoded.events.map(\.stream) == list.events.map(\.stream))
        for index in list.events.indices { list.events[index].stream = 0 }
        let without = list.blocks(sealed: sealed)[0].bytes
        #expect(try BlockDecoder().decode(without).events.allSatisfy { $0.stream == 0 })
    }
}
