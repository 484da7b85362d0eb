import Feeds
import MarketData
import Testing

/// Generic records with a declared mapping: NDJSON and CSV.
@Suite struct MappedTests {
    private static let mapping =
        "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"

    private func ndjson(_ text: String, _ map: String = MappedTests.mapping, symbol: String? = nil) throws -> Decoded {
        let format = NDJSONFormat(mapping: try FieldMapping(parsing: map), venue: "V", symbol: symbol)
        return try decode(Array(text.utf8), as: format)
    }

    private func csv(_ text: String, _ map: String, symbol: String? = nil) throws -> Decoded {
        let line = String(text.prefix { $0 != "\n" && $0 != "\r\n" })
        let mapping = try FieldMapping(parsing: map)
        let format = try CSVFormat(mapping: mapping, firstLine: line, venue: "V", symbol: symbol)
        return try decode(Array(text.utf8), as: format)
    }

    @Test func aTradeHasEveryMappedField() throws {
        let line = """
            {"type":"match","trade_id":7,"sequence":50,"time":"2024-08-08T14:30:00.123456Z","product_id":"BTC-USD",\
            "size":"0.500","price":"61800.30","side":"SELL"}
            """
        let decoded = try ndjson(line + "\n")
        #expect(decoded.records == 1)
        #expect(decoded.rejected.isEmpty)
        #expect(decoded.events.first?.instrument == "V:BTC-USD")
        #expect(decoded.events.first?.stream == "V:BTC-USD")
        #expect(
            decoded.events.first?.text
                == "1723127400123456000 - 50 contiguous:50  trade 7 61800.3 0.5 sell"
        )
    }

    @Test func fieldsAreFoundInAnyOrderAndAmongOthers() throws {
        let lines = """
            {"product_id":"A","price":1.5,"size":2,"time":1723127400}
            {"time":1723127400000,"extra":{"price":"9"},"size":"2","list":[1,2],"price":"1.5","product_id":"A"}
            """
        let decoded = try ndjson(lines)
        #expect(decoded.rejected.isEmpty)
        #expect(Set(decoded.events.map(\.text)).count == 1)
    }

    @Test(arguments: [
        ("1723127400", 1_723_127_400_000_000_000), ("1723127400.5", 1_723_127_400_500_000_000),
        ("1723127400123", 1_723_127_400_123_000_000), ("1723127400123456", 1_723_127_400_123_456_000),
        ("1723127400123456789", 1_723_127_400_123_456_789),
    ])
    func theUnitOfATimeFollowsFromItsDigits(text: String, nanoseconds: Int64) throws {
        let decoded = try ndjson("{\"product_id\":\"A\",\"price\":1,\"size\":1,\"time\":\(text)}\n")
        #expect(decoded.raw.first?.eventTime.nanoseconds == nanoseconds)
    }

    @Test func escapesOfMappedFieldsAreResolved() throws {
        let decoded = try ndjson(#"{"product_id":"XBT\/USD","price":"1","size":"1","time":1723127400}"# + "\n")
        #expect(decoded.events.first?.instrument == "V:XBT/USD")
    }

    @Test(arguments: [
        ("007", "007"), ("7", "7"), ("-7", "-7"), ("a-b", "a-b"), ("99999999999999999999", "99999999999999999999"),
    ])
    func anIdentifierComesBackAsItWasSent(sent: String, expected: String) throws {
        let decoded = try ndjson(
            "{\"product_id\":\"A\",\"price\":1,\"size\":1,\"time\":1723127400,\"trade_id\":\"\(sent)\"}\n"
        )
        #expect(decoded.events.first?.text.contains(" trade \(expected) ") == true)
    }

    @Test(arguments: [
        (#"{"product_id":"A","price":"x","size":1,"time":1723127400}"#, RejectRule.invalidNumber),
        (#"{"product_id":"A","price":"NaN","size":1,"time":1723127400}"#, .invalidNumber),
        (#"{"product_id":"A","price":12345678901234567890123,"size":1,"time":1723127400}"#, .invalidNumber),
        (#"{"product_id":"A","size":1,"time":1723127400}"#, .missingField),
        (#"{"product_id":"A","price":1,"size":1}"#, .missingField),
        (#"{"price":1,"size":1,"time":1723127400}"#, .missingField),
        (#"{"product_id":"A","price":1,"size":1,"time":"yesterday"}"#, .invalidTime),
        (#"{"product_id":"A","price":1,"size":1,"time":1723127400,"side":"up"}"#, .invalidSide),
        (#"{"product_id":"A","price":1,"size":1,"time":1723127400,"sequence":18446744073709551616}"#, .invalidNumber),
        (#"{"product_id":"A\u0001","price":1,"size":1,"time":1723127400}"#, .invalidSymbol),
        (#"{"product_id":"A","price":0,"size":1,"time":1723127400}"#, .priceNotPositive),
        (#"{"product_id":"A","price":1,"size":-1,"time":1723127400}"#, .sizeNegative),
        (#"{"product_id":"A","price":1"#, .malformed), ("[1,2]", .malformed), ("not json", .malformed),
    ])
    func anImpossibleRecordIsRejectedByItsRule(line: String, rule: RejectRule) throws {
        let good = #"{"product_id":"A","price":1,"size":1,"time":1723127400}"#
        let decoded = try ndjson([good, line, good].joined(separator: "\n") + "\n")
        #expect(decoded.records == 3)
        #expect(decoded.raw.count == 2)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.rejected.first?.position.line == 1)
        #expect(decoded.rejected.first?.raw == Array(line.utf8))
        #expect(decoded.rejected.first?.kind == .trade)
    }

    @Test func quotesAndCandlesFollowFromTheMapping() throws {
        let quote = try ndjson(
            #"{"s":"A","b":"1.10","bs":"5","a":"1.20","t":1723127400,"r":1723127401}"# + "\n",
            "symbol=s,bid_price=b,bid_size=bs,ask_price=a,ask_size=as,time=t,receipt=r"
        )
        #expect(quote.events.first?.text == "1723127400000000000 1723127401000000000 - none  quote 1.1 5 1.2 ")
        let candle = try ndjson(
            #"{"t":1723127400,"o":1,"h":3,"l":0.5,"c":2,"v":10,"i":60}"# + "\n",
            "time=t,open=o,high=h,low=l,close=c,volume=v,interval=i",
            symbol: "A"
        )
        #expect(candle.events.first?.text == "1723127400000000000 - - none  candle 60 1 3 0.5 2 10")
    }

    @Test func aStreamFieldSeparatesSequences() throws {
        let decoded = try ndjson(
            #"{"symbol":"A","price":1,"size":1,"time":1723127400,"sequence":1,"feed":"left"}"# + "\n",
            "symbol=symbol,price=price,size=size,time=time,sequence=sequence,stream=feed"
        )
        #expect(decoded.events.first?.stream == "left")
    }

    @Test(arguments: [",", ";", "\t"])
    func separatorsQuotesAndLineEndsOfCSV(separator: String) throws {
        let rows = [["time", "note", "price", "size"], ["1723127400", "\"a\(separator)\"\"b\"\"\"", "1.5", "2"]]
        let text = rows.map { $0.joined(separator: separator) }.joined(separator: "\r\n")
        let decoded = try csv(text, "time=time,price=price,size=size", symbol: "A")
        #expect(decoded.records == 1)
        #expect(decoded.lines == 2)
        #expect(decoded.events.first?.text == "1723127400000000000 - - none  trade - 1.5 2 ")
    }

    @Test func columnsMayBeNumbered() throws {
        let decoded = try csv("1723127400,1.5,2\n1723127401,1.6,3", "time=1,price=2,size=3", symbol: "A")
        #expect(decoded.records == 2)
        #expect(decoded.raw.count == 2)
    }

    @Test func aRowWithTooFewColumnsIsMalformed() throws {
        let decoded = try csv(
            "time,price,size\n1723127400,1.5\n1723127400,1.5,2\n",
            "time=time,price=price,size=size",
            symbol: "A"
        )
        #expect(decoded.rejected.map(\.rule) == [.malformed])
        #expect(decoded.raw.count == 1)
    }

    @Test func aMappingThatCannotWorkSaysWhy() throws {
        #expect(throws: MappingError.self) { try FieldMapping(parsing: "price=p") }
        #expect(throws: MappingError.self) { try FieldMapping(parsing: "colour=c") }
        #expect(throws: MappingError.self) { try FieldMapping(parsing: "price=a,price=b,size=s,time=t") }
        #expect(throws: MappingError.self) { try csv("a,b\n", "time=a,price=b,size=c", symbol: "A") }
    }
}
