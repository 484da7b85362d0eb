import Feeds
import MarketData
import Testing

/// Bodies of Yahoo's chart interface, and answers of Alpha Vantage: bars of interfaces that are asked again and again.
@Suite struct YahooTests {
    private static func chart(
        _ starts: String,
        open: String = "[423.5299987792969,null,1]",
        close: String = "[423.4,null,1]",
        meta: String = #""currency":"USD","symbol":"SPY","dataGranularity":"1m","regularMarketTime":1699999995"#
    ) -> String {
        #"""
        {"chart":{"result":[{"meta":{\#(meta)},"timestamp":\#(starts),"indicators":{"quote":[{"volume":[12345,null,0],\#
        "close":\#(close),"high":[423.6,null,1],"open":\#(open),"low":[4.234E2,null,1.0]}]}}],"error":null}}
        """#
    }

    private static let target = "/v8/finance/chart/SPY?interval=1m&range=1d"
    private static let starts = "[1699999860,1699999920,1699999980]"

    @Test func bars() throws {
        let decoded = try decode("yahoo", answer: Self.target, Self.chart(Self.starts))
        #expect(
            decoded.events.map(\.text) == [
                "1699999860000000000 \(answerReceipt) - none  candle 60 423.5299987792969 423.6 423.4 423.4 12345",
                "1699999980000000000 \(answerReceipt) - none provisional candle 60 1 1 1 1 0",
            ]
        )
        #expect(decoded.ignored == ["empty_bar": 1] && decoded.rejected.isEmpty)
        #expect(Set(decoded.events.map(\.instrument)) == ["V:SPY"])
        #expect(Set(decoded.events.map(\.stream)) == ["c|chart|SPY|1m"])
    }

    /// The last element often is the latest price, whose time is no start of a bar.
    @Test func theLatestPriceIsNoBar() throws {
        let decoded = try decode("yahoo", answer: Self.target, Self.chart("[1699999860,1699999920,1699999995]"))
        #expect(decoded.raw.count == 1 && decoded.ignored == ["empty_bar": 1, "latest_price": 1])
    }

    @Test func symbolsAndIntervals() throws {
        let escaped = try decode("yahoo", answer: "/v8/finance/chart/%5EGSPC?interval=1m", Self.chart(Self.starts))
        #expect(escaped.events.first?.instrument == "V:^GSPC")
        for (name, seconds) in [
            ("5m", 300), ("60m", 3_600), ("1h", 3_600), ("1d", 86_400), ("1wk", 604_800), ("3mo", 0),
        ] {
            let target = "/v8/finance/chart/SPY?interval=\(name)"
            let decoded = try decode("yahoo", answer: target, Self.chart(Self.starts, meta: #""symbol":"SPY""#))
            #expect(decoded.events.first?.text.contains(" candle \(seconds) ") == true)
        }
        // What the body says of its interval counts.
        let day = try decode("yahoo", answer: "/v8/finance/chart/SPY?interval=1d", Self.chart(Self.starts))
        #expect(day.events.first?.text.contains(" candle 60 ") == true)
        for target in ["/v8/finance/chart/?interval=1m", "/v8/finance/chart?interval=1m", "/v8/finance/chart/%zz"] {
            let decoded = try decode("yahoo", answer: target, Self.chart(Self.starts))
            #expect(decoded.rejected.map(\.reason) == ["the field symbol is missing or of another type"])
        }
        let nameless = try decode("yahoo", answer: "/v8/finance/chart/SPY", Self.chart(Self.starts, meta: ""))
        #expect(nameless.rejected.map(\.rule) == [.invalidNumber])
    }

    /// A body that is received as a message names its symbol itself.
    @Test func bodiesWithoutATarget() throws {
        let decoded = try decode("yahoo", [.message(Self.chart(Self.starts))])
        #expect(decoded.raw.count == 2 && decoded.events.first?.instrument == "V:SPY")
    }

    @Test(arguments: [
        ("<html>Too Many Requests</html>", RejectRule.malformed), ("[]", .missingField), ("{}", .missingField),
        (#"{"chart":{"result":7}}"#, .missingField), (#"{"chart":{"result":[{}]}}"#, .missingField),
        (chart("[1699999860]"), .missingField), (chart(starts, open: "7"), .missingField),
        (String(chart(starts).dropLast(30)), .malformed),
    ])
    func whatIsNoChartIsRejected(body: String, rule: RejectRule) throws {
        let decoded = try decode("yahoo", answer: Self.target, body)
        #expect(decoded.rejected.map(\.rule) == [rule] && decoded.raw.isEmpty && decoded.ignored.isEmpty)
    }

    @Test func oneBadBarIsRejectedAlone() throws {
        let decoded = try decode("yahoo", answer: Self.target, Self.chart(Self.starts, open: #"["x",null,1]"#))
        #expect(decoded.raw.count == 1 && decoded.rejected.map(\.rule) == [.invalidNumber])
        #expect(decoded.rejected.map(\.kind) == [.candle])
        let range = try decode("yahoo", answer: Self.target, Self.chart(Self.starts, close: "[423.4,null,9]"))
        #expect(range.raw.count == 1 && range.rejected.map(\.rule) == [.candleRange])
        let time = try decode("yahoo", answer: Self.target, Self.chart("[\"then\",1,1699999980]"))
        #expect(time.raw.count == 1 && time.rejected.map(\.rule) == [.invalidTime])
    }

    @Test(arguments: [
        (#"{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}"#, "error"),
        (#"{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}"#, "error"),
        (#"{"chart":{"result":[],"error":null}}"#, "empty"),
        (#"{"chart":{"result":[{"meta":{"dataGranularity":"1m"},"indicators":{"quote":[{}]}}]}}"#, "empty"),
        (#"{"chart":{"result":[{"meta":{"dataGranularity":"1m"},"timestamp":[]}],"error":null}}"#, "empty"),
    ])
    func answersWithoutBarsAreIgnored(body: String, kind: String) throws {
        let decoded = try decode("yahoo", answer: Self.target, body)
        #expect(decoded.ignored == [kind: 1] && decoded.raw.isEmpty && decoded.rejected.isEmpty)
    }

    // MARK: Alpha Vantage

    private static let series = #"""
        {"Meta Data":{"2. Symbol":"IBM","4. Interval":"1min","6. Time Zone":"UTC"},"Time Series (1min)":{\#
        "2023-11-14 22:13:00":{"1. open":"2","2. high":"2","3. low":"2","4. close":"2","5. volume":"7"},\#
        "2023-11-14 22:12:00":{"1. open":"1","2. high":"1","3. low":"1","4. close":"1","5. volume":"7"}}}
        """#

    @Test func alphaVantageSeries() throws {
        let target = "/query?function=TIME_SERIES_INTRADAY&symbol=IBM&interval=1min"
        let decoded = try decode("alphavantage", answer: target, Self.series)
        #expect(
            decoded.events.map(\.text) == [
                "1699999920000000000 \(answerReceipt) - none  candle 60 1 1 1 1 7",
                "1699999980000000000 \(answerReceipt) - none provisional candle 60 2 2 2 2 7",
            ]
        )
        #expect(Set(decoded.events.map(\.stream)) == ["c|bars|IBM"])
    }

    @Test func alphaVantageQuotesAndRefusals() throws {
        let quote = #"""
            {"Global Quote":{"01. symbol":"MSFT","02. open":"112.63","03. high":"113.17","04. low":"110.64",\#
            "05. price":"112.13","06. volume":"29062853","07. latest trading day":"2018-10-05"}}
            """#
        let decoded = try decode("alphavantage", answer: "/query?function=GLOBAL_QUOTE&symbol=MSFT", quote)
        #expect(decoded.raw.map(\.flags) == [.provisional] && decoded.events.first?.instrument == "V:MSFT")
        for (body, kind) in [
            (#"{"Information":"25 requests a day"}"#, "note"), (#"{"Note":"five calls a minute"}"#, "note"),
            (#"{"Error Message":"Invalid API call"}"#, "error"),
        ] {
            #expect(try decode("alphavantage", answer: "/query", body).ignored == [kind: 1])
        }
        #expect(try decode("alphavantage", answer: "/query", "<html>").rejected.map(\.rule) == [.malformed])
    }
}
