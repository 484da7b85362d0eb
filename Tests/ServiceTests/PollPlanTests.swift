import MarketData
import Testing
import WebClient

@testable import Live

@Suite struct PollPlanTests {
    private func targets(
        _ venue: PolledVenue,
        _ kinds: Set<EventKind>,
        bars: String = "1m",
        _ symbols: String...
    ) -> [String] {
        venue.plans(symbols: symbols, kinds: kinds, bars: bars, every: .seconds(1)).map { $0.server + $0.target }
    }

    private static let all: Set<EventKind> = [.trade, .quote, .candle]

    @Test func venuesAreAskedForWhatTheyGive() {
        #expect(
            targets(.binance, Self.all, "BTCUSDT") == [
                "https://data-api.binance.vision/api/v3/aggTrades?symbol=BTCUSDT&limit=1000",
                "https://data-api.binance.vision/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=100",
            ]
        )
        #expect(
            targets(.coinbase, Self.all, "BTC-USD") == [
                "https://api.coinbase.com/api/v3/brokerage/market/products/BTC-USD/ticker?limit=1000"
            ]
        )
        #expect(
            targets(.kraken, Self.all, "XBT/USD", "ETHUSD") == [
                "https://api.kraken.com/0/public/Trades?pair=XBT%2FUSD",
                "https://api.kraken.com/0/public/Trades?pair=ETHUSD",
            ]
        )
        #expect(
            targets(.yahoo, Self.all, "^GSPC") == [
                "https://query1.finance.yahoo.com/v8/finance/chart/%5EGSPC?interval=1m&range=1d"
            ]
        )
        #expect(
            targets(.alphavantage, Self.all, "IBM") == [
                "https://www.alphavantage.co/query?function=GLOBAL_QUOTE&symbol=IBM",
                "https://www.alphavantage.co/query?function=TIME_SERIES_INTRADAY&symbol=IBM&interval=1min",
            ]
        )
        #expect(targets(.yahoo, [.trade, .quote], "IBM").isEmpty)
        #expect(targets(.kraken, [.candle], "XBT/USD").isEmpty)
    }

    @Test(arguments: [("1m", "1m", "1d"), ("5m", "5m", "1d"), ("1h", "60m", "1d"), ("1d", "1d", "1mo")])
    func barsAreCalledAsYahooCallsThem(bars: String, interval: String, range: String) {
        let target = targets(.yahoo, [.candle], bars: bars, "IBM").first
        #expect(target?.hasSuffix("/IBM?interval=\(interval)&range=\(range)") == true)
    }

    @Test(arguments: [
        ("1m", "TIME_SERIES_INTRADAY&symbol=IBM&interval=1min"),
        ("5m", "TIME_SERIES_INTRADAY&symbol=IBM&interval=5min"),
        ("1h", "TIME_SERIES_INTRADAY&symbol=IBM&interval=60min"), ("1d", "TIME_SERIES_DAILY&symbol=IBM"),
    ])
    func barsAreCalledAsAlphaVantageCallsThem(bars: String, query: String) {
        #expect(targets(.alphavantage, [.candle], bars: bars, "IBM").first?.hasSuffix("?function=\(query)") == true)
    }

    @Test(arguments: PolledVenue.allCases)
    func noSymbolCanChangeWhatIsAsked(_ venue: PolledVenue) throws {
        let plans = venue.plans(symbols: ["A&b=c#d/e?f %é"], kinds: Self.all, bars: "1m", every: .seconds(1))
        #expect(!plans.isEmpty)
        for plan in plans { #expect(plan.target.contains("A%26b%3Dc%23d%2Fe%3Ff%20%25%C3%A9")) }
    }

    @Test func namesCursorsAndSecretsAreThoseOfTheVenue() throws {
        func plan(_ venue: PolledVenue, _ kind: EventKind, key: String? = nil) throws -> PollPlan {
            try #require(
                venue.plans(
                    symbols: ["A/B"],
                    kinds: [kind],
                    bars: "1m",
                    every: .seconds(9),
                    server: "http://127.0.0.1:1234",
                    key: key
                ).first
            )
        }
        let kraken = try plan(.kraken, .trade)
        #expect(kraken.name == "rest.A/B" && kraken.cursor == .krakenSince && kraken.secret == nil)
        let request = WebRequest(kraken.url(kraken.target), deadline: .seconds(1), bodyBytesMax: 1)
        #expect(request.host == "127.0.0.1:1234" && kraken.interval == .seconds(9))
        #expect(
            kraken.url(kraken.target(adding: "since=5")) == "http://127.0.0.1:1234/0/public/Trades?pair=A%2FB&since=5"
        )
        #expect(try plan(.binance, .trade).cursor == .binanceFromID)
        #expect(try plan(.binance, .candle).cursor == .newest)
        #expect(try plan(.coinbase, .trade, key: "x").secret == nil)
        let vantage = try plan(.alphavantage, .candle, key: "a&b")
        #expect(vantage.secret == "apikey=a%26b" && !vantage.target.contains("apikey"))
        #expect(vantage.url(vantage.target).hasSuffix("interval=1min&apikey=a%26b"))
        #expect(try plan(.alphavantage, .candle).secret == "apikey=demo")
    }

    @Test func targetsWithoutAQueryGetOne() {
        var plan = PollPlan(name: "n", server: "https://h", target: "/path", every: .zero)
        plan.secret = "key=1"
        #expect(plan.target(adding: "a=b") == "/path?a=b" && plan.target(adding: nil) == "/path")
        #expect(plan.url("/path") == "https://h/path?key=1" && plan.url("/path?a=b") == "https://h/path?a=b&key=1")
    }
}
