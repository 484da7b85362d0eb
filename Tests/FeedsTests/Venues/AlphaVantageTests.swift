import Feeds
import MarketData
import Testing

@Suite struct AlphaVantageTests {
    private let format = BodyFormat(.alphaVantage, AlphaVantageDialect.self, venue: "AV")

    private func bars(_ decoded: Decoded) -> [String] {
        decoded.raw.map { event in
            guard case .candle(let bar) = event.payload else { return "no bar" }
            let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume].map(\.description)
            return "\(event.eventTime.nanoseconds / 1_000_000_000) \(numbers.joined(separator: " ")) \(bar.interval)"
        }
    }

    private func series(_ title: String, _ meta: String, _ bars: [String]) -> [UInt8] {
        let bars = bars.map { bar in
            let parts = bar.split(separator: " ")
            let time = parts.count == 7 ? "\(parts[0]) \(parts[1])" : "\(parts[0])"
            let fields = zip(["open", "high", "low", "close", "volume"], parts.suffix(5)).enumerated()
                .map { "\"\($0 + 1). \($1.0)\": \"\($1.1)\"" }
            return "\"\(time)\": { \(fields.joined(separator: ", ")) }"
        }
        return Array("{\n\"Meta Data\": {\(meta)},\n\"\(title)\": {\n\(bars.joined(separator: ",\n"))\n}\n}\n".utf8)
    }

    private static let intraday = "\"2. Symbol\": \"MSFT\", \"4. Interval\": \"5min\", \"6. Time Zone\": \"US/Eastern\""

    /// The clock in New York was set back on 2017-11-05: 14:55 is 18:55 UTC before it, and 19:55 behind it.
    @Test func barsComeInTheOrderOfTimeByTheClockOfTheirZone() throws {
        let text = series(
            "Time Series (5min)",
            Self.intraday,
            ["2017-11-06 14:55:00 3 4 2.50 3 10494", "2017-11-03 14:55:00 1.5 2 1 1.50 0"]
        )
        for slabBytes in [16, 4_096] {
            let decoded = try decode(text, as: format, slabBytes: slabBytes)
            #expect(decoded.records == 1 && decoded.rejected.isEmpty)
            #expect(bars(decoded) == ["1509735300 1.5 2 1 1.5 0 300", "1509998100 3 4 2.5 3 10494 300"])
            #expect(decoded.events.allSatisfy { $0.instrument == "AV:MSFT" && $0.line == 0 })
        }
    }

    @Test func daysHaveTheIntervalOfTheirSeries() throws {
        let meta = "\"2. Symbol\": \"IBM\", \"5. Time Zone\": \"UTC\""
        let days = try decode(series("Time Series (Daily)", meta, ["2024-01-02 1 1 1 1 7"]), as: format)
        #expect(bars(days) == ["1704153600 1 1 1 1 7 86400"])
        let weeks = try decode(series("Weekly Time Series", meta, ["2024-01-05 1 1 1 1 7"]), as: format)
        #expect(bars(weeks) == ["1704412800 1 1 1 1 7 604800"])
    }

    @Test func aQuoteIsTheBarOfADayThatMayGoOn() throws {
        let text = """
            {"Global Quote": {"01. symbol": "MSFT", "02. open": "112.63", "03. high": "113.17", "04. low": "110.64",
            "05. price": "112.13", "06. volume": "29062853", "07. latest trading day": "2018-10-05"}}
            """
        let decoded = try decode(Array(text.utf8), as: format)
        #expect(bars(decoded) == ["1538712000 112.63 113.17 110.64 112.13 29062853 86400"])
        #expect(decoded.raw.allSatisfy { $0.flags == .provisional })
    }

    @Test(arguments: [
        ("{\"Error Message\": \"Invalid API call\"}", "error"), ("{\"Note\": \"five calls a minute\"}", "note"),
        ("{\"Global Quote\": {}}", "empty"),
    ])
    func answersWithoutDataAreIgnored(text: String, kind: String) throws {
        let decoded = try decode(Array(text.utf8), as: format)
        #expect(decoded.ignored == [kind: 1] && decoded.events.isEmpty && decoded.rejected.isEmpty)
    }

    @Test func oneBadBarIsRejectedAlone() throws {
        let text = series(
            "Time Series (5min)",
            Self.intraday,
            ["2017-11-06 14:55:00 3 4 2.50 x 10494", "2017-11-06 14:50:00 1 1 1 1 1", "2017-13-06 14:45:00 1 1 1 1 1"]
        )
        let decoded = try decode(text, as: format)
        #expect(decoded.events.count == 1)
        #expect(decoded.rejected.map(\.rule).sorted { $0.rawValue < $1.rawValue } == [.invalidNumber, .invalidTime])
    }

    @Test(arguments: [
        ("\"4. Interval\": \"5min\", \"6. Time Zone\": \"UTC\"", RejectRule.missingField),
        ("\"2. Symbol\": \"A\", \"4. Interval\": \"5days\", \"6. Time Zone\": \"UTC\"", .invalidNumber),
        ("\"2. Symbol\": \"A\", \"4. Interval\": \"5min\", \"6. Time Zone\": \"../etc\"", .invalidTime),
    ])
    func withoutItsHeadABodyIsRejectedWhole(meta: String, rule: RejectRule) throws {
        let decoded = try decode(series("Time Series (5min)", meta, ["2017-11-06 14:55:00 3 4 2 3 1"]), as: format)
        #expect(decoded.events.isEmpty && decoded.rejected.map(\.rule) == [rule])
    }

    @Test(.enabled(if: Recording.arePresent, Recording.absence))
    func recordedBodies() throws {
        let series = try decode(Recording.bytes("rest/alpha-vantage/time_series_intraday.json"), as: format)
        #expect(series.records == 1 && series.events.count == 100 && series.rejected.isEmpty)
        #expect(bars(series).last == "1513626960 86.49 86.5 86.475 86.5 10494 60")
        let quote = try decode(Recording.bytes("rest/alpha-vantage/global_quote.json"), as: format)
        #expect(quote.events.count == 1 && quote.rejected.isEmpty)
    }
}
