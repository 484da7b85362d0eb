import MarketData
import Testing

@testable import Alerts

@Suite struct AlertTests {
    static func alert(subject: AlertSubject, message: String, eventTime: Timestamp) throws -> Alert {
        let rule = try AlertRule(name: "a.rule-1", scope: .tickets, condition: .ticketOverdue, severity: .critical)
        let finding = AlertFinding(message: message, value: "1", threshold: "2", eventTime: eventTime)
        return Alert(rule: rule, subject: subject, finding: finding, at: Timestamp(nanoseconds: 17), heldBack: 0)
    }

    @Test func jsonHasItsKeysInAFixedOrder() throws {
        let subject = AlertSubject.instrument(Instrument(venue: "KRAKEN", symbol: "BTC/USD"))
        let alert = try Self.alert(subject: subject, message: "It rose.", eventTime: Timestamp(nanoseconds: 16))
        #expect(
            alert.json
                == #"{"id":"a.rule-1/KRAKEN:BTC/USD/17","rule":"a.rule-1","severity":"critical","#
                + #""subject":"KRAKEN:BTC/USD","message":"It rose.","value":"1","threshold":"2","#
                + #""event_time":16,"received_at":17}"#
        )
    }

    @Test func jsonEscapesWhatItMust() throws {
        let text = "a\"b\\c\n\t\u{0}\u{7F}\u{85}\u{202E}\u{2028}/é€😀"
        let json = try Self.alert(subject: .source(text), message: text, eventTime: .absent).json
        let escaped = #"a\"b\\c\u000a\u0009\u0000\u007f\u0085\u202e\u2028/é€😀"#
        #expect(json.contains(#""subject":"\#(escaped)","message":"\#(escaped)","#))
        #expect(json.hasSuffix(#","event_time":null,"received_at":17}"#))
    }

    @Test func severitiesAreOrdered() {
        #expect(AlertSeverity.allCases.sorted() == [.info, .warning, .critical])
        #expect(AlertSeverity.allCases.map(\.rawValue) == ["info", "warning", "critical"])
    }

    @Test(arguments: [
        (0, "0s"), (1_500, "1.5s"), (60_000, "1m"), (61_000, "1m1s"), (5_400_000, "1h30m"), (86_400_050, "1d0.05s"),
    ])
    func durationsAreWrittenAsPeopleDo(milliseconds: Int, text: String) {
        #expect(AlertTexts.text(.milliseconds(milliseconds)) == text)
    }

    @Test(arguments: [
        ("*", true), ("BINANCE:BTCUSDT", true), ("BINANCE:*", true), ("*:BTCUSDT", true), ("BIN*:BTC*", true),
        ("*:*", true), ("BINANCE:BTCUSDT*", true), ("binance:BTCUSDT", false), ("BINANCE:BTC", false),
        ("KRAKEN:*", false), ("BIN:*", false), ("*:ETH*", false),
    ])
    func patternsMatchInstruments(text: String, isMatch: Bool) throws {
        let pattern = try #require(InstrumentPattern(parsing: text))
        #expect(pattern.matches(Bench.instrument) == isMatch)
        #expect(pattern.description == (text == "*" ? "*:*" : text))
    }

    @Test(arguments: ["", "BINANCE", "BINANCE:", ":BTC", "BIN*NCE:BTC", "BINANCE:*USDT", "**", "B**:X"])
    func otherPatternsAreRefused(text: String) {
        #expect(InstrumentPattern(parsing: text) == nil)
    }

    static func fault(
        _ condition: AlertCondition,
        name: String = "rule",
        scope: AlertScope = .instruments([]),
        rearm: String? = nil,
        coolDown: Duration = .zero
    ) -> AlertRuleError? {
        do throws(AlertRuleError) {
            let rearm = rearm.map(ExactDecimal.of)
            _ = try AlertRule(name: name, scope: scope, condition: condition, rearm: rearm, coolDown: coolDown)
            return nil
        } catch {
            return error
        }
    }

    @Test func rulesThatCannotBeEvaluatedAreRefused() {
        let level = AlertCondition.priceAbove(.of("1"))
        #expect(Self.fault(level) == nil)
        for name in ["", "a b", "a/b", "é", String(repeating: "a", count: 65)] {
            #expect(Self.fault(level, name: name) == .name)
        }
        #expect(Self.fault(level, scope: .sources([])) == .scope)
        #expect(Self.fault(.ticketOverdue) == .scope)
        #expect(Self.fault(.gap(missingAtLeast: 1)) == .scope)
        for rearm in ["-1", "100", "0.00001", "x"] { #expect(Self.fault(level, rearm: rearm) == .rearm) }
        #expect(Self.fault(level, rearm: "99.9999") == nil)
        for coolDown in [Duration.seconds(-1), .seconds(400 * 86_400)] {
            #expect(Self.fault(level, coolDown: coolDown) == .coolDown)
        }
        for text in ["0", "-1", "x"] { #expect(Self.fault(.priceBelow(.of(text))) == .level) }
        for text in ["0", "-1", "1000001", "0.0000001", "x"] {
            #expect(Self.fault(.spread(percentage: .of(text))) == .percentage)
            #expect(Self.fault(.volumeSpike(times: .of(text), window: .seconds(1), averageOver: 1)) == .times)
        }
        for window in [Duration.zero, .microseconds(999), .seconds(400 * 86_400)] {
            #expect(Self.fault(.move(percentage: .of("5"), window: window)) == .length)
            #expect(Self.fault(.silent(window)) == .length)
        }
        for count in [0, 1_001] {
            let spike = AlertCondition.volumeSpike(times: .of("2"), window: .seconds(1), averageOver: count)
            #expect(Self.fault(spike) == .averageOver)
        }
        #expect(Self.fault(.gap(missingAtLeast: 0), scope: .sources([])) == .count)
        let rate = AlertCondition.rejectRate(percentage: .zero, window: .seconds(1), minimumRecords: 1)
        #expect(Self.fault(rate, scope: .sources([])) == nil)
    }

    @Test func theLongestThresholdsAreExact() throws {
        let eased = Percent.eased(.of("999999.999999"), by: .of("99.9999"))
        #expect(eased == .of("0.999999999999"))
        #expect(Percent.above(eased) == .of("100.999999999999"))
        #expect(Percent.eased(.of("1000000"), by: .zero) == .of("1000000"))
        #expect(Percent.below(.of("1000000")) == .zero)
        #expect(Percent.belowTwice(.of("0.5")) == .of("199.5"))
    }
}
