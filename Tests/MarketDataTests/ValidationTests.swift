import MarketData
import Testing

/// Each rule that needs the event alone, and each flag that comes of it.
@Suite struct ValidationTests {
    /// What the rules say of an event.
    private struct Verdict: Equatable {
        let rule: RejectRule?
        let flags: EventFlags

        init(_ rule: RejectRule?, _ flags: EventFlags = []) {
            self.rule = rule
            self.flags = flags
        }
    }

    private func validate(_ payload: MarketEvent.Payload, flags: EventFlags = []) -> Verdict {
        var event = MarketEvent(
            position: .start,
            eventTime: Timestamp(nanoseconds: 0),
            instrument: 0,
            stream: 0,
            flags: flags,
            payload: payload
        )
        let rule = event.validate()
        return Verdict(rule, event.flags)
    }

    private func number(_ text: String) -> ExactDecimal {
        text.isEmpty ? .absent : ExactDecimal(parsing: text) ?? .absent
    }

    private func trade(_ price: String, _ size: String) -> Verdict {
        validate(.trade(Trade(price: number(price), size: number(size))))
    }

    private func quote(_ bid: String, _ bidSize: String, _ ask: String, _ askSize: String) -> Verdict {
        validate(
            .quote(
                Quote(
                    bidPrice: number(bid),
                    bidSize: number(bidSize),
                    askPrice: number(ask),
                    askSize: number(askSize)
                )
            )
        )
    }

    private func candle(_ open: String, _ high: String, _ low: String, _ close: String, _ volume: String) -> Verdict {
        let candle = Candle(
            open: number(open),
            high: number(high),
            low: number(low),
            close: number(close),
            volume: number(volume),
            interval: 60
        )
        return validate(.candle(candle))
    }

    @Test func soundEventsPass() {
        #expect(trade("61800.3", "0.006") == Verdict(nil))
        #expect(quote("61800.2", "2.5", "61800.3", "2.51") == Verdict(nil))
        #expect(candle("5", "6", "4", "5.5", "100") == Verdict(nil))
        #expect(trade("0.00000001", "1000000") == Verdict(nil))
    }

    @Test func priceNotPositive() {
        for price in ["0", "0.00", "-1", "-0.01", ""] {
            #expect(trade(price, "1") == Verdict(.priceNotPositive))
        }
        for price in ["0", "-1"] {
            #expect(quote(price, "1", "2", "1") == Verdict(.priceNotPositive))
            #expect(quote("2", "1", price, "1") == Verdict(.priceNotPositive))
            #expect(quote("", "", price, "1") == Verdict(.priceNotPositive))
        }
        for place in 0..<4 {
            var prices = ["5", "6", "4", "5"]
            prices[place] = "0"
            #expect(candle(prices[0], prices[1], prices[2], prices[3], "1") == Verdict(.priceNotPositive))
        }
    }

    @Test func sizeNegative() {
        #expect(trade("1", "-0.1") == Verdict(.sizeNegative))
        #expect(quote("1", "-1", "2", "1") == Verdict(.sizeNegative))
        #expect(quote("1", "1", "2", "-1") == Verdict(.sizeNegative))
        #expect(candle("5", "6", "4", "5", "-1") == Verdict(.sizeNegative))
    }

    @Test func sizesMayBeZeroOrAbsent() {
        #expect(trade("1", "0") == Verdict(nil, .zeroSize))
        #expect(trade("1", "0.000") == Verdict(nil, .zeroSize))
        #expect(trade("1", "") == Verdict(nil))
        #expect(quote("1", "0", "2", "") == Verdict(nil))
        #expect(candle("5", "6", "4", "5", "0") == Verdict(nil))
        #expect(candle("5", "6", "4", "5", "") == Verdict(nil))
    }

    @Test func emptyQuote() {
        #expect(quote("", "1", "", "1") == Verdict(.emptyQuote))
    }

    @Test func oneSideOfAQuoteIsAQuote() {
        #expect(quote("1", "1", "", "") == Verdict(nil))
        #expect(quote("", "", "1", "1") == Verdict(nil))
    }

    @Test func lockedAndCrossedQuotes() {
        #expect(quote("1.5", "1", "1.50", "1") == Verdict(nil, .locked))
        #expect(quote("1.51", "1", "1.5", "1") == Verdict(nil, .crossed))
        #expect(quote("2", "1", "1.99999999", "1") == Verdict(nil, .crossed))
        #expect(quote("1.49999999", "1", "1.5", "1") == Verdict(nil))
    }

    @Test func candleRange() {
        #expect(candle("7", "6", "4", "5", "1") == Verdict(.candleRange))
        #expect(candle("5", "6", "4", "7", "1") == Verdict(.candleRange))
        #expect(candle("3", "6", "4", "5", "1") == Verdict(.candleRange))
        #expect(candle("5", "6", "4", "3", "1") == Verdict(.candleRange))
        #expect(candle("5", "4", "6", "5", "1") == Verdict(.candleRange))
        #expect(candle("5.0", "5", "5.00", "5", "1") == Verdict(nil))
    }

    @Test func flagsOfTheSourceStay() {
        let sound = Trade(price: number("1"), size: number("0"))
        #expect(validate(.trade(sound), flags: .suspicious) == Verdict(nil, [.suspicious, .zeroSize]))
    }

    @Test func namesOfFlags() {
        #expect(EventFlags(rawValue: 0b1_1111_1111).setNames == EventFlags.names)
        #expect(EventFlags(rawValue: 1 << 31).setNames == ["bit_31"])
        #expect(EventFlags([.locked, .outOfOrder]).setNames == ["locked", "out_of_order"])
        #expect(EventFlags([]).setNames.isEmpty)
    }
}

// Recordings that have an example of the rule.
extension ValidationTests {
    @Test(.enabled(if: RecordedLines.arePresent, RecordedLines.absence))
    func recordedForexQuotesAreCrossedAndLocked() throws {
        var counts: [EventFlags: Int] = [:]
        for line in try RecordedLines.read("forex/lean-fxcm-eurusd-20140508-quote.zip") {
            let fields = line.split(separator: ",").map(String.init)
            let verdict = quote(fields[1], "", fields[2], "")
            #expect(verdict.rule == nil)
            counts[verdict.flags, default: 0] += 1
        }
        #expect(counts == [.crossed: 18_285, .locked: 19_051, []: 167_466 - 18_285 - 19_051])
    }

    @Test(
        .enabled(if: RecordedLines.arePresent, RecordedLines.absence),
        arguments: [("ELCO-L", 309), ("NVT-L", 248)]
    )
    func recordedCandlesOutOfRange(name: String, count: Int) throws {
        var rules: [RejectRule: Int] = [:]
        for line in try RecordedLines.read("candles/\(name)-1d-bad-div.csv").dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if let rule = candle(fields[1], fields[2], fields[3], fields[4], "").rule { rules[rule, default: 0] += 1 }
        }
        #expect(rules == [.candleRange: count])
    }

    @Test(.enabled(if: RecordedLines.arePresent, RecordedLines.absence))
    func recordedQuotesOfOneSide() throws {
        // A price of 0 stands for a side that did not change.
        for line in try RecordedLines.read("equity/lean-aig-20131009-quote.zip").prefix(20_000) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            func side(_ index: Int) -> (String, String) {
                fields[index] == "0" ? ("", "") : (fields[index], fields[index + 1])
            }
            let (bid, ask) = (side(1), side(3))
            #expect(bid.0.isEmpty != ask.0.isEmpty)
            #expect(quote(bid.0, bid.1, ask.0, ask.1) == Verdict(nil))
        }
    }
}
