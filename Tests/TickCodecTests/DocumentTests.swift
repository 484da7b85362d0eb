import Foundation
import MarketData
import Testing
import TickCodec

/// docs/block-format.md shows a block byte by byte.
@Suite struct DocumentTests {
    /// Three trades, of which the second has neither receipt time nor side and the third has a flag.
    static let example: EventList = {
        var list = EventList(kind: .trade)
        let prices: [Int64] = [6_180_030, 6_180_030, 618_002]
        for (index, mantissa) in prices.enumerated() {
            let price = ExactDecimal(mantissa: mantissa, exponent: index < 2 ? -2 : -1)
            let size = ExactDecimal(mantissa: 6, exponent: -3)
            let id = EventID(number: 900 + Int64(index))
            let side: [Side] = [.buy, .unknown, .sell]
            list.events.append(.make(index, .trade(Trade(price: price, size: size, id: id, side: side[index]))))
            guard index != 1 else { continue }
            let time = list.events[index].eventTime.nanoseconds
            list.events[index].receiptTime = Timestamp(nanoseconds: time + 250 * Int64(index + 1))
        }
        list.events[2].flags = .outOfOrder
        return list
    }()

    /// 200 trades, of which every tenth is large.
    private static let binsExample: EventList = {
        var list = EventList(kind: .trade)
        for index in 0..<200 {
            let size = ExactDecimal(mantissa: index % 10 == 9 ? 1_000 + Int64(index) : 100, exponent: 0)
            list.events.append(.make(index, .trade(Trade(price: ExactDecimal(mantissa: 5, exponent: 0), size: size))))
        }
        return list
    }()

    @Test func exampleOfAHotBlock() throws {
        try check("Example", example: Self.example, sealed: false)
    }

    @Test func exampleOfASealedBlock() throws {
        try check("Example of a sealed block", example: Self.example, sealed: true)
    }

    @Test func exampleOfBins() throws {
        try check("Example of bins", example: Self.binsExample, sealed: true)
    }

    private func check(_ title: String, example: EventList, sealed: Bool) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/block-format.md").standardizedFileURL
        let page = try String(contentsOf: path, encoding: .utf8)
        let sections = page.components(separatedBy: "\n## ")
        let section = try #require(sections.first { $0.hasPrefix(title + "\n") })
        let shown = section.components(separatedBy: "\n").filter { $0.hasPrefix("    ") }
            .map { $0.components(separatedBy: "  |").first ?? "" }.joined(separator: " ")
            .split(separator: " ").map(String.init)
        let blocks = example.blocks(sealed: sealed)
        #expect(blocks.count == 1)
        #expect(blocks[0].bytes.map { EventRow.hex($0) } == shown)
    }
}
