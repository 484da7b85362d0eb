import Feeds
import MarketData
import Testing

/// Messages in the documented form with invented values.
@Suite struct BinanceDialectTests {
    private static let trade =
        #"{"e":"trade","E":1700000000124,"s":"BTCUSDT","t":900,"p":"61800.30","q":"0.006","T":1700000000123,"m":false}"#

    private func decodeOne(_ message: String, connection: String = "") throws -> Decoded {
        try decode(messages: [message], venue: "BINANCE", connection: connection)
    }

    @Test func trade() throws {
        let decoded = try decodeOne(#"{"stream":"btcusdt@trade","data":\#(Self.trade)}"#)
        #expect(decoded.events.map(\.instrument) == ["BINANCE:BTCUSDT"])
        #expect(decoded.events.map(\.stream) == ["btcusdt@trade"])
        #expect(
            decoded.events.map(\.text) == [
                "1700000000123000000 1700000000 - contiguous:900  trade 900 61800.3 0.006 buy"
            ]
        )
    }

    @Test func tradeWithoutEnvelope() throws {
        let decoded = try decodeOne(Self.trade.replacing("false", with: "true"), connection: "ws.7")
        #expect(decoded.events.map(\.stream) == ["ws.7|trade|BTCUSDT"])
        #expect(decoded.events.first?.text.hasSuffix(" sell") == true)
    }

    @Test func aggregateTrade() throws {
        let decoded = try decodeOne(
            #"{"e":"aggTrade","E":1,"s":"ETHUSDT","a":77,"p":"0.001","q":"100","f":1,"l":5,"T":2,"m":true,"M":true}"#
        )
        #expect(decoded.events.map(\.text) == ["2000000 1700000000 - contiguous:77  trade 77 0.001 100 sell"])
        #expect(decoded.events.map(\.stream) == ["aggTrade|ETHUSDT"])
    }

