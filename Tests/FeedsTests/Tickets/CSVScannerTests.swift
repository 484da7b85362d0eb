import MarketData
import Testing

@testable import Feeds

/// Rows that go wrong, and what that costs.
@Suite("Rows of tables")
struct CSVScannerTests {
    private static let header = "id,subject,description\n"

    private func decode(_ text: String, slabBytes: Int = SlabReader.slabBytes) throws -> DecodedTickets {
        let format = try TicketsCSVFormat(head: Array(text.utf8))
        return try decodeTickets(Array(text.utf8), as: format, slabBytes: slabBytes)
    }

    private func rows(_ numbers: ClosedRange<Int>, text: String = "plain") -> String {
        numbers.map { "\($0),s,\(text)\n" }.joined()
    }

    @Test("A stray quote costs the rows up to the next quoted text, not all that follow")
    func strayQuoteBeforeQuotedTexts() throws {
        let quoted = rows(2...50, text: "\"a\n\nb\"")
        let decoded = try decode(Self.header + "1,s,\"stray\n" + quoted)
        #expect(decoded.frames.map(\.externalID) == (3...50).map { "\($0)" })
        #expect(Set(decoded.rules) == [.malformed])
    }

    @Test("A stray quote where no other follows costs one row")
    func strayQuoteAlone() throws {
        let count = 120_000
        let text = Self.header + rows(1...10) + "11,s,\"stray\n" + rows(12...count)
        #expect(text.utf8.count > CSVScanner.quotedBytesMax)
        let decoded = try decode(text)
        #expect(decoded.rules == [.malformed])
        #expect(decoded.rejected.first.map { String(decoding: $0.raw, as: UTF8.self) } == "11,s,\"stray")
        #expect(decoded.frames.count == count - 1)
        try decode(text, slabBytes: 5_000).expectSame(decoded, "small slabs")
    }

    @Test("A stray quote is known for one before the rest of the feed was read")
    func strayQuoteIsBounded() throws {
        let row = "2,s,\(String(repeating: "x", count: 500))\n"
        let text = Self.header + "1,s,\"stray\n" + String(repeating: row, count: 20_000)
        let format = try TicketsCSVFormat(head: Array(text.utf8.prefix(100)))
        let reader = SlabReader(MemorySource(Array(text.utf8)), format: format, slabBytes: 4_096)
        var largest = 0
        while let slab = try reader.next() { largest = max(largest, slab.count) }
        #expect((CSVScanner.quotedBytesMax...2 * CSVScanner.quotedBytesMax).contains(largest))
    }

    @Test("A stray quote at the end of a feed costs one row, and is no text that was cut off")
    func strayQuoteNearTheEnd() throws {
        let text = Self.header + rows(1...10) + "11,s,\"stray\n" + rows(12...20)
        let decoded = try decode(text)
        #expect(decoded.rules == [.malformed] && decoded.truncated == nil)
        #expect(decoded.frames.count == 19)
        try decode(text, slabBytes: 50).expectSame(decoded, "small slabs")
    }

    @Test("The longest text is taken, one more byte is too much, and all doubled quotes are no stray quote")
    func longTexts() throws {
        let most = TicketLimits.textBytesMax
        for (count, rules) in [(most, []), (most + 1, [RejectRule.textTooLong])] {
            let text = Self.header + "1,s,\"" + String(repeating: "x", count: count) + "\"\n2,s,d\n"
            #expect(try decode(text).rules == rules)
        }
        let quotes = Self.header + "1,s,\"" + String(repeating: "\"\"", count: most - 1) + "\"\n2,s,d\n"
        let decoded = try decode(quotes)
        #expect(decoded.rejected.isEmpty && decoded.frames.count == 2)
        #expect(decoded.frames.first?.text("description")?.utf8.count == most - 1)
    }

    @Test("A row that is too long to hold is skipped, and what follows it is read")
    func oversized() throws {
        let long = String(repeating: "x", count: SlabReader.recordBytesMax + 5)
        let decoded = try decode(Self.header + "1,s,\(long)\n2,s,d\n")
        #expect(decoded.rules == [.recordTooLarge])
        #expect(decoded.frames.map(\.externalID) == ["2"])
        #expect(decoded.rejected.first?.rawLength == long.utf8.count + 5)
    }

    @Test("Quotes within a field that does not begin with one are characters")
    func quotesWithin() throws {
        let decoded = try decode(Self.header + "1,5\" screen,a \"b\" c\n2,s,d\n")
        #expect(decoded.rejected.isEmpty)
        #expect(decoded.frames.map { $0.text("subject") } == ["5\" screen", "s"])
        #expect(decoded.frames.first?.text("description") == "a \"b\" c")
    }

    @Test("A quoted text that the feed is cut in is a truncated record")
    func cutText() throws {
        let decoded = try decode(Self.header + "1,s,d\n2,s,\"a\nb")
        #expect(decoded.rejected.isEmpty && decoded.frames.count == 1 && decoded.records == 1)
        #expect(decoded.truncated == Array("2,s,\"a\nb".utf8))
    }

    @Test("Columns without a name, and names that come twice, have names of their own")
    func columnNames() throws {
        let table = try #require(CSVTable(head: Array("Id,,A b,a_B,Größe!,\"x\ny\",a_b_2\n1".utf8)))
        #expect(table.titles == ["Id", "", "A b", "a_B", "Größe!", "x\ny", "a_b_2"])
        #expect(table.customNames == ["id", "column_2", "a_b", "a_b_2", "größe", "x_y", "a_b_2_2"])
        #expect(table.customNames.allSatisfy { CustomName.isValid($0) })
    }
}
