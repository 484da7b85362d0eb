import Feeds
import MarketData
import Testing

@Suite struct KrakenDialectTests {
    private func decodeOne(_ message: String) throws -> Decoded {
        try decode(messages: [message], venue: "KRAKEN", connection: "c")
    }

    @Test func trades() throws {
        let decoded = try decodeOne(
            #"""
            [0,[["5541.20000","0.15850568","1534614057.321597","s","l",""],["6060.00000","0.02455000",\#
            "1534614057.324998","b","m",""]],"trade","XBT\/USD"]
            """#
        )
        #expect(decoded.events.map(\.instrument) == ["KRAKEN:XBT/USD", "KRAKEN:XBT/USD"])
        #expect(
            decoded.events.map(\.text) == [
                "1534614057321597000 1700000000 - none  trade - 5541.2 0.15850568 sell",
                "1534614057324998000 1700000000 - none  trade - 6060 0.02455 buy",
            ]
        )
    }

    @Test func tickerAndSpread() throws {
        let ticker = try decodeOne(
            #"""
            [0,{"a":["5525.40000",1,"1.000"],"b":["5525.10000",1,"1.500"],"c":["5525.10000","0.00398963"]},\#
            "ticker","XBT/USD"]
            """#
        )
        #expect(ticker.events.map(\.text) == ["1700000000 1700000000 - none no_event_time quote 5525.1 1.5 5525.4 1"])
        let spread = try decodeOne(
            #"[0,["5698.40000","5700.00000","1542057299.545897","1.01234567","0.98765432"],"spread","XBT/USD"]"#
        )
        #expect(
            spread.events.map(\.text) == [
                "1542057299545897000 1700000000 - none  quote 5698.4 1.01234567 5700 0.98765432"
            ]
        )
    }

    @Test func candlesBeginOneIntervalBeforeTheirEnd() throws {
        let decoded = try decodeOne(
            #"""
            [42,["1542057314.748456","1542057600.000000","3586.7","3586.8","3586.6","3586.65","3586.68",\#
            "0.03373","2"],"ohlc-5","XBT/USD"]
            """#
        )
        #expect(
            decoded.events.map(\.text) == [
                "1542057300000000000 1700000000 - none provisional candle 300 3586.7 3586.8 3586.6 3586.65 0.03373"
            ]
        )
    }

    @Test(arguments: [
        (
            #"""
            [1234,{"a":[["5541.30","2.5","1534614248.456738"]]},{"b":[["5541.30","0.0","1534614335.3"]],\#
            "c":"974942666"},"book-10","XBT/USD"]
            """#,
            "book"
        ),
        (#"[0,{"as":[["5541.30","2.5","1534614248.123678"]],"bs":[]},"book-100","XBT/USD"]"#, "book"),
        (
            #"{"connectionID":18239578009413566319,"event":"systemStatus","status":"online","version":"1.8.3"}"#,
            "status"
        ),
        (#"{"event":"heartbeat"}"#, "heartbeat"),
        (#"{"channelID":1,"event":"subscriptionStatus","status":"subscribed"}"#, "acknowledgement"),
        (#"{"event":"pong","reqid":42}"#, "pong"),
        (#"{"event":"new"}"#, "unknown"), ("{}", "unknown"), ("[]", "unknown"), ("[1]", "unknown"),
        (#"[1,2,"new","X"]"#, "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (#"[0,[["1","1","x","s","l",""]],"trade","X/Y"]"#, RejectRule.invalidTime),
        (#"[0,[["1","1","1.5","q","l",""]],"trade","X/Y"]"#, .invalidSide),
        (#"[0,[["1","1","1.5"]],"trade","X/Y"]"#, .missingField),
        (#"[0,["1"],"trade","X/Y"]"#, .missingField),
        (#"[0,{},"trade","X/Y"]"#, .missingField),
        (#"["trade","X/Y"]"#, .missingField),
        (#"[0,{"a":["1",1,"1"]},"ticker","X/Y"]"#, .missingField),
        (#"[0,{"a":["1",1,"1"],"b":["x",1,"1"]},"ticker","X/Y"]"#, .invalidNumber),
        (#"[0,[],"ohlc-0","X/Y"]"#, .invalidNumber),
        (#"[0,["1","1","1","1","1","1","1","1",1],"ohlc-5","X/Y"]"#, .invalidTime),
        (#"[0,[["1","1","1.5","b","l",""]],"trade",""]"#, .invalidSymbol),
        ("[0,", .malformed),
    ])
    func rejected(message: String, rule: RejectRule) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }
}
