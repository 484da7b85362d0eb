import Feeds
import MarketData
import Testing

@Suite struct BitstampDialectTests {
    private static let trade =
        #"""
        {"data":{"id":120531118,"timestamp":"1594116543","amount":0.5,"amount_str":"0.50000000","price":9250.1,\#
        "price_str":"9250.10","type":1,"microtimestamp":"1594116543123456","buy_order_id":1,"sell_order_id":2},\#
        "channel":"live_trades_btcusd","event":"trade"}
        """#

    private func decodeOne(_ message: String) throws -> Decoded {
        try decode(messages: [message], venue: "BITSTAMP", connection: "c")
    }

    @Test func trade() throws {
        let decoded = try decodeOne(Self.trade)
        #expect(decoded.events.map(\.instrument) == ["BITSTAMP:btcusd"])
        #expect(decoded.events.map(\.stream) == ["c|live_trades_btcusd"])
        #expect(
            decoded.events.map(\.text) == [
                "1594116543123456000 1700000000 - increasing:120531118  trade 120531118 9250.1 0.5 sell"
            ]
        )
    }

    @Test(arguments: [
        (#"{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}"#, "acknowledgement"),
        (#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#, "heartbeat"),
        (#"{"event":"bts:request_reconnect","channel":"","data":""}"#, "status"),
        (#"{"event":"data","channel":"order_book_btcusd","data":{"bids":[["1","2"]]}}"#, "book_snapshot"),
        (#"{"event":"data","channel":"diff_order_book_btcusd","data":{"bids":[["1","2"]]}}"#, "book"),
        (#"{"event":"order_created","channel":"live_orders_btcusd","data":{}}"#, "order"),
        (#"{"event":"new"}"#, "unknown"), ("{}", "unknown"), ("[]", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (#""type":1"#, #""type":2"#, RejectRule.invalidSide),
        (#""price_str":"9250.10","#, "", .missingField),
        ("1594116543123456", "9223372036854775807", .invalidTime),
        ("live_trades_btcusd", "live_trades_", .invalidSymbol),
        ("live_trades_btcusd", "other_btcusd", .missingField),
        (#""data":{"#, #""data":5,"x":{"#, .missingField),
        ("}", "", .malformed),
    ])
    func rejected(part: String, replacement: String, rule: RejectRule) throws {
        let decoded = try decodeOne(Self.trade.replacing(part, with: replacement))
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }
}

/// A trade in the documented form with invented values.
private let geminiTrade =
    #"""
    {"type":"trade","symbol":"BTCUSD","event_id":3575573053,"tid":2840140815001,"timestamp":1547146811357,\#
    "price":"3632.54","quantity":"0.1362819142","side":"sell"}
    """#

@Suite struct GeminiDialectTests {
    private func decodeOne(_ messages: String...) throws -> Decoded {
        try decode(messages: messages, venue: "GEMINI", connection: "c")
    }

    @Test func trade() throws {
        let decoded = try decodeOne(geminiTrade)
        #expect(
            decoded.events.map(\.text) == [
                "1547146811357000000 1700000000 3575573053 increasing:2840140815001  "
                    + "trade 2840140815001 3632.54 0.1362819142 sell"
            ]
        )
        #expect(decoded.events.map(\.stream) == ["c|trade|BTCUSD"])
        let older = try decodeOne(geminiTrade.replacing(#""tid":2840140815001,"#, with: ""))
        #expect(older.raw.map(\.orderNumber) == [3_575_573_053])
    }

    @Test func historyOfASubscription() throws {
        let later = geminiTrade.replacing("2840140815001", with: "2840140815002")
        let decoded = try decodeOne(
            #"""
            {"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","9122.04","0.1"]],\#
            "trades":[\#(geminiTrade),\#(later)],"auction_events":[]}
            """#
        )
        #expect(decoded.raw.map(\.orderNumber) == [2_840_140_815_001, 2_840_140_815_002])
        #expect(decoded.ignored.isEmpty)
    }

    @Test func equalMessagesAreNotRepetitions() throws {
        let change = #"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","65205.5","0.0"]]}"#
        #expect(try decodeOne(change, change).ignored == ["book": 2])
    }

    @Test func candles() throws {
        let decoded = try decodeOne(
            #"""
            {"type":"candles_1hr_updates","symbol":"BTCUSD","changes":[[1561054500000,9350.18,9358.35,9350.18,\#
            9355.51,2.07],[1561050900000,9357.33,9357.33,9350.18,9350.18,1.5900161]]}
            """#
        )
        #expect(
            decoded.events.map(\.text) == [
                "1561050900000000000 1700000000 - none  candle 3600 9357.33 9357.33 9350.18 9350.18 1.5900161",
                "1561054500000000000 1700000000 - none provisional candle 3600 9350.18 9358.35 9350.18 9355.51 2.07",
            ]
        )
    }

    @Test(arguments: [
        (#"{"type":"heartbeat","timestamp":1547146811357}"#, "heartbeat"),
        (#"{"type":"l2_updates","symbol":"BTCUSD","changes":[],"trades":[]}"#, "book_snapshot"),
        (#"{"type":"auction_indicative","symbol":"BTCUSD"}"#, "auction"),
        (#"{"type":"new"}"#, "unknown"), ("{}", "unknown"), ("[]", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (geminiTrade.replacing("sell", with: "auction"), RejectRule.invalidSide),
        (geminiTrade.replacing("3632.54", with: "0"), .priceNotPositive),
        (#"{"type":"l2_updates","symbol":"BTCUSD","trades":{}}"#, .missingField),
        (#"{"type":"l2_updates","symbol":"BTCUSD","trades":[5]}"#, .missingField),
        (#"{"type":"candles_2x_updates","symbol":"BTCUSD","changes":[]}"#, .invalidNumber),
        (#"{"type":"candles_1m_updates","changes":[]}"#, .missingField),
        (#"{"type":"candles_1m_updates","symbol":"BTCUSD","changes":[[1]]}"#, .missingField),
        (#"{"type":"#, .malformed),
    ])
    func rejected(message: String, rule: RejectRule) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }
}

@Suite struct PhemexDialectTests {
    @Test(arguments: [
        (
            #"""
            {"book":{"asks":[[30170,42007]],"bids":[]},"depth":30,"sequence":4,"symbol":"XTZUSD",\#
            "type":"incremental"}
            """#,
            "book"
        ),
        (
            #"{"book":{"asks":[],"bids":[]},"depth":30,"sequence":4,"symbol":"XTZUSD","type":"snapshot"}"#,
            "book_snapshot"
        ),
        (
            #"""
            {"sequence":1,"symbol":"sXUSDT","trades":[[1625342244127840967,"Buy",769100000,168200000]],\#
            "type":"incremental"}
            """#,
            "trade_scaled"
        ),
        (
            #"{"kline":[[1625342220,60,1,1,1,1,1,133,4387869]],"sequence":1,"symbol":"X","type":"snapshot"}"#,
            "candle_scaled"
        ),
        (#"{"error":null,"id":1,"result":{"status":"success"}}"#, "acknowledgement"),
        ("{}", "unknown"), ("[]", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decode(messages: [message], venue: "phemex")
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty && decoded.observations.isEmpty)
    }
}
