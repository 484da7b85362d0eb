import Foundation
import Testing

extension SystemTests {
    @Suite(.timeLimit(.minutes(2)))
    struct CandleTests {
        private static let intervals = ["1s", "1m", "5m", "1h", "1d"]
        private static let header = "start,open,high,low,close,volume,count,vwap,buy_volume,sell_volume,final\n"

        /// Compares the bars of an instrument with those that a script makes from its exported trades.
        private func expectBarsOfTrades(_ desk: Desk, _ symbol: String) async throws {
            let trades = try desk.file("trades.csv", try await desk.export(symbol, "trade"))
            for interval in Self.intervals {
                let expected = try await desk.tool("python3", Product.oracle("candles.py"), interval, trades)
                #expect(expected.count > 100, "the script found something")
                let bars = try await desk.export(symbol, "candle", "--interval", interval)
                expectSame(withoutLastColumn(bars), expected, "\(symbol) \(interval)")
            }
        }

        private func withoutLastColumn(_ csv: Data) -> Data {
            let lines = String(decoding: csv, as: UTF8.self).split(separator: "\n").map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).dropLast().joined(separator: ",")
            }
            return Data((lines.joined(separator: "\n") + "\n").utf8)
        }

        @Test func barsOfTheSampleEqualThoseOfAnIndependentScript() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 60_000, seed: 11, in: desk.folder)
            try await desk.replay(sample)
            for symbol in sample.telling { try await expectBarsOfTrades(desk, symbol) }
        }

        @Test(
            .enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)),
            arguments: Expectation.all.filter { $0.kind == "trade" && ["SPY", "BTCUSDT"].contains($0.symbol) }
        )
        func barsOfRecordingsEqualThoseOfAnIndependentScript(_ recording: Expectation) async throws {
            let desk = try await Desk()
            try await desk.replay("--venue", recording.venue, Product.shared("market/" + recording.path))
            try await expectBarsOfTrades(desk, "\(recording.venue):\(recording.symbol)")
        }

        private static let feed = """
            {"s":"X","t":1700000000000000001,"p":"10.50","q":"2","d":"buy"}
            {"s":"X","t":1700000001000000000,"p":"12","q":"1","d":"sell"}
            {"s":"X","t":1700000050000000000,"p":"9","q":"3"}
            {"s":"X","t":1700007200000000000,"p":"11","q":"0"}

            """

        private func deskWithFeed() async throws -> Desk {
            let desk = try await Desk()
            let path = try desk.file("feed.ndjson", Self.feed)
            let map = "symbol=s,time=t,price=p,size=q,side=d"
            try await desk.replay("--format", "ndjson", "--map", map, path)
            return desk
        }

        @Test func barsAsTheyArePrinted() async throws {
            let desk = try await deskWithFeed()
            let first = "1699999980000000000,10.5,12,10.5,12,3,2,11,2,1,false"
            let second = "1700000040000000000,9,9,9,9,3,1,9,0,0,false"
            let third = "1700007180000000000,11,11,11,11,0,1,,0,0,false"
            let ranges: [(arguments: [String], rows: [String])] = [
                ([], [first, second, third]), (["--from", "1699999980000000000"], [first, second, third]),
                (["--from", "1699999980000000001"], [second, third]), (["--to", "1700000040000000000"], [first]),
                (["--from", "1700000000000000000", "--to", "1700000040000000001"], [second]),
            ]
            for range in ranges {
                let words = ["export", "--symbol", "FILE:X", "--kind", "candle", "--interval", "1m"]
                let ending = try await desk.start(words + range.arguments).wait()
                #expect(ending.code == 0)
                let expected = Self.header + range.rows.map { $0 + "\n" }.joined()
                expectSame(ending.output, Data(expected.utf8), "\(range.arguments)")
            }
            let json = try await desk.export("FILE:X", "candle", "--interval", "1h", "--format", "ndjson")
            let lines = json.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
            #expect(lines.count == 2)
            #expect(
                lines.last
                    == "{\"start\":1700006400000000000,\"open\":\"11\",\"high\":\"11\",\"low\":\"11\",\"close\":\"11\","
                    + "\"volume\":\"0\",\"count\":1,\"vwap\":null,\"buy_volume\":\"0\",\"sell_volume\":\"0\","
                    + "\"final\":false}"
            )
            let nobody = try await desk.export("NOBODY:KNOWS", "candle", "--interval", "1d")
            expectSame(nobody, Data(Self.header.utf8))
        }

        @Test func anIntervalIsForBars() async throws {
            let desk = try await Desk()
            for words in [["--kind", "trade", "--interval", "1m"], ["--kind", "candle", "--interval", "2m"]] {
                let ending = try await desk.start(["export", "--symbol", "A:B"] + words).wait()
                #expect(ending.code == 64, "\(words)")
            }
        }

        private struct Verification: Decodable {
            struct Difference: Decodable, Equatable {
                let instrument: String
                let interval: String
                let start: Int64
                let field: String
                let ours: String
                let theirs: String
                let source: String
            }

            let clean: Bool
            let compared: Int
            let withoutOurs: Int
            let differences: Int
            let firstDifferences: [Difference]
            let problems: Int
        }

        private func verifyCandles(_ desk: Desk) async throws -> (code: Int32?, document: Verification) {
            let ending = try await desk.run("verify", "--candles", "--json")
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return (ending.code, try decoder.decode(Verification.self, from: ending.output))
        }

        @Test func barsOfFeedsAreComparedWithOurs() async throws {
            let desk = try await deskWithFeed()
            var (code, found) = try await verifyCandles(desk)
            #expect(code == 0 && found.clean && found.compared == 0)
            let bars = """
                s,t,o,h,l,c,v,i
                X,1699999980,10.5,12,10.5,12,3,60
                X,1699999980,10.5,12,10.5,12,5,300
                X,1700000040,9,9.5,9,9,4,60
                X,1700000100,9,9,9,9,1,60

                """
            let path = try desk.file("bars.csv", bars)
            let map = "symbol=s,time=t,open=o,high=h,low=l,close=c,volume=v,interval=i"
            try await desk.replay("--format", "csv", "--map", map, path)
            (code, found) = try await verifyCandles(desk)
            #expect(code == 1 && !found.clean && found.problems == 0)
            #expect(found.compared == 2 && found.withoutOurs == 2 && found.differences == 2)
            #expect(found.firstDifferences.map(\.field) == ["high", "volume"])
            #expect(found.firstDifferences.map(\.ours) == ["9", "3"])
            #expect(found.firstDifferences.map(\.theirs) == ["9.5", "4"])
            #expect(found.firstDifferences.allSatisfy { $0.source == "FILE/bars.csv" && $0.interval == "1m" })
        }
    }
}
