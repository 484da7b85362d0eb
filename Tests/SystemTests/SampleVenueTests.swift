import Foundation
import Testing

extension SystemTests {
    /// The venue that `tapedesk-sample` plays: what a daemon takes from it is what it says it has sent.
    @Suite(.timeLimit(.minutes(1)))
    struct SampleVenueTests {
        @Test func aRecordingHoldsWhatTheVenueSays() async throws {
            let desk = try await Desk()
            let venue = try await SampleVenue(
                in: desk.folder,
                ["--rate", "1000", "--instruments", "3", "--skip-every", "40", "--wait", "--for", "2s"]
            )
            let recorder = try await venue.record(on: desk)
            let sent = try await venue.end()
            recorder.terminate()
            let ending = try await recorder.wait()
            #expect(ending.code == 0, "\(ending.error)")
            #expect(sent.events + sent.skipped == 2_000 && sent.quotes == 1_000 && sent.skipped == 25)

            let document = try await desk.replay(try venue.tape(of: desk))
            #expect(document.rejected.isEmpty)
            #expect(document.events == ["trade": sent.trades, "quote": sent.quotes, "candle": 0])
            #expect(document.stored == sent.events)
            var missing = 0
            for symbol in sent.symbols {
                let rows = try await desk.export("BINANCE:" + symbol.symbol, "trade")
                    .split(separator: UInt8(ascii: "\n")).dropFirst()
                #expect(rows.count == symbol.trades)
                missing += symbol.visiblySkipped.count
            }
            #expect(document.missing == missing && missing > 0)
        }

        @Test(.enabled(if: Product.hasTool("curl")))
        func skippedTradesCanBeAskedForAndBarsHoldAll() async throws {
            let desk = try await Desk()
            let venue = try await SampleVenue(
                in: desk.folder,
                ["--rate", "1000", "--quotes", "0", "--instruments", "1", "--first-id", "1", "--skip-every", "2"]
            )
            var trades: [JSON] = []
            var inBars = 0
            try await poll("there are 500 trades") {
                trades = try await venue.get("historicalTrades?symbol=BTCUSDT&fromId=101&limit=400", desk).elements
                return trades.count == 400
            }
            #expect(trades.compactMap { $0["id"]?.integer } == Array(101...500))
            let bars = try await venue.get("klines?symbol=BTCUSDT&interval=1m&limit=1000", desk).elements
            for bar in bars { inBars += bar.elements.count == 12 ? bar.elements[8].integer ?? 0 : 0 }
            venue.terminate()
            let sent = try await venue.end()
            let symbol = try #require(sent.symbols.first)
            #expect(symbol.firstID == 1 && symbol.skippedIDs.first == 2)
            #expect(500...(sent.trades + sent.skipped) ~= inBars)
        }

        @Test func ticketsOfTheVenueAreTaken() async throws {
            let support = try await SupportDesk()
            let folder = support.desk.folder + "/spool"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let venue = try await SampleVenue(
                in: support.desk.folder,
                ["--tickets", folder, "--ticket-every", "20ms", "--for", "1s"]
            )
            let sent = try await venue.end()
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            var lines: [String] = []
            for name in names {
                let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
                lines += text.split(separator: "\n").map(String.init)
            }
            #expect(names.count == sent.ticketFiles && names.allSatisfy { $0.hasSuffix(".ndjson") })
            #expect(lines.count == sent.ticketEvents && lines.count > names.count && names.count > 5)
            try await support.replay(lines)
            _ = try await support.verify()
        }
    }
}

/// A venue that a test started.
private struct SampleVenue {
    /// What `--sent` writes.
    struct Sent: Decodable {
        struct Symbol: Decodable {
            let symbol: String
            let firstID: Int?
            let lastID: Int?
            let trades: Int
            let skippedIDs: [Int]

            private enum CodingKeys: String, CodingKey {
                case symbol, trades
                case firstID = "first_id"
                case lastID = "last_id"
                case skippedIDs = "skipped_ids"
            }

            /// Skipped trades that have trades before and behind them that were sent.
            var visiblySkipped: [Int] {
                guard let firstID, let lastID else { return [] }
                let sent = Set(firstID...lastID).subtracting(skippedIDs)
                guard let first = sent.min(), let last = sent.max() else { return [] }
                return skippedIDs.filter { $0 > first && $0 < last }
            }
        }

        let events: Int
        let trades: Int
        let quotes: Int
        let skipped: Int
        let ticketFiles: Int
        let ticketEvents: Int
        let symbols: [Symbol]

        private enum CodingKeys: String, CodingKey {
            case events, trades, quotes, skipped, symbols
            case ticketFiles = "ticket_files"
            case ticketEvents = "ticket_events"
        }
    }

    private let folder: String
    private let process: ChildProcess
    private let port: Int

    /// Starts a venue on a free port, and waits until it is open.
    init(in folder: String, _ options: [String]) async throws {
        self.folder = folder
        let program = try #require(Product.sampleGenerator)
        let output = folder + "/venue.out"
        // What a process writes can be read only when it has ended, and the port is wanted before.
        process = try ChildProcess(
            ["sh", "-c", "exec \"$@\" > \"$OUTPUT\"", "sh", program, "venue", "--port", "0"]
                + ["--sent", folder + "/sent.json"] + options,
            environment: ["OUTPUT": output],
            folder: folder
        )
        var port: Int?
        try await poll("the venue is open") {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            let address = text.split(separator: ",").first { $0.hasPrefix("venue: ws://127.0.0.1:") }
            port = address.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
            return port != nil
        }
        self.port = try #require(port)
    }

    func terminate() { process.terminate() }

    /// Waits for the end, and reads what was sent.
    func end() async throws -> Sent {
        let ending = try await process.wait()
        guard ending.code == 0 else { throw HarnessError(description: "the venue: \(ending.error)") }
        return try JSONDecoder().decode(Sent.self, from: Data(contentsOf: URL(filePath: folder + "/sent.json")))
    }

    /// Starts a recording of trades and quotes of three symbols.
    func record(on desk: Desk) async throws -> ChildProcess {
        let configuration = try desk.file(
            "tapedesk.yaml",
            """
            sources:
              - name: spot
                venue: binance
                symbols: [BTCUSDT, ETHUSDT, SOLUSDT]
                events: [trade, quote]
                url: ws://127.0.0.1:\(port)
            """
        )
        let program = try #require(Product.tapedesk)
        return try ChildProcess(
            [program, "record", "--config", configuration, "--to", desk.folder + "/recording"],
            environment: ["TAPEDESK_MONGO_URI": ""],
            folder: desk.folder
        )
    }

    /// The path of all that was recorded, in one file.
    func tape(of desk: Desk) throws -> String {
        let tapes = desk.folder + "/recording/tapes/spot"
        let names = try FileManager.default.contentsOfDirectory(atPath: tapes).filter { $0.hasSuffix(".tape") }
        var whole = Data()
        for name in names.sorted() { whole += try Data(contentsOf: URL(filePath: tapes + "/" + name)) }
        return try desk.file("whole.tape", whole)
    }

    /// Asks over HTTP.
    func get(_ request: String, _ desk: Desk) async throws -> JSON {
        let answer = try await desk.tool("curl", "-s", "http://127.0.0.1:\(port)/api/v3/\(request)")
        return try JSON(String(decoding: answer, as: UTF8.self))
    }
}
