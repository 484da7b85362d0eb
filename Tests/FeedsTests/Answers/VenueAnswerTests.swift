import Feeds
import MarketData
import Testing

/// Answers of Kraken, Coinbase and Bybit, in the documented form with invented values.
@Suite struct VenueAnswerTests {
    // MARK: Kraken

    private static let krakenRows = #"""
        ["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952],\#
        ["30243.30000","0.00376960",1688669598.2804112,"s","l","",61044953]
        """#

    private static func kraken(_ rows: String) -> String {
        #"{"error":[],"result":{"XXBTZUSD":[\#(rows)],"last":"1688671969993150842"}}"#
    }

    @Test func krakenTrades() throws {
        let target = "/0/public/Trades?pair=XBT%2FUSD&since=1688669597"
        let decoded = try decode("kraken", answer: target, Self.kraken(Self.krakenRows))
        #expect(
            decoded.events.map(\.text) == [
                "1688669597827736900 \(answerReceipt) - contiguous:61044952  trade 61044952 30243.4 0.34507674 buy",
                "1688669598280411200 \(answerReceipt) - contiguous:61044953  trade 61044953 30243.3 0.0037696 sell",
            ]
        )
        #expect(Set(decoded.events.map(\.stream)) == ["c|Trades|XBT/USD"])
        // The name that live messages use, not the one of the answer.
        #expect(Set(decoded.events.map(\.instrument)) == ["V:XBT/USD"])
        #expect(KrakenDialect.last(ofTrades: Array(Self.kraken("").utf8)) == "1688671969993150842")
        #expect(KrakenDialect.last(ofTrades: Array("<html>".utf8)) == nil)
    }

    @Test func krakenTradesWithoutNumbers() throws {
        let row = #"["30243.4","0.3",1688669597.8277,"b","m",""]"#
        let decoded = try decode("kraken", answer: "/0/public/Trades?pair=XBTUSD", Self.kraken(row))
        #expect(
            decoded.events.map(\.text) == [
                "1688669597827700000 \(answerReceipt) - none  trade - 30243.4 0.3 buy"
            ]
        )
    }

    @Test(arguments: [
        ("<html>", RejectRule.malformed), (#"{"error":[],"result":{"X":[["1","2""#, .malformed),
        ("[]", .missingField), (#"{"error":[]}"#, .missingField),
        (#"{"error":[],"result":{"last":"1"}}"#, .missingField),
        (kraken(#"["1","2",3,"b","m","","x"]"#), .invalidNumber), (kraken(#"["1","2",3,"?","m","",4]"#), .invalidSide),
        (kraken(#"["1","2","now","b","m","",4]"#), .invalidTime), (kraken("7"), .missingField),
    ])
    func krakenRejected(body: String, rule: RejectRule) throws {
        let decoded = try decode("kraken", answer: "/0/public/Trades?pair=XBTUSD", body)
        #expect(decoded.rejected.map(\.rule) == [rule] && decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }

    @Test func krakenWithoutTrades() throws {
        let target = "/0/public/Trades?pair=XBTUSD"
        #expect(try decode("kraken", answer: target, Self.kraken("")).ignored == ["empty": 1])
        let refusal = try decode("kraken", answer: target, #"{"error":["EAPI:Rate limit exceeded"]}"#)
        #expect(refusal.ignored == ["error": 1] && refusal.rejected.isEmpty)
        let warning = try decode(
            "kraken",
            answer: target,
            Self.kraken(Self.krakenRows).replacing("[]", with: #"["WGeneral:Something"]"#)
        )
        #expect(warning.raw.count == 2 && warning.ignored.isEmpty)
        let nameless = try decode("kraken", answer: "/0/public/Trades", Self.kraken(Self.krakenRows))
        #expect(nameless.rejected.map(\.reason) == ["the field pair is missing or of another type"])
    }

    @Test(.enabled(if: Recording.arePresent, Recording.absence))
    func recordedKrakenAnswer() throws {
        let body = try Recording.bytes("rest/kraken-rest-trades.json")
        let decoded = try decode("kraken", [.payload(Array("/0/public/Trades?pair=XBTUSDT\n".utf8) + body)])
        #expect(decoded.raw.map(\.orderNumber) == (10_218_208...10_219_207).map { Int64($0) })
        #expect(decoded.rejected.isEmpty && decoded.ignored.isEmpty)
    }

    // MARK: Coinbase

    private static func coinbase(_ id: Int, side: String = "SELL") -> String {
        #"""
        {"trade_id":"\#(id)","product_id":"BTC-USD","price":"68923.67","size":"0.00064",\#
        "time":"2026-04-07T00:28:58.544778Z","side":"\#(side)","bid":"","ask":"","exchange":"coinbase"}
        """#
    }

    private static func coinbase(_ trades: [String]) -> String {
        #"{"trades":[\#(trades.joined(separator: ","))],"best_bid":"68923.66","best_ask":"68923.67"}"#
    }

    private static let coinbaseTarget = "/api/v3/brokerage/market/products/BTC-USD/ticker?limit=100"

    @Test func coinbaseTrades() throws {
        let live = #"""
            {"channel":"market_trades","timestamp":"2026-04-07T00:28:58.6Z","sequence_num":3,\#
            "events":[{"type":"update","trades":[\#(Self.coinbase(12))]}]}
            """#
        let trades = [Self.coinbase(11), Self.coinbase(10), Self.coinbase(9, side: "BUY")]
        let decoded = try decode(
            "coinbase",
            [.message(live), .answer(Self.coinbaseTarget, Self.coinbase(trades))]
        )
        let stream = "c|market_trades|BTC-USD"
        #expect(decoded.numbers == ["\(stream) 12", "\(stream) 9", "\(stream) 10", "\(stream) 11"])
        #expect(decoded.raw.allSatisfy { $0.sequenceRule == .contiguous })
        #expect(
            decoded.events.dropFirst().map { $0.text.split(separator: " ").suffix(4).joined(separator: " ") }
                == ["9 68923.67 0.00064 sell", "10 68923.67 0.00064 buy", "11 68923.67 0.00064 buy"]
        )
        // Only the message has a number of its connection.
        #expect(decoded.observations.map(\.number) == [3])
    }

    @Test func coinbaseWithoutTrades() throws {
        #expect(try decode("coinbase", answer: Self.coinbaseTarget, Self.coinbase([])).ignored == ["empty": 1])
        let refusal = try decode("coinbase", answer: Self.coinbaseTarget, #"{"error":"NOT_FOUND","code":5}"#)
        #expect(refusal.ignored == ["error": 1] && refusal.rejected.isEmpty)
        for (body, rule) in [
            ("<html>", RejectRule.malformed), ("{}", .missingField), (#"{"trades":7}"#, .missingField),
            (Self.coinbase([Self.coinbase(1, side: "?")]), .invalidSide), (Self.coinbase(["7"]), .missingField),
            (String(Self.coinbase([Self.coinbase(1)]).dropLast(20)), .malformed),
        ] {
            let decoded = try decode("coinbase", answer: Self.coinbaseTarget, body)
            #expect(decoded.rejected.map(\.rule) == [rule] && decoded.raw.isEmpty)
        }
    }

    // MARK: Bybit

    private static func bybit(_ id: String, _ time: Int, side: String = "Buy") -> String {
        #"""
        {"execId":"\#(id)","symbol":"BTCUSDT","price":"16618.49","size":"0.00012","side":"\#(side)",\#
        "time":"\#(time)","isBlockTrade":false,"isRPITrade":false,"seq":"79"}
        """#
    }

    private static func bybit(_ trades: [String]) -> String {
        #"""
        {"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[\#(trades.joined(separator: ","))]},\#
        "retExtInfo":{},"time":1672053054358}
        """#
    }

    private static let bybitTarget = "/v5/market/recent-trade?category=spot&symbol=BTCUSDT"

    @Test func bybitTradesAreThoseOfLiveMessages() throws {
        let live = #"""
            {"topic":"publicTrade.BTCUSDT","ts":1,"data":[{"T":1672052955757,"s":"BTCUSDT","S":"Sell",\#
            "v":"0.00012","p":"16618.49","i":"20f43950-d8dd","seq":79}]}
            """#
        let trades = [
            Self.bybit("2100000000007764263", 1_672_052_955_758),
            Self.bybit("20f43950-d8dd", 1_672_052_955_757, side: "Sell"),
        ]
        let decoded = try decode("bybit", [.message(live), .answer(Self.bybitTarget, Self.bybit(trades))])
        #expect(decoded.events.count == 3 && decoded.rejected.isEmpty)
        // Oldest first, and the same as the live one.
        #expect(decoded.events[1].text == decoded.events[0].text)
        #expect(decoded.events[2].text.contains("trade 2100000000007764263 16618.49 0.00012 buy"))
        #expect(Set(decoded.events.map(\.stream)) == ["c|publicTrade.BTCUSDT"])
    }

    /// Equal times do not tell the direction: the list is as it is documented.
    @Test func bybitTradesOfOneTime() throws {
        let body = Self.bybit([Self.bybit("2", 5), Self.bybit("1", 5)])
        let decoded = try decode("bybit", answer: Self.bybitTarget, body)
        #expect(decoded.events.map(\.text).map { $0.contains("trade 1 ") } == [true, false])
    }

    @Test func bybitWithoutTrades() throws {
        #expect(try decode("bybit", answer: Self.bybitTarget, Self.bybit([])).ignored == ["empty": 1])
        let refusal = try decode(
            "bybit",
            answer: Self.bybitTarget,
            #"{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1}"#
        )
        #expect(refusal.ignored == ["error": 1] && refusal.rejected.isEmpty)
        for (body, rule) in [
            ("<html>", RejectRule.malformed), ("[]", .missingField), (#"{"retCode":0,"result":[]}"#, .missingField),
            (#"{"retCode":"no"}"#, .invalidNumber), (Self.bybit([Self.bybit("1", -5)]), .invalidTime),
            (Self.bybit([Self.bybit("", 5)]), .missingField), (Self.bybit(["null"]), .missingField),
        ] {
            let decoded = try decode("bybit", answer: Self.bybitTarget, body)
            #expect(decoded.rejected.map(\.rule) == [rule] && decoded.raw.isEmpty)
        }
    }
}
