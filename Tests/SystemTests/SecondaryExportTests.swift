import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Analysts may read from secondaries: what they see is the same.
    @Suite(.serialized, .timeLimit(.minutes(5)))
    struct SecondaryExportTests {
        @Test func anExportFromASecondaryIsTheSameAndAsksThePrimaryForNoDocument() async throws {
            try await ReplicaSet.run { set in
                let desk = try Desk(uri: set.uri())
                let sample = try await Sample.make(events: 20_000, seed: 34, in: desk.folder)
                try await desk.replay(sample)
                let symbol = try #require(sample.telling.first)
                let expected = try await desk.export(symbol, "trade")
                let bars = try await desk.export(symbol, "candle", "--interval", "1m")

                try await set.waitUntilWhole()
                let primary = try await set.primary()
                let namespace = desk.database + ".market_data"
                let before = try await primary.readCount(of: namespace)
                expectSame(try await desk.export(symbol, "trade", "--from-secondary"), expected)
                let newest = try await desk.export(symbol, "trade", "--last", "10", "--from-secondary")
                expectSame(newest, try Self.last(10, of: expected))
                let options = ["--interval", "1m", "--from-secondary", "--max-staleness", "2m"]
                let ending = try await desk.start(["export", "--symbol", symbol, "--kind", "candle"] + options).wait()
                #expect(ending.code == 0, "\(ending.error)")
                expectSame(ending.output, bars)
                #expect(try await primary.readCount(of: namespace) == before)
            }
            // Where there is no secondary, the primary answers.
            let alone = try await Desk()
            #expect(try await alone.export("A:B", "trade", "--from-secondary").isEmpty == false)
        }

        private static func last(_ count: Int, of export: Data) throws -> Data {
            let lines = export.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)
            let chosen = lines.prefix(1) + lines.suffix(count)
            return Data(chosen.map { $0 + [UInt8(ascii: "\n")] }.joined())
        }

        @Test(arguments: [
            ["--max-staleness", "2m"], ["--from-secondary", "--max-staleness", "89s"],
            ["--from-secondary", "--max-staleness", "soon"],
        ])
        func stalenessThatCannotBeIsRefused(options: [String]) async throws {
            let desk = try await Desk()
            let words = ["export", "--symbol", "A:B", "--kind", "trade"] + options
            let ending = try await desk.start(words).wait()
            #expect(ending.code == 64 && ending.output.isEmpty, "\(ending.error)")
        }
    }
}
