import Foundation
import Testing

/// An export that is compared with what a script computes from the recording.
struct Expectation: CustomTestStringConvertible, Sendable {
    let format: String
    let path: String
    let kind: String
    let venue: String
    let symbol: String

    var testDescription: String { "\(format) \(venue):\(symbol) \(kind)" }

    init(_ format: String, _ path: String, _ kind: String, _ venue: String, _ symbol: String) {
        self.format = format
        self.path = path
        self.kind = kind
        self.venue = venue
        self.symbol = symbol
    }

    static let all = [
        Expectation("binance", "binance/usdm_btcusdt_20240808.gz", "trade", "BINANCE_FUTURES", "BTCUSDT"),
        Expectation("binance", "binance/usdm_btcusdt_20240808.gz", "quote", "BINANCE_FUTURES", "BTCUSDT"),
        Expectation("binance", "binance/spot_btcusdt_20240808.gz", "trade", "BINANCE", "BTCUSDT"),
        Expectation("binance", "binance/spot_btcusdt_20240808.gz", "quote", "BINANCE", "BTCUSDT"),
        Expectation("lean-trade", "equity/lean-spy-20131008-trade.zip", "trade", "LEAN", "SPY"),
        Expectation("lean-quote", "equity/lean-aig-20131009-quote.zip", "quote", "LEAN", "AIG"),
        Expectation("lean-forex", "forex/lean-fxcm-eurusd-20140508-quote.zip", "quote", "FXCM", "EURUSD"),
        Expectation("coinbase", "venues/COINBASE.jsonl.zst", "trade", "COINBASE", "BTC-USD"),
        Expectation("coinbase", "venues/COINBASE.jsonl.zst", "trade", "COINBASE", "ETH-USD"),
        Expectation("coinbase", "venues/COINBASE.jsonl.zst", "quote", "COINBASE", "BTC-USD"),
        Expectation("kraken", "venues/KRAKEN.jsonl.zst", "trade", "KRAKEN", "SC/EUR"),
        Expectation("kraken", "venues/KRAKEN.jsonl.zst", "quote", "KRAKEN", "XMR/USD"),
        Expectation("bybit", "venues/BYBIT.jsonl.zst", "trade", "BYBIT", "BTCUSDT"),
        Expectation("bybit", "venues/BYBIT.jsonl.zst", "trade", "BYBIT", "SOLUSDT"),
    ]
}

