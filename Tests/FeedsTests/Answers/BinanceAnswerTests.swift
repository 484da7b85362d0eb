import Feeds
import MarketData
import Testing

@Suite struct BinanceAnswerTests {
    private static func trade(_ id: String, price: String = #""61800.30""#) -> String {
        #"""
        {"id":\#(id),"price":\#(price),"qty":"0.00600000","quoteQty":"48.000012","time":1700000000123,\#
        "isBuyerMaker":false,"isBestMatch":true}
        """#
    }

    private static func live(_ id: Int) -> String {
        #"""
        {"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000124,"s":"BTCUSDT","t":\#(id),"p":"61800.30",\#
        "q":"0.006","T":1700000000123,"m":false,"M":true}}
        """#
    }

    /// An answer fills a hole exactly where it gives what the live messages would have: text, stream and number.
    @Test(arguments: ["/api/v3/trades", "/api/v3/historicalTrades"])
    func tradesAreThoseOfLiveMessages(path: String) throws {
        let whole = try decode("binance", (900...903).map { .message(Self.live($0)) })
        let hole = try decode(
            "binance",
            [
                .message(Self.live(900)), .message(Self.live(903)),
                .answer("\(path)?symbol=BTCUSDT&limit=2&fromId=901", "[\(Self.trade("901")),\(Self.trade("902"))]"),
            ]
        )
        #expect(hole.rejected.isEmpty)
        #expect(Set(hole.events.map(\.text)) == Set(whole.events.map(\.text)))
        #expect(hole.events.map(\.stream) == [String](repeating: "c|btcusdt@trade", count: 4))
        #expect(hole.raw.map(\.orderNumber) == [900, 903, 901, 902])
        #expect(hole.raw.allSatisfy { $0.sequenceRule == .contiguous })
        #expect(Set(hole.events.map(\.instrument)) == ["V:BTCUSDT"])
    }

    @Test func aggregatedTradesAreThoseOfLiveMessages() throws {
        let fields = #""a":77,"p":"0.001","q":"100","f":1,"l":5,"T":1498793709153,"m":true"#
        for path in ["/fapi/v1/aggTrades", "/api/v3/aggTrades"] {
            let live = try decode(
                "binance",
                [.message(#"{"stream":"ethusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"ETHUSDT",\#(fields)}}"#)]
            )
            let answer = try decode("binance", answer: "\(path)?symbol=ETHUSDT", "[{\(fields),\"M\":true}]")
            #expect(answer.events.count == 1 && answer.events.map(\.text) == live.events.map(\.text))
            #expect(answer.events.map(\.stream) == live.events.map(\.stream))
        }
    }

    @Test func barsThatGoOnAreProvisional() throws {
        func row(_ start: Int64, _ close: String) -> String {
            #"""
            [\#(start),"0.01634790","0.80000000","0.01575800","\#(close)","148976.11427815",\#(start + 59_999),\#
            "2434.19055334",308,"1756.87402397","28.46694368","0"]
            """#
        }
        let start = answerReceipt / 1_000_000 - 60_000
        let target = "/api/v3/klines?symbol=BNBBTC&interval=1m&startTime=1"
        // The first one ends with the millisecond before the answer came, the second one later.
        let body = "[\(row(start, "0.01577100")),\(row(start + 60_000, "2e-1"))]"
        let decoded = try decode("binance", answer: target, body)
        #expect(
            decoded.events.map(\.text) == [
                "1699999940000000000 \(answerReceipt) - none  candle 60 0.0163479 0.8 0.015758 0.015771 "
                    + "148976.11427815",
                "1700000000000000000 \(answerReceipt) - none provisional candle 60 0.0163479 0.8 0.015758 0.2 "
                    + "148976.11427815",
            ]
        )
        #expect(Set(decoded.events.map(\.stream)) == ["c|bnbbtc@kline_1m"])
        let months = try decode("binance", answer: "/fapi/v1/klines?symbol=B&interval=1M", "[\(row(60_000, "0.02"))]")
        #expect(months.events.first?.text.contains(" candle 0 ") == true)
        for target in ["/api/v3/klines?symbol=B", "/api/v3/klines?symbol=B&interval=x", "/api/v3/klines?interval=1m"] {
            let decoded = try decode("binance", answer: target, body)
            #expect(decoded.rejected.count == 1 && decoded.raw.isEmpty)
        }
    }

    @Test func aThousandTrades() throws {
        let body = "[\((1...1_000).map { Self.trade("\($0)") }.joined(separator: ",\n"))]\n"
        let decoded = try decode("binance", answer: "/fapi/v1/historicalTrades?symbol=BTCUSDT&limit=1000", body)
        #expect(decoded.raw.map(\.orderNumber) == (1...1_000).map { Int64($0) })
        #expect(decoded.events.map(\.place) == (0..<1_000).map { Int64($0) })
        #expect(decoded.rejected.isEmpty && decoded.ignored.isEmpty)
    }

    @Test func newestFirstLeavesOldestFirst() throws {
        let body = "[\((1...9).reversed().map { Self.trade("\($0)") }.joined(separator: ","))]"
        let decoded = try decode("binance", answer: "/api/v3/trades?symbol=B", body)
        #expect(decoded.raw.map(\.orderNumber) == (1...9).map { Int64($0) })
    }

    @Test func numbersAtTheEdge() throws {
        let body = "[\(Self.trade("9223372036854775807", price: "6.18003e4")),\(Self.trade("9223372036854775808"))]"
        let decoded = try decode("binance", answer: "/api/v3/trades?symbol=B", body)
        #expect(decoded.raw.map(\.orderNumber) == [.max])
        #expect(decoded.events.first?.text.contains(" 61800.3 ") == true)
        #expect(decoded.rejected.map(\.rule) == [.invalidNumber] && decoded.rejected.first?.kind == .trade)
        let prices = [("1E-8", "0.00000001"), ("1.5e+3", "1500"), ("\"3e-10\"", "0.0000000003")]
        for (price, shown) in prices {
            let decoded = try decode("binance", answer: "/trades?symbol=B", "[\(Self.trade("1", price: price))]")
            #expect(decoded.events.first?.text.contains(" \(shown) ") == true)
        }
    }

    @Test func symbolsOfTheQuery() throws {
        let body = "[\(Self.trade("5"))]"
        let escaped = try decode("binance", answer: "/api/v3/trades?limit=1&symbol=A%2FB", body)
        #expect(escaped.events.map(\.instrument) == ["V:A/B"] && escaped.events.map(\.stream) == ["c|a/b@trade"])
        for target in ["/api/v3/trades", "/api/v3/trades?symbol=", "/api/v3/trades?symbol=%2", "/trades?Symbol=B"] {
            let decoded = try decode("binance", answer: target, body)
            #expect(decoded.rejected.map(\.reason) == ["the field symbol is missing or of another type"])
            #expect(decoded.rejected.map(\.rule) == [.missingField] && decoded.raw.isEmpty)
        }
        let long = String(repeating: "B", count: 65)
        let decoded = try decode("binance", answer: "/api/v3/trades?symbol=\(long)", body)
        #expect(decoded.rejected.map(\.rule) == [.invalidSymbol])
        let control = try decode("binance", answer: "/api/v3/trades?symbol=B%00", body)
        #expect(control.rejected.map(\.rule) == [.invalidSymbol] && control.raw.isEmpty)
    }

    @Test(arguments: [
        ("<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", RejectRule.malformed, EventKind?.none),
        ("", .malformed, nil), ("[", .malformed, nil), (#"[{"id":1,"price":"4"#, .malformed, nil),
        ("{}", .missingField, nil), (#""text""#, .malformed, nil), ("[7]", .missingField, .trade),
        ("[null]", .missingField, .trade), (#"[{"id":"x"}]"#, .invalidNumber, .trade),
        (#"[{"id":1,"price":"4","qty":[],"time":1,"isBuyerMaker":true}]"#, .invalidNumber, .trade),
        (#"[{"id":1,"price":"4","qty":"1","time":true,"isBuyerMaker":true}]"#, .invalidTime, .trade),
        (#"[{"id":1,"price":"4","qty":"1","time":1,"isBuyerMaker":1}]"#, .invalidSide, .trade),
    ])
    func whatIsNoListOfTradesIsRejected(body: String, rule: RejectRule, kind: EventKind?) throws {
        let decoded = try decode("binance", answer: "/api/v3/trades?symbol=B", body)
        #expect(decoded.rejected.map(\.rule) == [rule] && decoded.rejected.map(\.kind) == [kind])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }

    @Test func refusalsAndEmptyListsAreNoEvents() throws {
        for path in ["trades", "aggTrades", "klines"] {
            let refusal = try decode(
                "binance",
                answer: "/api/v3/\(path)?symbol=B&interval=1m",
                #"{"code":-1003,"msg":"Too much request weight used"}"#
            )
            #expect(refusal.ignored == ["error": 1] && refusal.rejected.isEmpty)
            let empty = try decode("binance", answer: "/api/v3/\(path)?symbol=B&interval=1m", "[]")
            #expect(empty.ignored == ["empty": 1] && empty.rejected.isEmpty)
        }
    }

    /// The number of a trade that cannot be stored arrived: its absence is no gap.
    @Test func rejectedTradesAreSeenByTheGapDetection() throws {
        let body = "[\(Self.trade("5", price: "\"0\""))]"
        let decoded = try decode("binance", answer: "/api/v3/trades?symbol=B", body)
        #expect(decoded.rejected.map(\.rule) == [.priceNotPositive])
        #expect(decoded.observations.map(\.number) == [5])
        #expect(decoded.observations.map(\.stream) == ["c|b@trade"])
    }
}
