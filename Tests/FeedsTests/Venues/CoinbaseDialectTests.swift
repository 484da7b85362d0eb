import Feeds
import MarketData
import Testing

@Suite struct CoinbaseDialectTests {
    private func decodeOne(_ messages: String...) throws -> Decoded {
        try decode(messages: messages, venue: "COINBASE", connection: "c")
    }

    private func message(_ channel: String, _ number: Int, _ events: String) -> String {
        #"""
        {"channel":"\#(channel)","client_id":"","timestamp":"2023-02-09T20:32:50.714964855Z",\#
        "sequence_num":\#(number),"events":\#(events)}
        """#
    }

    private func trade(_ id: Int, _ product: String = "ETH-USD", side: String = "BUY", price: String = "1260.01")
        -> String
    {
        #"""
        {"trade_id":"\#(id)","product_id":"\#(product)","price":"\#(price)","size":"0.3","side":"\#(side)",\#
        "time":"2019-08-14T20:42:27.265Z"}
        """#
    }

    @Test func tradesLeaveOldestFirstWithTheTakersSide() throws {
        let decoded = try decodeOne(
            message("market_trades", 3, "[{\"type\":\"update\",\"trades\":[\(trade(9)),\(trade(8, side: "SELL"))]}]")
        )
        #expect(
            decoded.events.map(\.text) == [
                "1565815347265000000 1700000000 3 contiguous:8  trade 8 1260.01 0.3 buy",
                "1565815347265000000 1700000000 3 contiguous:9  trade 9 1260.01 0.3 sell",
            ]
        )
        #expect(decoded.events.map(\.place) == [0, 1])
        #expect(decoded.events.map(\.stream) == ["c|market_trades|ETH-USD", "c|market_trades|ETH-USD"])
        #expect(decoded.observations.map(\.number) == [3])
    }

    @Test func productsOfOneMessage() throws {
        let trades = [trade(9), trade(5, "BTC-USD"), trade(8), trade(4, "BTC-USD")].joined(separator: ",")
        let decoded = try decodeOne(message("market_trades", 0, "[{\"trades\":[\(trades)]}]"))
        for product in ["COINBASE:ETH-USD", "COINBASE:BTC-USD"] {
            let ids = zip(decoded.events, decoded.raw).filter { $0.0.instrument == product }.map(\.1.orderNumber)
            #expect(ids.count == 2 && ids == ids.sorted())
        }
    }

    @Test func everyMessageOfAConnectionIsObserved() throws {
        let decoded = try decodeOne(
            message("l2_data", 0, #"[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid"}]}]"#),
            message("heartbeats", 1, #"[{"heartbeat_counter":3049}]"#),
            message("subscriptions", 2, "[]"),
            message("status", 3, "[]"),
            message("something_new", 4, "[]"),
            message("market_trades", 5, "[{\"trades\":[\(trade(1, side: "?"))]}]")
        )
        #expect(decoded.observations.map(\.number) == [0, 1, 2, 3, 4, 5])
        #expect(decoded.observations.map(\.line) == [0, 1, 2, 3, 4, 5])
        #expect(Set(decoded.observations.map(\.stream)) == ["c"])
        #expect(decoded.ignored == ["book": 1, "heartbeat": 1, "acknowledgement": 1, "status": 1, "unknown": 1])
        #expect(decoded.rejected.map(\.rule) == [.invalidSide])
    }

    @Test func tickers() throws {
        let ticker =
            #"""
            {"type":"ticker","product_id":"BTC-USD","price":"2","best_bid":"21931.98",\#
            "best_bid_quantity":"8000.21","best_ask":"21933.98","best_ask_quantity":"8038.07"}
            """#
        let decoded = try decodeOne(
            message("ticker", 1, "[{\"type\":\"snapshot\",\"tickers\":[\(ticker)]}]"),
            message("ticker", 2, "[{\"tickers\":[\(ticker.replacing("21931.98", with: ""))]}]")
        )
        #expect(
            decoded.events.map(\.text) == [
                "1675974770714964855 1700000000 1 none  quote 21931.98 8000.21 21933.98 8038.07",
                "1675974770714964855 1700000000 2 none  quote   21933.98 8038.07",
            ]
        )
    }

    @Test func candles() throws {
        let candle =
            #"""
            {"start":"1688998200","high":"1867.72","low":"1865.63","open":"1867.38","close":"1866.81",\#
            "volume":"0.20269406","product_id":"ETH-USD"}
            """#
        let decoded = try decodeOne(
            message("candles", 1, "[{\"type\":\"snapshot\",\"candles\":[\(candle)]}]"),
            message("candles", 2, "[{\"type\":\"update\",\"candles\":[\(candle)]}]")
        )
        #expect(
            decoded.events.map(\.text) == [
                "1688998200000000000 1700000000 1 none  candle 300 1867.38 1867.72 1865.63 1866.81 0.20269406",
                "1688998200000000000 1700000000 2 none provisional "
                    + "candle 300 1867.38 1867.72 1865.63 1866.81 0.20269406",
            ]
        )
    }

    @Test func oneBadTradeDoesNotCostTheOthers() throws {
        let trades = [trade(3), trade(2, price: "x"), trade(1)].joined(separator: ",")
        let decoded = try decodeOne(message("market_trades", 3, "[{\"trades\":[\(trades)]}]"))
        #expect(decoded.raw.map(\.orderNumber) == [1, 3])
        #expect(decoded.events.map(\.place) == [0, 2])
        #expect(decoded.rejected.map(\.rule) == [.invalidNumber])
        #expect(decoded.rejected.first?.reason.contains("price") == true)
    }

    @Test(arguments: [
        (#"{"channel":"ticker","timestamp":"2023-02-09T20:32:50Z","events":[]}"#, RejectRule.missingField),
        (#"{"channel":"ticker","timestamp":"2023-02-09T20:32:50Z","sequence_num":1}"#, .missingField),
        (#"{"channel":"ticker","timestamp":"yesterday","sequence_num":1,"events":[]}"#, .invalidTime),
        (#"{"channel":"ticker","timestamp":"1675974770","sequence_num":1,"events":[]}"#, .invalidTime),
        (#"{"channel":"market_trades","sequence_num":1,"events":{}}"#, .missingField),
        (#"{"channel":"market_trades","sequence_num":1,"events":[5]}"#, .missingField),
        (#"{"channel":"market_trades","sequence_num":1,"events":[{"trades":[5]}]}"#, .missingField),
        (#"{"channel":"market_trades","sequence_num":1.5,"events":[]}"#, .invalidNumber),
        (#"{"channel":"market_trades""#, .malformed),
    ])
    func rejected(message: String, rule: RejectRule) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }
}
