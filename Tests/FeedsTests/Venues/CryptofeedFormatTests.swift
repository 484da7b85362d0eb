import Feeds
import MarketData
import Testing

@Suite struct CryptofeedFormatTests {
    private static let heartbeat =
        #"{"t":"recv","conn":"K.1","ts":1618678133.5561652,"data":"{\"event\":\"heartbeat\"}"}"#
    private static let trade =
        #"""
        {"data":"[993,[[\"354.1\",\"0.8\",\"1618678142.557535\",\"s\",\"l\",\"\"]],\"trade\",\"XMR\/USD\"]",\#
        "ts":1618678142.592855,"t":"recv","conn":"K.1"}
        """#

    private func decodeLines(_ lines: String..., exchange: String = "KRAKEN", venue: String? = nil) throws -> Decoded {
        let format = try CryptofeedFormat(venue: venue, exchange: exchange)
        return try decode(Array(lines.joined(separator: "\n").utf8), as: format)
    }

    @Test func keysComeInAnyOrderAndTimesAreExact() throws {
        let decoded = try decodeLines(Self.trade)
        #expect(decoded.events.map(\.instrument) == ["KRAKEN:XMR/USD"])
        #expect(decoded.raw.map(\.receiptTime.nanoseconds) == [1_618_678_142_592_855_000])
        #expect(decoded.events.map(\.stream) == ["K.1|trade|XMR/USD"])
    }

    @Test func theVenueMayBeNamed() throws {
        #expect(try decodeLines(Self.trade, venue: "KRAKEN2").events.map(\.instrument) == ["KRAKEN2:XMR/USD"])
        #expect(try decodeLines(Self.trade, exchange: "Kraken").events.map(\.instrument) == ["Kraken:XMR/USD"])
    }

    @Test func otherLinesAreIgnoredByTheirType() throws {
        let decoded = try decodeLines(
            #"{"t":"header","format":2,"exchange":"KRAKEN","config":{"ticker":["A"]},"candle_interval":null}"#,
            #"{"t":"http","conn":"K.http","ts":1.5,"url":"https://…","data":"{}"}"#,
            #"{"t":"connect","conn":"K.1","ts":1.5,"addr":"wss://…"}"#,
            #"{"t":"send","conn":"K.1","ts":1.5,"data":"{}"}"#,
            #"{"t":"new"}"#,
            Self.heartbeat
        )
        #expect(decoded.records == 6)
        #expect(decoded.ignored == ["header": 1, "http": 1, "connect": 1, "send": 1, "unknown": 1, "heartbeat": 1])
        #expect(decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        ("no JSON", RejectRule.malformed), ("[]", .malformed), ("{}", .missingField),
        (#"{"t":"recv","ts":1.5,"data":"{}"}"#, .missingField),
        (#"{"t":"recv","conn":"K.1","data":"{}"}"#, .missingField),
        (#"{"t":"recv","conn":"K.1","ts":"soon","data":"{}"}"#, .invalidTime),
        (#"{"t":"recv","conn":"K.1","ts":-1,"data":"{}"}"#, .invalidTime),
        (#"{"t":"recv","conn":"K.1","ts":1.5}"#, .missingField),
        (#"{"t":"recv","conn":"K.1","ts":1.5,"data":{}}"#, .missingField),
        (#"{"t":"recv","conn":"K.1","ts":1.5,"data":"\ud800"}"#, .missingField),
        (#"{"t":"recv","conn":"K.1","ts":1.5,"data":"{\"event\":"}"#, .malformed),
        (#"{"t":"recv","conn":"K.1","ts":1.5,"data":""}"#, .malformed),
    ])
    func rejected(line: String, rule: RejectRule) throws {
        // Followed by another line: a last line without its end would count as cut off.
        let decoded = try decodeLines(line, Self.heartbeat)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.ignored == ["heartbeat": 1])
    }

    @Test func aLineThatWasCutOffIsNoBadRecord() throws {
        let bytes = Array((Self.heartbeat + "\n" + Self.trade).utf8)
        let format = try CryptofeedFormat(exchange: "KRAKEN")
        for length in (Self.heartbeat.utf8.count + 2)..<bytes.count {
            let decoded = try decode(Array(bytes[..<length]), as: format)
            #expect(decoded.records == 1 && decoded.rejected.isEmpty && decoded.raw.isEmpty)
        }
        #expect(try decode(bytes, as: format).raw.count == 1)
    }

    @Test func aConnectionMayStartItsNumbersAnew() throws {
        func message(_ number: Int) -> String {
            #"{"t":"recv","conn":"C.1","ts":1.5,"data":"{\"channel\":\"heartbeats\",\"sequence_num\":\#(number)}"}"#
        }
        let connect = #"{"t":"connect","conn":"C.1","ts":1.5}"#
        let decoded = try decodeLines(connect, message(0), message(1), connect, message(0), exchange: "COINBASE")
        #expect(decoded.observations.map(\.number) == [nil, 0, 1, nil, 0])
        #expect(decoded.observations.map(\.line) == [0, 1, 2, 3, 4])
    }

    @Test func hugeBooksAreIgnoredWhole() throws {
        let levels = String(
            repeating: #"{\"side\":\"bid\",\"price_level\":\"65083.66\",\"new_quantity\":\"0.2\"},"#,
            count: 150_000
        )
        let line =
            #"""
            {"t":"recv","conn":"C.1","ts":1.5,"data":"{\"channel\":\"l2_data\",\"sequence_num\":7,\#
            \"events\":[{\"updates\":[
            """#
            + levels + #"{}]}]}"}"#
        #expect(line.utf8.count > 10_000_000)
        let decoded = try decodeLines(line, line, "", exchange: "COINBASE")
        #expect(decoded.ignored == ["book": 2])
        #expect(decoded.observations.map(\.number) == [7, 7])
    }

    @Test func theHeaderNamesTheExchange() {
        func exchange(_ line: String) -> String? {
            Array(line.utf8).withUnsafeBytes { CryptofeedFormat.exchange(inFirstLine: $0) }
        }
        #expect(exchange("{\"t\":\"header\",\"exchange\":\"BYBIT\",\"config\":{}}\n{…") == "BYBIT")
        #expect(exchange(#"{"exchange":"OKX","t":"header"}"#) == "OKX")
        #expect(exchange(#"{"t":"recv","exchange":"OKX"}"#) == nil)
        #expect(exchange(#"{"t":"header","exch"#) == nil)
        #expect(exchange("") == nil)
    }

    @Test func unknownVenuesAreRefusedWithTheKnownOnes() throws {
        let error = #expect(throws: UnknownVenueError.self) { try CryptofeedFormat(exchange: "NOWHERE") }
        let text = try #require(error).description
        for name in [
            "NOWHERE", "BINANCE", "BINANCE_FUTURES", "COINBASE", "KRAKEN", "BYBIT", "OKX", "BITSTAMP", "GEMINI",
            "PHEMEX",
        ] {
            #expect(text.contains(name))
        }
    }

    /// A record with more events than positions can number says so once instead of running into the next line.
    @Test func positionsDoNotOverflow() throws {
        let row = #"[\"1\",\"1\",\"1\",\"b\"],"#
        let line =
            #"{"t":"recv","conn":"K","ts":1,"data":"[1,["# + String(repeating: row, count: 1_048_580)
            + #"[]],\"trade\",\"X\"]"}"#
        let decoded = try decodeLines(line, "", exchange: "KRAKEN")
        #expect(decoded.raw.count == 1_048_575)
        #expect(decoded.rejected.map(\.rule) == [.tooManyEvents])
        #expect(decoded.raw.allSatisfy { $0.position.line == 0 })
    }
}
