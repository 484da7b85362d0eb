import Feeds
import MarketData
import Testing

@Suite struct BybitDialectTests {
    private func decodeOne(_ message: String) throws -> Decoded {
        try decode(messages: [message], venue: "BYBIT", connection: "c")
    }

    @Test func tradesWithTextAndNumberAsIdentifier() throws {
        let decoded = try decodeOne(
            #"""
            {"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,\#
            "s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick",\#
            "i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,"seq":1783284617},{"T":1672304486866,\#
            "s":"BTCUSDT","S":"Sell","v":"2","p":"16578","i":"2290000000000001","seq":1783284617}]}
            """#
        )
        #expect(
            decoded.events.map(\.text) == [
                "1672304486865000000 1700000000 1783284617 none  "
                    + "trade 20f43950-d8dd-5b31-9112-a178eb6023af 16578.5 0.001 buy",
                "1672304486866000000 1700000000 1783284617 none  trade 2290000000000001 16578 2 sell",
            ]
        )
        #expect(Set(decoded.events.map(\.stream)) == ["c|publicTrade.BTCUSDT"])
        let forms = decoded.raw.map {
            if case .trade(let trade) = $0.payload { trade.id.form } else { EventID.Form.absent }
        }
        #expect(forms == [.text, .number])
    }

    @Test func aBookOfDepthOneIsAQuote() throws {
        let message =
            #"""
            {"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":20,"data":{"s":"BTCUSDT","b":[["16493.50",\#
            "0.006"]],"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724},"cts":10}
            """#
        #expect(
            try decodeOne(message).events.map(\.text) == [
                "10000000 1700000000 7961638724 none  quote 16493.5 0.006 16611 0.029"
            ]
        )
        let oneSided = try decodeOne(message.replacing(#"[["16611.00","0.029"]]"#, with: "[]"))
        #expect(oneSided.events.map(\.text) == ["10000000 1700000000 7961638724 none  quote 16493.5 0.006  "])
        #expect(try decodeOne(message.replacing("snapshot", with: "delta")).ignored == ["book": 1])
    }

    @Test func candles() throws {
        let message =
            #"""
            {"topic":"kline.5.BTCUSDT","type":"snapshot","ts":3,"data":[{"start":1672324800000,\#
            "end":1672325099999,"interval":"5","open":"16649.5","close":"16677","high":"16677","low":"16608",\#
            "volume":"2.081","turnover":"34666.4005","confirm":false,"timestamp":1672324988882}]}
            """#
        let decoded = try decodeOne(message)
        #expect(decoded.events.map(\.instrument) == ["BYBIT:BTCUSDT"])
        #expect(
            decoded.events.map(\.text) == [
                "1672324800000000000 1700000000 - none provisional candle 300 16649.5 16677 16608 16677 2.081"
            ]
        )
        let daily = try decodeOne(message.replacing(#""interval":"5""#, with: #""interval":"D""#))
        #expect(daily.events.first?.text.contains("candle 86400 ") == true)
    }

    @Test(arguments: [
        (#"{"success":true,"ret_msg":"subscribe","conn_id":"d","op":"subscribe"}"#, "acknowledgement"),
        (#"{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT"},"cs":1,"ts":1}"#, "ticker"),
        (#"{"topic":"orderbook.200.BTCUSDT","type":"delta","data":{"b":[["1","2"]]}}"#, "book"),
        (#"{"topic":"orderbook.200.BTCUSDT","type":"snapshot","data":{"b":[["1","2"]]}}"#, "book_snapshot"),
        (#"{"topic":"allLiquidation.BTCUSDT","data":[]}"#, "liquidation"),
        (#"{"topic":"new.BTCUSDT","data":[]}"#, "unknown"), (#"{"topic":5}"#, "unknown"), ("[]", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (
            #"{"topic":"publicTrade.X","data":[{"T":1,"s":"X","S":"buy","v":"1","p":"1","i":"1"}]}"#,
            RejectRule.invalidSide
        ),
        (#"{"topic":"publicTrade.X","data":[{"T":1,"s":"X","S":"Buy","v":"1","p":"1"}]}"#, .missingField),
        (#"{"topic":"publicTrade.X","data":{}}"#, .missingField),
        (#"{"topic":"orderbook.1.X","type":"snapshot","ts":1,"data":{"s":"X","b":[],"a":[]}}"#, .emptyQuote),
        (#"{"topic":"orderbook.1.X","type":"snapshot","ts":1,"data":{"s":"X","b":[5],"a":[]}}"#, .missingField),
        (#"{"topic":"kline.1.","data":[]}"#, .invalidSymbol),
        (
            #"""
            {"topic":"kline.x.X","data":[{"start":1,"interval":"x","open":"1","close":"1","high":"1","low":"1",\#
            "volume":"1","confirm":true}]}
            """#,
            .invalidNumber
        ),
        (#"{"topic":"publicTrade.X","data":[}"#, .malformed),
    ])
    func rejected(message: String, rule: RejectRule) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }

    @Test func anIdentifierThatIsTooLongIsRejected() throws {
        let id = String(repeating: "x", count: 70_000)
        let decoded = try decodeOne(
            #"{"topic":"publicTrade.X","data":[{"T":1,"s":"X","S":"Buy","v":"1","p":"1","i":"\#(id)"}]}"#
        )
        #expect(decoded.rejected.map(\.rule) == [.idTooLong])
    }
}

@Suite struct OKXDialectTests {
    private func decodeOne(_ message: String) throws -> Decoded {
        try decode(messages: [message], venue: "OKX", connection: "c")
    }

    @Test(arguments: ["trades", "trades-all"])
    func trades(channel: String) throws {
        let decoded = try decodeOne(
            #"""
            {"arg":{"channel":"\#(channel)","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT",\#
            "tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"sell","ts":"1630048897897",\#
            "count":"3","seqId":1234}]}
            """#
        )
        #expect(
            decoded.events.map(\.text) == [
                "1630048897897000000 1700000000 1234 increasing:130639474  trade 130639474 42219.9 0.12060306 sell"
            ]
        )
        #expect(decoded.events.map(\.stream) == ["c|\(channel)|BTC-USDT"])
        #expect(decoded.events.map(\.instrument) == ["OKX:BTC-USDT"])
    }

    @Test func tickersAndBestLevels() throws {
        let ticker = try decodeOne(
            #"""
            {"arg":{"channel":"tickers","instId":"LTC-USD-200327"},"data":[{"instType":"SWAP",\#
            "instId":"LTC-USD-200327","last":"9999.99","askPx":"9999.98","askSz":"11","bidPx":"","bidSz":"",\#
            "ts":"1597026383085"}]}
            """#
        )
        #expect(ticker.events.map(\.text) == ["1597026383085000000 1700000000 - none  quote   9999.98 11"])
        let best = try decodeOne(
            #"""
            {"arg":{"channel":"bbo-tbt","instId":"BCH-USDT-SWAP"},"data":[{"asks":[["111.06","55154","0","2"]],\#
            "bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":363996337}]}
            """#
        )
        #expect(best.events.map(\.instrument) == ["OKX:BCH-USDT-SWAP"])
        #expect(
            best.events.map(\.text) == [
                "1670324386802000000 1700000000 363996337 none  quote 111.05 57745 111.06 55154"
            ]
        )
    }

    @Test(arguments: [("candle1m", 60), ("candle4H", 14_400), ("candle1Dutc", 86_400), ("candle1M", 0)])
    func candles(channel: String, seconds: Int) throws {
        let message =
            #"""
            {"arg":{"channel":"\#(channel)","instId":"BTC-USDT"},"data":[["1597026383085","8533.02","8553.74",\#
            "8527.17","8548.26","45247","529.5858061","5529.5","0"]]}
            """#
        #expect(
            try decodeOne(message).events.map(\.text) == [
                "1597026383085000000 1700000000 - none provisional "
                    + "candle \(seconds) 8533.02 8553.74 8527.17 8548.26 45247"
            ]
        )
        #expect(try decodeOne(message.replacing(#""0"]"#, with: #""1"]"#)).raw.map(\.flags) == [[]])
    }

    @Test(arguments: [
        (
            #"{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            "acknowledgement"
        ),
        (#"{"event":"error","code":"60012","msg":"Invalid request"}"#, "error"),
        (#"{"event":"notice","code":"64008"}"#, "status"),
        (#"{"arg":{"channel":"books","instId":"X"},"action":"snapshot","data":[{"asks":[]}]}"#, "book_snapshot"),
        (#"{"arg":{"channel":"books-l2-tbt","instId":"X"},"action":"update","data":[{"asks":[]}]}"#, "book"),
        (#"{"arg":{"channel":"funding-rate","instId":"X"},"data":[]}"#, "funding"),
        (#"{"arg":{"channel":"new"},"data":[]}"#, "unknown"), (#"{"arg":5}"#, "unknown"), ("[]", "unknown"),
    ])
    func ignored(message: String, kind: String) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.ignored == [kind: 1])
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    @Test(arguments: [
        (
            #"""
            {"arg":{"channel":"trades"},"data":[{"instId":"X","tradeId":"1","px":"1","sz":"1","side":"long",\#
            "ts":"1"}]}
            """#,
            RejectRule.invalidSide
        ),
        (
            #"{"arg":{"channel":"trades"},"data":[{"instId":"X","tradeId":"1","px":"1","sz":"1","side":"buy"}]}"#,
            .missingField
        ),
        (#"{"arg":{"channel":"trades"}}"#, .missingField),
        (#"{"arg":{"channel":"bbo-tbt"},"data":[]}"#, .missingField),
        (#"{"arg":{"channel":"candle9x","instId":"X"},"data":[]}"#, .invalidNumber),
        (
            #"{"arg":{"channel":"candle1m","instId":"X"},"data":[["1","1","0.5","1","1","1","1","1","0"]]}"#,
            .candleRange
        ),
        (#"{"arg":{"channel":"candle1m","instId":"X"},"data":[[]]}"#, .missingField),
        (#"{"arg":{"channel":"trades"},"data":[{]}"#, .malformed),
    ])
    func rejected(message: String, rule: RejectRule) throws {
        let decoded = try decodeOne(message)
        #expect(decoded.rejected.map(\.rule) == [rule])
        #expect(decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }
}