extension SystemTests {
    @Suite(.timeLimit(.minutes(1)))
    struct ExportTests {
        @Test(
            "An export is, byte for byte, what a script of its own computes from the recording",
            .enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)),
            .enabled(if: Product.hasTool("zstd"), "there is no zstd program"),
            arguments: Expectation.all
        )
        func exportEqualsAnIndependentReading(_ expectation: Expectation) async throws {
            let desk = try await Desk()
            let path = Product.shared("market/" + expectation.path)
            let name = "\(expectation.venue):\(expectation.symbol)"
            try await desk.replay("--venue", expectation.venue, path)
            let expected = try await desk.tool(
                "python3",
                Product.oracle("expected.py"),
                expectation.format,
                path,
                expectation.kind,
                expectation.symbol
            )
            #expect(expected.count > 200, "the script found something")
            expectSame(try await desk.export(name, expectation.kind), expected, expectation.testDescription)
        }

        private static let map = "symbol=s,time=t,price=p,size=q,id=i,side=d"
        private static let feed = """
            {"s":"X","t":1700000000000000001,"p":"61800.30","q":"0.00000001","i":7,"d":"buy"}
            {"s":"X","t":1700000000000000002,"p":"-0.5","q":"1000000","i":"a-b","d":"sell"}
            {"s":"Y","t":1700000000000000003,"p":"1","q":"2","i":1,"d":"buy"}
            {"s":"X","t":1700000003600000000,"p":"100","q":"0","i":8,"d":""}
            {"s":"X","t":1700003600000000000,"p":"1.10","q":"2.50","i":9,"d":"BUY"}

            """

        private func deskWithFeed(_ feed: String = Self.feed) async throws -> Desk {
            let desk = try await Desk()
            let path = try desk.file("feed.ndjson", feed.replacing("-0.5", with: "0.5"))
            try await desk.replay("--format", "ndjson", "--map", Self.map, path)
            return desk
        }

        @Test func decimalsComeBackAsTheyWereSentWithoutTrailingZeros() async throws {
            let desk = try await deskWithFeed()
            let expected = """
                event_time,receipt_time,id,sequence,price,size,side,flags
                1700000000000000001,,7,,61800.3,0.00000001,buy,
                1700000000000000002,,a-b,,0.5,1000000,sell,off_market
                1700000003600000000,,8,,100,0,,off_market|zero_size
                1700003600000000000,,9,,1.1,2.5,buy,off_market

                """
            expectSame(try await desk.export("FILE:X", "trade"), Data(expected.utf8))
        }

        @Test func fromIsIncludedAndToIsNot() async throws {
            let desk = try await deskWithFeed()
            let all = try await desk.export("FILE:X", "trade").split(separator: UInt8(ascii: "\n"))
            let ranges: [(from: String?, to: String?, rows: Range<Int>)] = [
                ("1700000000000000002", nil, 2..<5), (nil, "1700000000000000002", 1..<2),
                ("1700000000000000002", "1700000003600000000", 2..<3), ("2023-11-14T22:13:20Z", nil, 1..<5),
                ("2023-11-14T22:13:21Z", "2023-11-14T22:13:24Z", 3..<4), ("2030-01-01T00:00:00Z", nil, 5..<5),
                ("1700000003600000000", "1700000003600000000", 5..<5),
            ]
            for range in ranges {
                var arguments = ["export", "--symbol", "FILE:X", "--kind", "trade"]
                if let from = range.from { arguments += ["--from", from] }
                if let to = range.to { arguments += ["--to", to] }
                let ending = try await desk.start(arguments).wait()
                #expect(ending.code == 0)
                let rows = ending.output.split(separator: UInt8(ascii: "\n"))
                #expect(rows == [all[0]] + Array(all[range.rows]), "\(range)")
            }
        }

        @Test func ndjsonHoldsTheSameEventsAsObjects() async throws {
            let desk = try await deskWithFeed()
            let csv = String(decoding: try await desk.export("FILE:X", "trade"), as: UTF8.self)
            let lines = try await desk.export("FILE:X", "trade", "--format", "ndjson").split(
                separator: UInt8(ascii: "\n")
            )
            let header = csv.prefix { $0 != "\n" }.split(separator: ",").map(String.init)
            var rows: [String] = []
            for line in lines {
                let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
                #expect(Set(object.keys) == Set(header))
                rows.append(header.map { text(object[$0]) }.joined(separator: ","))
            }
            #expect(rows == csv.split(separator: "\n").dropFirst().map(String.init))
        }

        private func text(_ value: Any?) -> String {
            switch value {
            case let text as String: text
            case let number as NSNumber: number.stringValue
            default: ""
            }
        }

        @Test func headersAreExactAlsoWhereNothingIsStored() async throws {
            let desk = try await deskWithFeed()
            let headers = [
                "trade": "event_time,receipt_time,id,sequence,price,size,side,flags\n",
                "quote": "event_time,receipt_time,sequence,bid_price,bid_size,ask_price,ask_size,flags\n",
            ]
            for (kind, header) in headers {
                #expect(String(decoding: try await desk.export("NOBODY:KNOWS", kind), as: UTF8.self) == header)
            }
            #expect(try await desk.export("NOBODY:KNOWS", "trade", "--format", "ndjson").isEmpty)
        }

        @Test func exportOfADatabaseThatWasNeverUsedIsAHeader() async throws {
            let desk = try await Desk()
            let lines = try await desk.export("X:Y", "quote").split(separator: UInt8(ascii: "\n"))
            #expect(lines.count == 1)
        }
    }
}
