import Foundation
import Testing

/// A venue of `tapedesk-sample` that runs, and tells at its end what it has sent.
struct MarketVenue: Sendable {
    private let program: RunningProgram
    private let sentPath: String
    /// Where it listens.
    let port: UInt16

    /// Starts a venue that waits for its first client.
    ///
    /// - Parameter options: of `tapedesk-sample venue`, such as `--rate`.
    static func start(_ options: [String], in folder: String) async throws -> MarketVenue {
        let binary = try #require(Product.sampleGenerator)
        let sentPath = folder + "/sent.json"
        let words = [binary, "venue", "--port", "0", "--wait", "--sent", sentPath] + options
        let program = try RunningProgram(words, folder: folder)
        var port: UInt16?
        try await poll("the venue listens") {
            port = program.output.components(separatedBy: "ws://127.0.0.1:").dropFirst().first
                .flatMap { UInt16($0.prefix { $0.isNumber }) }
            return port != nil
        }
        return MarketVenue(program: program, sentPath: sentPath, port: try #require(port))
    }

    /// Ends it; answers what it has sent.
    func end() async throws -> SentTrades {
        program.terminate()
        _ = try await program.wait()
        return try JSONDecoder().decode(SentTrades.self, from: Data(contentsOf: URL(filePath: sentPath)))
    }
}

/// What the sample venue says that it sent.
struct SentTrades: Decodable {
    struct Symbol: Decodable {
        let symbol: String
        let firstID: Int?
        let lastID: Int?
        let trades: Int

        private enum CodingKeys: String, CodingKey {
            case symbol, trades
            case firstID = "first_id"
            case lastID = "last_id"
        }
    }

    let symbols: [Symbol]
}

extension ServiceDesk {
    /// Every trade that was sent is stored once, or lies in a gap that is on record; answers how many do.
    func expectWhole(
        _ instrument: SentTrades.Symbol,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Int {
        let stored = try await stored("BINANCE:\(instrument.symbol)")
        let ids = Set(stored)
        let doubled = stored.count - ids.count
        #expect(doubled == 0, "\(instrument.symbol): \(doubled) are doubled", sourceLocation: sourceLocation)
        let first = try #require(instrument.firstID, sourceLocation: sourceLocation)
        let last = try #require(instrument.lastID, sourceLocation: sourceLocation)
        let missing = (first...last).filter { !ids.contains($0) }
        let gaps = try await gaps(of: instrument.symbol)
        // What comes last is followed by nothing that would show a gap.
        let end = stored.max() ?? first
        let unexplained = missing.filter { id in id <= end && !gaps.contains { $0.contains(id) } }
        #expect(
            unexplained.isEmpty,
            "\(instrument.symbol): \(unexplained.count) lost, such as \(unexplained.prefix(5))",
            sourceLocation: sourceLocation
        )
        let areKnown = ids.allSatisfy { (first...last).contains($0) }
        #expect(areKnown, "\(instrument.symbol): trades that were never sent", sourceLocation: sourceLocation)
        return missing.count
    }

    /// Where holes are on record, between two numbers that are there.
    private func gaps(of symbol: String) async throws -> [ClosedRange<Int>] {
        let ending = try await desk.run("status", "--json")
        let list = try JSON(ending.text)["gaps"]?["list"]?.elements ?? []
        return list.compactMap { gap in
            guard let stream = gap["stream"]?.text, stream.hasSuffix("|\(symbol.lowercased())@trade"),
                let after = gap["after"]?.integer, let before = gap["before"]?.integer
            else { return nil }
            return after + 1...max(after + 1, before - 1)
        }
    }
}
