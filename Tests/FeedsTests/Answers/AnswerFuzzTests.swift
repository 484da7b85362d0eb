import Feeds
import MarketData
import Testing

/// Answers that are nearly right must become events, ignored answers or rejected records: never a crash.
@Suite struct AnswerFuzzTests {
    private static let answers: [(dialect: String, text: String)] = [
        (
            "binance",
            #"""
            /api/v3/trades?symbol=B#new=0-1
            [{"id":1,"price":"4.00","qty":"1e2","time":17,"isBuyerMaker":true},\#
            {"id":2,"price":"4.1","qty":"12","time":18,"isBuyerMaker":false}]
            """#
        ),
        (
            "binance",
            #"""
            /fapi/v1/aggTrades?symbol=B
            [{"a":26129,"p":"0.016","q":"4.7","f":27781,"l":27781,"T":1498,"m":true}]
            """#
        ),
        (
            "binance",
            #"""
            /api/v3/klines?symbol=B&interval=1m
            [[60000,"2","3","1","2","148.9",119999,"1",308,"1","1","0"]]
            """#
        ),
        (
            "kraken",
            #"""
            /0/public/Trades?pair=XBT%2FUSD
            {"error":[],"result":{"X":[["5541.2","0.1",1534614057.32,"s","l","",7]],"last":"15"}}
            """#
        ),
        (
            "coinbase",
            #"""
            /api/v3/brokerage/market/products/B/ticker?limit=1
            {"trades":[{"trade_id":"9","product_id":"B","price":"1","size":"0.3","time":"2019-08-14T20:42:27Z",\#
            "side":"BUY"}],"best_bid":"1","best_ask":"2"}
            """#
        ),
        (
            "bybit",
            #"""
            /v5/market/recent-trade?category=spot&symbol=B
            {"retCode":0,"result":{"list":[{"execId":"2-1","symbol":"B","price":"16","size":"0.1","side":"Buy",\#
            "time":"16","seq":"4"}]}}
            """#
        ),
        (
            "yahoo",
            #"""
            /v8/finance/chart/SPY?interval=1m
            {"chart":{"result":[{"meta":{"symbol":"SPY"},"timestamp":[60,120],"indicators":{"quote":[{\#
            "open":[1,null],"high":[1,null],"low":[1,null],"close":[1,null],"volume":[5,null]}]}}],"error":null}}
            """#
        ),
        (
            "alphavantage",
            #"""
            /query?function=GLOBAL_QUOTE&symbol=M
            {"Global Quote":{"01. symbol":"M","02. open":"1","03. high":"2","04. low":"1","05. price":"2",\#
            "06. volume":"9","07. latest trading day":"2018-10-05"}}
            """#
        ),
    ]

    @Test(arguments: answers.indices)
    func mutatedAnswers(index: Int) throws {
        let (dialect, original) = Self.answers[index]
        let sound = try decode(dialect, [.payload(Array(original.utf8))])
        #expect(sound.rejected.isEmpty && !sound.raw.isEmpty)
        var random = MutationFuzzTests.Generator(state: UInt64(index))
        let frames = (0..<3_000).map { _ in
            TestFrame.payload(MutationFuzzTests.mutate(Array(original.utf8), &random))
        }
        let decoded = try decode(dialect, frames)
        #expect(decoded.records == frames.count)
        let traces = Set(decoded.events.map(\.line)).union(decoded.rejected.map { $0.position.line }).count
        #expect(traces + decoded.ignoredCount > frames.count * 9 / 10)
        #expect(decoded.raw.allSatisfy { $0.eventTime.nanoseconds >= 0 })
        #expect(try decode(dialect, frames, slabBytes: 512).events == decoded.events)
    }
}