    @Test func bookTickerOfFuturesAndOfSpot() throws {
        let futures = try decodeOne(
            #"{"e":"bookTicker","u":400900,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6","T":15,"E":16}"#
        )
        #expect(
            futures.events.map(\.text) == ["15000000 1700000000 400900 increasing:400900  quote 25.3 31.2 25.4 40.6"]
        )
        let spot = try decodeOne(#"{"u":400900,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6"}"#)
        #expect(
            spot.events.map(\.text) == [
                "1700000000 1700000000 400900 increasing:400900 no_event_time quote 25.3 31.2 25.4 40.6"
            ]
        )
    }

    @Test func anEmptySideIsAbsent() throws {
        let message = #"{"u":1,"s":"BNBUSDT","b":"0.00000000","B":"0.00000000","a":"25.4","A":"40.6"}"#
        #expect(
            try decodeOne(message).events.map(\.text) == [
                "1700000000 1700000000 1 increasing:1 no_event_time quote   25.4 40.6"
            ]
        )
        let empty = try decodeOne(message.replacing("25.4", with: "0.0"))
        #expect(empty.rejected.map(\.rule) == [.emptyQuote])
    }

    @Test func klines() throws {
        let message = #"""
            {"e":"kline","E":1,"s":"BNBBTC","k":{"t":60000,"T":119999,"s":"BNBBTC","i":"1m","f":100,"L":200,\#
            "o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0005",\#
            "v":"1000","n":100,"x":false,"q":"1"}}
            """#
        let open = try decodeOne(message)
        #expect(
            open.events.map(\.text) == [
                "60000000000 1700000000 - none provisional candle 60 0.001 0.0025 0.0005 0.002 1000"
            ]
        )
        let closed = try decodeOne(#"{"stream":"bnbbtc@kline_1m","data":\#(message.replacing("false", with: "true"))}"#)
        #expect(closed.raw.map(\.flags) == [[]])
        #expect(closed.events.map(\.stream) == ["bnbbtc@kline_1m"])
        for (interval, seconds) in [("1s", 1), ("4h", 14_400), ("3d", 259_200), ("1w", 604_800), ("1M", 0)] {
            let decoded = try decodeOne(message.replacing("1m", with: interval))
            #expect(decoded.events.first?.text.contains(" candle \(seconds) ") == true)
        }
    }

    /// Futures number insurance-fund entries without a price among the trades: they are no trades, and no gap.
    @Test func numberedEntriesWithoutPriceLeaveNoGap() throws {
        let decoded = try decodeOne(
            #"{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":5,"p":"0","q":"0","X":"NA","m":true}"#,
            connection: "a"
        )
        #expect(decoded.ignored == ["trade_without_price": 1])
        #expect(decoded.observations.map(\.number) == [5])
        #expect(decoded.observations.map(\.stream) == ["a|trade|BTCUSDT"])
    }

    @Test func rejectedTradesAreSeenByTheGapDetection() throws {
        let decoded = try decodeOne(Self.trade.replacing("61800.30", with: "-1"))
        #expect(decoded.rejected.map(\.rule) == [.priceNotPositive])
        #expect(decoded.observations.map(\.number) == [900])
    }

    @Test(arguments: [
        (#"{"stream":"x@depth","data":{"e":"depthUpdate","E":1,"s":"X","U":1,"u":2,"b":[["1","2"]],"a":[]}}"#, "book"),
        (#"{"lastUpdateId":1,"bids":[["1","2"]],"asks":[]}"#, "book_snapshot"),
        (#"{"stream":"x@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}"#, "book"),
        (#"{"e":"24hrTicker","s":"X"}"#, "ticker"),
        (#"{"e":"24hrMiniTicker","s":"X"}"#, "mini_ticker"),
        (#"{"e":"markPriceUpdate","s":"X"}"#, "mark_price"),
        (#"{"e":"forceOrder","o":{}}"#, "liquidation"),
        (#"{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate"}]}"#, "mark_price"),
        (#"{"result":null,"id":1}"#, "acknowledgement"),
        (#"{"e":"somethingNew"}"#, "unknown"),
        (#"{"e":7}"#, "unknown"),
        (#"{"stream":"x","data":null}"#, "unknown"),
        ("[]", "unknown"), ("{}", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (#""t":900,"#, "", RejectRule.missingField, "field t "),
        (#""t":900"#, #""t":"x""#, .invalidNumber, "field t "),
        (#""t":900"#, #""t":99999999999999999999"#, .invalidNumber, "field t "),
        (#""p":"61800.30""#, #""p":"NaN""#, .invalidNumber, "field p "),
        (#""p":"61800.30""#, #""p":null"#, .invalidNumber, "field p "),
        (#""q":"0.006","#, "", .missingField, "field q "),
        (#""T":1700000000123"#, #""T":"soon""#, .invalidTime, "field T "),
        (#""T":1700000000123"#, #""T":-5"#, .invalidTime, "field T "),
        (#""T":1700000000123"#, #""T":9223372036854775807"#, .invalidTime, "field T "),
        (#""m":false"#, #""m":1"#, .invalidSide, "field m "),
        (#""s":"BTCUSDT""#, #""s":"""#, .invalidSymbol, "field s "),
        (#""s":"BTCUSDT""#, #""s":5"#, .missingField, "field s "),
        (#""m":false}"#, #""m":false"#, .malformed, "JSON"),
    ])
    func rejected(part: String, replacement: String, rule: RejectRule, reason: String) throws {
        let decoded = try decodeOne(Self.trade.replacing(part, with: replacement))
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.rejected.first?.reason.contains(reason) == true)
        #expect(decoded.rejected.first?.kind == (rule == .malformed ? nil : .trade))
    }

    @Test(arguments: ["17", "\"text\"", "null", "", " ", "{} {}", "{\"e\":\"trade\"", "\u{0}"])
    func notAMessage(text: String) throws {
        #expect(try decodeOne(text).rejected.map(\.rule) == [.malformed])
    }

    @Test func recorderLines() throws {
        let lines = "5 \(Self.trade)\r\n\nno time\n5\(Self.trade)\n99999999999999999999 {}\n6 {}\n7 {\"e\":\"tra"
        let decoded = try decode(Array(lines.utf8), as: BinanceRecorderFormat(venue: "BINANCE_FUTURES"))
        #expect(decoded.events.map(\.instrument) == ["BINANCE_FUTURES:BTCUSDT"])
        #expect(decoded.raw.map(\.receiptTime.nanoseconds) == [5])
        // The last line was cut off: that is the end of the tape, not a bad record.
        #expect(decoded.records == 5)
        #expect(decoded.rejected.map(\.rule) == [.malformed, .malformed, .malformed])
        #expect(decoded.ignored == ["unknown": 1])
    }
}
