import MarketData
import Testing

@testable import TickCodec

/// What goes into blocks comes out of them.
@Suite struct RoundTripTests {
    private func encode(_ list: EventList) -> [BlockEncoder.Block] {
        list.events.withUnsafeBufferPointer { BlockEncoder().encode($0, kind: list.kind, texts: list.texts) }
    }

    /// Decodes all blocks, and checks headers and the order of positions on the way.
    private func check(_ list: EventList, _ hint: Comment) throws {
        let decoder = BlockDecoder()
        var rows: [EventRow] = []
        var positions: [TapePosition] = []
        var next = 0
        for block in encode(list) {
            let decoded = try decoder.decode(block.bytes)
            let events = list.events[next..<(next + block.count)]
            next += block.count
            #expect(decoded.header.kind == list.kind, hint)
            #expect(decoded.header.count == block.count && decoded.events.count == block.count, hint)
            #expect(decoded.header.positions.lowerBound == events.first?.position.rawValue, hint)
            #expect(decoded.header.positions.upperBound == events.last?.position.rawValue, hint)
            #expect(decoded.header.eventTimes.lowerBound == events.map(\.eventTime.nanoseconds).min(), hint)
            #expect(decoded.header.eventTimes.upperBound == events.map(\.eventTime.nanoseconds).max(), hint)
            rows += decoded.events.map { EventRow($0, decoded.texts) }
            positions += decoded.events.map(\.position)
        }
        #expect(rows == list.rows, hint)
        #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 }, hint)
        #expect(zip(positions, list.events).allSatisfy { $0 <= $1.position }, hint)
    }

    @Test(arguments: EventKind.allCases)
    func randomEventsOfEveryShape(kind: EventKind) throws {
        for seed in UInt64(0)..<150 {
            var random = RandomEvents(seed: seed)
            for count in [1, 2, 7, 8, 9, 40] {
                try check(random.make(kind, count: count), "seed \(seed), \(count) events")
            }
        }
    }

    @Test(arguments: EventKind.allCases, [127, 128, 129, 130, 255, 256, 257, 1_000])
    func countsAroundTheGroups(kind: EventKind, count: Int) throws {
        for seed in UInt64(1_000)..<1_012 {
            var random = RandomEvents(seed: seed)
            try check(random.make(kind, count: count), "seed \(seed)")
        }
    }

    @Test(arguments: [65_535, 65_536, 65_537])
    func countsAroundTheMost(count: Int) throws {
        var list = EventList(kind: .quote)
        for index in 0..<count {
            let price = ExactDecimal(mantissa: 6_180_030 + Int64(index * index % 41), exponent: -2)
            let quote = Quote(bidPrice: price, bidSize: .zero, askPrice: price, askSize: .absent)
            list.events.append(.make(index, .quote(quote)))
        }
        #expect(encode(list).count == (count > BlockFormat.eventsMax ? 2 : 1))
        try check(list, "\(count) events")
    }

    @Test func noEventsMakeNoBlock() {
        #expect(encode(EventList(kind: .trade)).isEmpty)
    }

    @Test func equalEventsTakeTheSizeOfOne() throws {
        var list = EventList(kind: .trade)
        let trade = Trade(price: ExactDecimal(mantissa: 5, exponent: -1), size: .zero, side: .buy)
        for index in 0..<5_000 { list.events.append(.make(index, .trade(trade))) }
        for index in list.events.indices { list.events[index].eventTime = Timestamp(nanoseconds: 7) }
        let blocks = encode(list)
        #expect(blocks.count == 1)
        #expect(blocks.first?.bytes.count == 44 + 4 * 16 + 4)
        try check(list, "equal events")
    }

    @Test func decimalsThatFitNoCommonExponentSplitTheBlock() throws {
        let large = ExactDecimal(mantissa: .max, exponent: 0)
        let small = ExactDecimal(mantissa: 1, exponent: -18)
        var list = EventList(kind: .trade)
        for index in 0..<16 {
            list.events.append(.make(index, .trade(Trade(price: index % 5 == 0 ? large : small, size: small))))
        }
        let blocks = encode(list)
        #expect(blocks.count > 1)
        #expect(blocks.map(\.count).reduce(0, +) == 16)
        try check(list, "splits")
    }

    @Test func zerosAndAbsentNumbersSplitNothing() throws {
        var list = EventList(kind: .trade)
        for index in 0..<30 {
            let sizes: [ExactDecimal] = [.zero, .absent, ExactDecimal(mantissa: .max, exponent: -8)]
            list.events.append(.make(index, .trade(Trade(price: .absent, size: sizes[index % 3]))))
        }
        #expect(encode(list).count == 1)
        try check(list, "zeros")
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

    @Test func allCodesAndFlagsComeBack() throws {
        var list = EventList(kind: .quote)
        for code in ["", "P", "ABCDEFGH", "\u{7F}", "@ TI"] {
            let short = Array(code.utf8).withUnsafeBytes { ShortCode($0) } ?? .absent
            let quote = Quote(
                bidPrice: .zero,
                bidSize: .zero,
                askPrice: .zero,
                askSize: .zero,
                venueCode: short,
                condition: ShortCode(rawValue: 1 << 63)
            )
            var event = MarketEvent.make(list.events.count, .quote(quote))
            event.flags = EventFlags(rawValue: list.events.isEmpty ? .max : 1 << UInt32(list.events.count))
            list.events.append(event)
        }
        let decoded = try BlockDecoder().decode(encode(list)[0].bytes)
        for (left, right) in zip(decoded.events, list.events) {
            #expect(left.flags == right.flags)
            guard case .quote(let one) = left.payload, case .quote(let other) = right.payload else {
                Issue.record("no quote")
                continue
            }
            #expect(one.venueCode == other.venueCode && one.condition == other.condition)
        }
    }
}

extension MarketEvent {
    /// An event whose position and time follow from its number.
    static func make(_ index: Int, _ payload: Payload) -> MarketEvent {
        MarketEvent(
            position: TapePosition(line: Int64(index), event: 0),
            eventTime: Timestamp(nanoseconds: 1_723_161_255_088_169_167 + Int64(index) * 1_000_003),
            instrument: 0,
            stream: 0,
            payload: payload
        )
    }
}
