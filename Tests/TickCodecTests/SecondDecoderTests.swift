import Foundation
import MarketData
import Testing

@testable import TickCodec

/// docs/block-format.md says all that a decoder has to know.
@Suite(.enabled(if: SecondDecoder.isPresent, SecondDecoder.absence))
struct SecondDecoderTests {
    @Test(arguments: EventKind.allCases, [false, true])
    func readsWhatTheEncoderWrites(kind: EventKind, sealed: Bool) throws {
        var blocks: [[UInt8]] = []
        var expected: [SecondDecoder.Answer] = []
        for seed in UInt64(0)..<(sealed ? 60 : 120) {
            var random = RandomEvents(seed: seed)
            // Bins of sealed blocks pay from some hundred events on.
            let counts = seed < 2 ? [1_000] : sealed ? [1, 3, 40, 300] : [1, 2, 9, 127, 128, 129]
            for count in counts {
                let list = random.make(kind, count: count)
                add(sealed ? list.inOrderOfTime : list, sealed: sealed, to: &blocks, &expected)
            }
        }
        let answers = try SecondDecoder.decode(blocks)
        #expect(answers.count == blocks.count)
        for (number, pair) in zip(answers, expected).enumerated() where pair.0 != pair.1 {
            Issue.record("block \(number) is read differently: \(pair)")
            break
        }
    }

    @Test(arguments: [false, true])
    func readsTheLargestBlock(sealed: Bool) throws {
        var list = EventList(kind: .trade)
        for index in 0..<(sealed ? SealedBlockEncoder.eventsMax : 65_536) {
            let price = ExactDecimal(mantissa: 6_180_030 + Int64(index * index % 977), exponent: -2)
            let id = EventID(number: 5_000_000_000 + Int64(index))
            let trade = Trade(price: price, size: .zero, id: id, side: index % 3 == 0 ? .buy : .sell)
            list.events.append(.make(index, .trade(trade)))
        }
        var blocks: [[UInt8]] = []
        var expected: [SecondDecoder.Answer] = []
        add(list, sealed: sealed, to: &blocks, &expected)
        #expect(blocks.count == 1)
        #expect(try SecondDecoder.decode(blocks) == expected)
    }

    /// Both decoders take and refuse the same bytes.
    @Test(arguments: [false, true])
    func refusesWhatTheFirstRefuses(sealed: Bool) throws {
        var mutations = Mutations(seed: 77, sealed: sealed)
        var blocks: [[UInt8]] = []
        var expected: [SecondDecoder.Answer?] = []
        while blocks.count < 1_500 {
            let block = mutations.next()
            blocks.append(block)
            expected.append((try? BlockDecoder().decode(block)).map(Self.answer))
        }
        let answers = try SecondDecoder.decode(blocks)
        #expect(answers.count == blocks.count)
        for (number, pair) in zip(answers, expected).enumerated() {
            let isSame =
                if case .refused = pair.0 { pair.1 == nil } else { pair.0 == pair.1 }
            guard !isSame else { continue }
            Issue.record("block \(number) is read differently: \(pair) \(blocks[number])")
            break
        }
        #expect(expected.contains { $0 != nil })
    }

    private func add(
        _ list: EventList,
        sealed: Bool,
        to blocks: inout [[UInt8]],
        _ expected: inout [SecondDecoder.Answer]
    ) {
        var next = 0
        // Numbers that fit no common exponent make very many blocks, which are all alike.
        for block in list.blocks(sealed: sealed).prefix(4) {
            let events = list.events[next..<(next + block.count)]
            next += block.count
            let positions = events.map(\.position.rawValue)
            let times = events.map(\.eventTime.nanoseconds)
            let header = HeaderRow(
                kind: list.kind.name,
                sealed: sealed,
                count: block.count,
                positions: [positions.min() ?? 0, positions.max() ?? 0],
                eventTimes: [times.min() ?? 0, times.max() ?? 0]
            )
            blocks.append(block.bytes)
            expected.append(.block(header, events.map { EventRow($0, list.texts) }))
        }
    }

    private static func answer(_ block: DecodedBlock) -> SecondDecoder.Answer {
        let header = HeaderRow(
            kind: block.header.kind.name,
            sealed: block.header.isSealed,
            count: block.header.count,
            positions: [block.header.positions.lowerBound, block.header.positions.upperBound],
            eventTimes: [block.header.eventTimes.lowerBound, block.header.eventTimes.upperBound]
        )
        return .block(header, block.events.map { EventRow($0, block.texts) })
    }
}
