import Settings
import Testing

/// The section `retention`: what deletes data is to be meant as it is written.
@Suite struct RetentionTests {
    private func parse(_ text: String) throws -> Configuration.Retention {
        try ConfigurationFile.parse(Array(text.utf8), file: "/etc/tapedesk/f.yaml").retention
    }

    @Test func rulesAreReadInTheirOrder() throws {
        let retention = try parse(
            """
            retention:
              archive: archive
              rules:
                - { venue: BINANCE, kind: quote, keep: 30d }
                - venue: "*"
                  kind: trade
                  keep: 1h30m
                - { kind: quote, keep: forever }
            """
        )
        #expect(retention.archive == "/etc/tapedesk/archive")
        #expect(
            retention.rules == [
                .init(venue: "BINANCE", kind: .quote, keep: .seconds(30 * 86_400)),
                .init(kind: .trade, keep: .seconds(5_400)), .init(kind: .quote, keep: nil),
            ]
        )
        #expect(try parse("").rules.isEmpty)
        #expect(try parse("retention: { rules: [] }").rules.isEmpty)
    }

    @Test(arguments: [
        ("{ kind: trade }", "2:12 a rule of 'retention.rules' needs both 'kind' and 'keep'"),
        ("{ keep: 3d }", "2:12 a rule of 'retention.rules' needs both 'kind' and 'keep'"),
        ("trade", "2:12 'retention.rules' takes keys with values, such as 'key: value', not a text"),
        ("{ kind: trades, keep: 3d }", "2:20 unknown kind 'trades'; did you mean 'trade'?"),
        ("{ kind: bars, keep: 3d }", "2:20 unknown kind 'bars'; here stands one of: trade, quote, candle"),
        (
            "{ kind: trade, keep: 3 days }",
            "2:33 '3 days' is no duration for 'retention.rules.keep': "
                + "a duration is written as 90s, 30m, 8h, 3d, 2w or 1h30m"
        ),
        ("{ kind: trade, keep: 0d }", "2:33 'retention.rules.keep' has to be longer than zero"),
        ("{ kind: trade, keep: }", "2:27 'retention.rules.keep' has no value: give one, or remove the line"),
        ("{ kinds: trade, keep: 3d }", "2:14 unknown key 'kinds'; did you mean 'kind'?"),
        (
            "{ venue: 'BINANCE:BTCUSDT', kind: trade, keep: 3d }",
            "2:21 'retention.rules.venue' takes one venue without symbol, or '*' for all of them"
        ),
        (
            "{ venue: 'BIN*', kind: trade, keep: 3d }",
            "2:21 'retention.rules.venue' takes one venue without symbol, or '*' for all of them"
        ),
        (
            "{ kind: trade, keep: 3d }, { venue: X, kind: trade, keep: forever }",
            "2:39 this rule never decides: one above it matches all that it does; move it up, or remove it"
        ),
        (
            "{ venue: X, kind: trade, keep: 3d }, { venue: X, kind: trade, keep: 4d }",
            "2:49 this rule never decides: one above it matches all that it does; move it up, or remove it"
        ),
    ])
    func aMistakeIsReportedWithItsPlace(_ rules: String, _ expected: String) {
        #expect(mistakes("retention:\n  rules: [ \(rules) ]\n") == [expected])
    }

    @Test func rulesAreAList() {
        #expect(
            mistakes("retention:\n  rules: { kind: trade, keep: 3d }\n") == [
                "2:10 'retention.rules' takes a list, such as '- { kind: trade, keep: 90d }', not keys with values"
            ]
        )
        #expect(
            mistakes("retention:\n  rules:\n") == [
                "2:3 'retention.rules' has no value: give one, or remove the line"
            ]
        )
        #expect(mistakes("retention:\n  rulez: []\n") == ["2:3 unknown key 'rulez'; did you mean 'rules'?"])
        #expect(mistakes("retention:\n  archive: [a]\n") == ["2:12 'retention.archive' takes a text, not a list"])
    }
}
