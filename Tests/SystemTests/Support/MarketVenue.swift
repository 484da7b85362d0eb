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
