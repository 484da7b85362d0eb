import MarketData
import Testing

@Suite struct ValueTests {
    @Test func positionsAreLineThenPlace() {
        let position = TapePosition(line: 7, event: 3)
        #expect(position.rawValue == 7 << 20 + 3)
        #expect(position.line == 7)
        #expect(TapePosition(line: 7, event: (1 << 20) - 1) < TapePosition(line: 8, event: 0))
        #expect(TapePosition.start < TapePosition(line: 0, event: 0))
    }

    @Test func shortCodes() {
        func read(_ text: String) -> ShortCode? { Array(text.utf8).withUnsafeBytes { ShortCode($0) } }
        for text in ["", "P", "@ TI", "ABCDEFGH"] { #expect(read(text)?.description == text) }
        #expect(read("") == .absent)
        #expect(read("P")?.rawValue == 0x50)
        #expect(read("AB")?.rawValue == 0x4241)
        #expect(read("ABCDEFGHI") == nil)
        #expect(read("A\u{0}B") == nil)
    }

    @Test func instruments() {
        #expect(Instrument(parsing: "BINANCE:BTCUSDT")?.description == "BINANCE:BTCUSDT")
        #expect(Instrument(parsing: "V:A:B") == Instrument(venue: "V", symbol: "A:B"))
        for text in ["", ":", "V:", ":S", "VS"] { #expect(Instrument(parsing: text) == nil) }
    }

    @Test func kinds() {
        for kind in EventKind.allCases { #expect(EventKind(name: kind.name) == kind) }
        #expect(EventKind(name: "book") == nil)
        // The numbers are stored.
        #expect(EventKind.allCases.map(\.rawValue) == [1, 2, 3])
        #expect([Side.unknown, .buy, .sell].map(\.rawValue) == [0, 1, 2])
        #expect([Side.unknown, .buy, .sell].map(\.name) == ["", "buy", "sell"])
    }

    @Test func textIdentifiers() {
        var pool = TextPool()
        let empty = pool.add([])
        let first = pool.add(Array("abc".utf8))
        let longest = pool.add([UInt8](repeating: 7, count: TextPool.textLengthMax))
        let last = pool.add(Array("z".utf8))
        #expect(pool[empty].isEmpty)
        #expect(Array(pool[first]) == Array("abc".utf8))
        #expect(pool[longest].count == TextPool.textLengthMax && pool[longest].allSatisfy { $0 == 7 })
        #expect(Array(pool[last]) == Array("z".utf8))
        #expect(empty.form == .text && EventID.absent.form == .absent && EventID(number: -1).value == -1)
    }

    /// Names in summaries and in the collection of rejects are a contract.
    @Test func rulesHaveNamesInLowerCase() {
        let names = RejectRule.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" } })
        #expect(names.contains("price_not_positive") && names.contains("candle_range"))
    }
}
