import Settings
import Testing

/// The sections `service` and `sources`.
@Suite struct SourceTests {
    private func parse(_ text: String) throws -> Configuration {
        try ConfigurationFile.parse(Array(text.utf8), file: "/etc/tapedesk/f.yaml")
    }

    @Test func sourcesAreReadWithWhatTheyLeaveOut() throws {
        let configuration = try parse(
            """
            service: { state: tapes, compact_every: 5m, compact_pace: 2MB }
            sources:
              - { venue: binance, symbols: [BTCUSDT] }
              - name: k.1
                kind: websocket
                venue: kraken
                symbols: [XBT/USD, ETH/USD]
                events: [candle, trade, candle]
                url: ws://127.0.0.1:9
                venue_name: K
                when_full: drop
                tape_bytes: 64MiB
            """
        )
        #expect(configuration.service.state == "/etc/tapedesk/tapes")
        #expect(configuration.service.compactEvery == .seconds(300) && configuration.service.compactPace == 2_000_000)
        let (first, second) = (configuration.sources[0], configuration.sources[1])
        #expect(first.name == "binance" && first.events == [.trade, .quote] && first.whenFull == .block)
        #expect(first.tapeBytes == 8_000_000_000 && first.url == nil && first.venueName == nil)
        #expect(
            second.name == "k.1" && second.events == [.trade, .candle] && second.symbols == ["XBT/USD", "ETH/USD"]
        )
        #expect(second.whenFull == .drop && second.tapeBytes == 64 << 20 && second.venueName == "K")
        #expect(try parse("").sources.isEmpty && parse("sources: []\n").sources.isEmpty)
    }

    @Test(arguments: [
        ("{ symbols: [A] }", "2:5 a source of 'sources' needs both 'venue' and 'symbols'"),
        ("{ venue: binance }", "2:5 a source of 'sources' needs both 'venue' and 'symbols'"),
        ("{ venue: binance, symbols: [] }", "2:5 a source of 'sources' needs both 'venue' and 'symbols'"),
        ("{ venue: binanc, symbols: [A] }", "2:14 unknown venue 'binanc'; did you mean 'binance'?"),
        ("{ venue: binance, symbol: [A] }", "2:23 unknown key 'symbol'; did you mean 'symbols'?"),
        ("{ venue: binance, symbols: [A, A] }", "2:36 'A' stands in 'sources.symbols' twice"),
        (
            "{ venue: binance, symbols: [A], events: [] }",
            "2:37 'sources.events' asks for nothing: name trade, quote or candle"
        ),
        ("{ venue: binance, symbols: [A], events: [trades] }", "2:46 unknown event 'trades'; did you mean 'trade'?"),
        (
            "{ venue: binance, symbols: [A], name: ../x }",
            "2:43 'sources.name' takes letters, digits, '-', '_' and '.', such as binance-spot"
        ),
        (
            "{ venue: binance, symbols: [A], url: 'http://x' }",
            "2:42 'sources.url' takes an address such as wss://stream.example.com:9443"
        ),
        (
            "{ venue: binance, symbols: [A], tape_bytes: 8 }",
            "2:49 '8' is no number of bytes for 'sources.tape_bytes': a number of bytes is written as 500MB, 8GB or "
                + "64KiB"
        ),
        ("{ venue: binance, symbols: [A], tape_bytes: 1KB }", "2:5 'tape_bytes' is at least 1MB"),
    ])
    func aMistakeIsReportedWithItsPlace(_ source: String, _ expected: String) {
        #expect(mistakes("sources:\n  - \(source)\n") == [expected])
    }

    @Test func namesTellDataApart() {
        let source = "  - { venue: kraken, symbols: [A] }\n"
        #expect(
            mistakes("sources:\n" + source + source) == [
                "3:5 there is another source 'kraken': names tell their data apart"
            ]
        )
    }

    @Test(
        arguments: [
            ("1B", 1), ("64KiB", 65_536), ("8GB", 8_000_000_000), ("2TiB", 2 << 40), ("0MB", 0), ("", nil), ("GB", nil),
            ("8", nil), ("-1MB", nil), ("1.5GB", nil), ("8 GB", nil), ("9223372036854775807KB", nil), ("8gb", nil),
        ] as [(String, Int64?)]
    )
    func numbersOfBytes(_ text: String, _ bytes: Int64?) {
        #expect(ByteCountText.parse(text) == bytes)
    }
}
