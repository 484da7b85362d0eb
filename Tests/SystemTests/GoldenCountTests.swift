import Foundation
import Testing

/// A recording that nobody on this project made, and what is known to be in it.
struct Recording: CustomTestStringConvertible, Sendable {
    let path: String
    var arguments: [String] = []
    let format: String
    let records: Int
    var trades = 0
    var quotes = 0
    var candles = 0
    var ignored: Int?
    var flagged: [String: Int] = [:]

    var testDescription: String { path }
    var name: String { String(path.split(separator: "/").last ?? "") }

    static let all = [
        Recording(
            path: "market/binance/usdm_btcusdt_20240808.gz",
            format: "binance-recorder",
            records: 93_954,
            trades: 21_313,
            quotes: 66_089,
            ignored: 6_552
        ),
        Recording(
            path: "market/binance/spot_btcusdt_20240808.gz",
            format: "binance-recorder",
            records: 41_249,
            trades: 9_757,
            quotes: 28_040,
            flagged: ["no_event_time": 28_040]
        ),
        Recording(
            path: "market/equity/lean-spy-20131008-trade.zip",
            format: "lean-trade",
            records: 451_545,
            trades: 451_545,
            ignored: 0
        ),
        Recording(
            path: "market/equity/lean-aig-20131009-quote.zip",
            format: "lean-quote",
            records: 1_424_012,
            quotes: 1_424_012,
            ignored: 0
        ),
        Recording(
            path: "market/forex/lean-fxcm-eurusd-20140508-quote.zip",
            format: "lean-forex-quote",
            records: 167_466,
            quotes: 167_466,
            ignored: 0,
            flagged: ["crossed": 18_285, "locked": 19_051]
        ),
        Recording(
            path: "market/venues/COINBASE.jsonl.zst",
            format: "cryptofeed",
            records: 1_038,
            trades: 279,
            quotes: 160,
            candles: 204,
            flagged: ["provisional": 4]
        ),
        Recording(
            path: "market/venues/KRAKEN.jsonl.zst",
            format: "cryptofeed",
            records: 4_438,
            trades: 10,
            quotes: 18,
            flagged: ["no_event_time": 18]
        ),
        Recording(
            path: "market/venues/BYBIT.jsonl.zst",
            format: "cryptofeed",
            records: 3_256,
            trades: 347,
            candles: 100,
            flagged: ["provisional": 94]
        ),
        Recording(path: "market/venues/GEMINI.jsonl.zst", format: "cryptofeed", records: 914, trades: 812),
        Recording(path: "market/venues/PHEMEX.jsonl.zst", format: "cryptofeed", records: 1_482),
    ]
}

extension SystemTests {
    @Suite(.enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)))
    struct GoldenCountTests {
        private func check(_ document: ReplayDocument, _ recording: Recording, alreadyStored: Int = 0) {
            #expect(document.format == recording.format)
            #expect(document.records == recording.records)
            #expect(
                document.events
                    == ["trade": recording.trades, "quote": recording.quotes, "candle": recording.candles]
            )
            let ignored = document.ignored.values.reduce(0, +)
            if let expected = recording.ignored { #expect(ignored == expected) }
            #expect(document.alreadyStored == alreadyStored)
            #expect(document.stored == document.eventTotal - alreadyStored)
            #expect(document.flagged == recording.flagged)
            #expect(document.rejected.isEmpty)
            #expect(document.gaps.isEmpty)
            #expect(document.complete)
        }

        @Test(
            "A recording is stored once however often it is replayed",
            .timeLimit(.minutes(1)),
            arguments: Recording.all
        )
        func recordingIsStoredOnceHoweverOftenReplayed(_ recording: Recording) async throws {
            let desk = try await Desk()
            let path = Product.shared(recording.path)
            let first = try await desk.start(["replay", "--json", path]).wait()
            #expect(first.code == 0)
            #expect(first.error.contains("format \(recording.format), guessed"), "the guess is printed")
            let document = try ReplayDocument(first)
            check(document, recording)
            #expect(document.source.hasSuffix("/" + recording.name), "named by venue and file")

            check(try await desk.replay(path), recording, alreadyStored: document.eventTotal)
            check(try await desk.replay("--from-start", path), recording, alreadyStored: document.eventTotal)
            #expect(try await desk.verifyClean().events == document.eventTotal)

            let status = try await desk.status()
            #expect(status.sources.map(\.source) == [document.source])
            #expect(status.sources.first?.records == recording.records)
            #expect(status.sources.first?.complete == true)
            #expect(status.sources.first?.lagBytes == 0)
            #expect(status.gaps.open == 0)
            #expect(status.collections["rejects"]?.documents == 0)
        }

        @Test(arguments: Recording.all)
        func dryRunCountsTheSameWithoutADatabase(_ recording: Recording) async throws {
            let desk = try await Desk()
            let ending = try await desk.runAlone(["replay", "--json", "--dry-run", Product.shared(recording.path)])
            #expect(ending.code == 0, "\(ending.error)")
            check(try ReplayDocument(ending), recording)
        }

        @Test(
            "Daily bars of a vendor: what cannot be is refused, the rest is stored",
            arguments: [
                ("ELCO-L", 665, 309), ("NVT-L", 725, 248),
            ]
        )
        func barsThatCannotBeAreRefused(_ symbol: String, _ rows: Int, _ impossible: Int) async throws {
            let desk = try await Desk()
            let document = try await desk.replay(
                "--format",
                "csv",
                "--venue",
                "YAHOO",
                "--symbol",
                symbol,
                "--map",
                "time=Datetime,open=Open,high=High,low=Low,close=Close,volume=Volume",
                Product.shared("market/candles/\(symbol)-1d-bad-div.csv"),
                exits: 1
            )
            #expect(document.records == rows)
            #expect(document.events["candle"] == rows)
            #expect(document.rejected == ["candle_range": impossible])
            #expect(document.stored == rows - impossible)
            let bars = try await desk.export("YAHOO:" + symbol, "candle").split(separator: UInt8(ascii: "\n"))
            #expect(bars.count == rows - impossible + 1)
            try await desk.verifyClean()
        }

        @Test func barsOfFreqtrade() async throws {
            let desk = try await Desk()
            let path = Product.shared("market/candles/freqtrade-btc-1m.json")
            for alreadyStored in [0, 13_681] {
                let document = try await desk.replay("--venue", "FREQTRADE", "--symbol", "BTC", path)
                #expect(document.format == "freqtrade" && document.records == 13_681)
                #expect(document.events["candle"] == 13_681 && document.alreadyStored == alreadyStored)
                #expect(document.rejected.isEmpty && document.complete)
            }
            let bars = try await desk.export("FREQTRADE:BTC", "candle").split(separator: UInt8(ascii: "\n"))
            #expect(bars.count == 13_682)
            let first = "1509836520000000000,,60,0.00162008,0.00162008,0.00162008,0.00162008,108.14853839,"
            #expect(String(decoding: bars[1], as: UTF8.self) == first)
            try await desk.verifyClean()
        }
    }
}
