import Foundation
import TestSupport
import Testing

/// What `compact --once --json` prints.
struct CompactionDocument: Decodable {
    static let keys = ["sealed", "rolled_up", "deleted", "left", "events", "bytes_before", "bytes_after", "seconds"]

    let sealed: Int
    let rolledUp: Int
    let deleted: Int
    let left: Int
    let events: Int
    let bytesBefore: Int
    let bytesAfter: Int
    let seconds: Double

    private enum CodingKeys: String, CodingKey {
        case sealed
        case rolledUp = "rolled_up"
        case deleted, left, events
        case bytesBefore = "bytes_before"
        case bytesAfter = "bytes_after"
        case seconds
    }

    /// Whether the run changed nothing.
    var isIdle: Bool { sealed == 0 && rolledUp == 0 && deleted == 0 && events == 0 && bytesBefore == bytesAfter }

    /// Reads the one line that is written, which has to be as documented to the letter.
    init(_ ending: Ending) throws {
        guard ending.text.hasSuffix("\n"), ending.lines.count == 1, let line = ending.lines.first else {
            throw HarnessError(description: "not one line on stdout: '\(ending.text)', stderr: '\(ending.error)'")
        }
        self = try JSONDecoder().decode(Self.self, from: ending.output)
        #expect(JSON.orderedNames(line) == Self.keys)
    }
}

/// Events of one instrument and kind, as an export names them.
struct Lane: Sendable, CustomTestStringConvertible {
    let symbol: String
    let kind: String

    init(_ symbol: String, _ kind: String) {
        self.symbol = symbol
        self.kind = kind
    }

    var testDescription: String { "\(symbol) \(kind)" }
}

/// One document of market data, as an independent reader sees it.
struct MarketDocument: Equatable {
    enum Form: String {
        case bucket, segment, replaced
    }

    let id: String
    let version: Int
    let form: Form
    let digest: String

    /// Where what it covers begins, in nanoseconds, as its id says.
    var windowStart: Int { id.split(separator: "|").dropLast().last.flatMap { Int($0) } ?? .min }
    var instrument: Substring { id.split(separator: "|").dropLast(2).last ?? "" }

    init(_ line: Substring) throws {
        let words = line.split(separator: "\t")
        guard words.count == 4, let version = Int(words[1]), let form = Form(rawValue: String(words[2])) else {
            throw HarnessError(description: "not a document: '\(line)'")
        }
        (id, digest) = (String(words[0]), String(words[3]))
        self.version = version
        self.form = form
    }
}

/// What an independent reader of the collection found.
struct MarketDataReport: Decodable {
    let documents: Int
    let segments: Int
    let sealed: Int
    let replaced: Int
    let events: [String: Int]
    let problems: [String]

    var eventTotal: Int { events.values.reduce(0, +) }
}

/// What was printed about a lane, by the arguments that asked for it.
struct LaneViews: Sendable {
    let lane: Lane
    var results: [(arguments: [String], output: Data)]

    /// The whole of it, as CSV.
    var whole: Data { results.first?.output ?? Data() }
}

extension Desk {
    static let hour = 3_600_000_000_000

    /// Compacts once and reads what it prints.
    @discardableResult
    func compact(
        _ arguments: String...,
        exits code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> CompactionDocument {
        let ending = try await start(["compact", "--once", "--json"] + arguments).wait()
        #expect(ending.code == code, "\(ending.error)", sourceLocation: sourceLocation)
        return try CompactionDocument(ending)
    }

    /// Runs the reader of the collection that shares no code with the programs.
    func readMarketData(_ arguments: String..., exits code: Int32 = 0) async throws -> Ending {
        let port = uri.split(separator: ":").last?.prefix { $0 != "/" } ?? ""
        let words = ["python3", Product.oracle("market_data.py"), String(port), database] + arguments
        let ending = try await ChildProcess(words, folder: folder).wait(within: .seconds(120))
        guard ending.code == code else { throw HarnessError(description: "\(words): \(ending.text)\(ending.error)") }
        return ending
    }

    /// All documents of market data, by id.
    func documents() async throws -> [MarketDocument] {
        try await readMarketData("documents").lines.map { try MarketDocument($0) }
    }

    /// Reads all market data as an independent program; nothing may be wrong.
    @discardableResult
    func expectSound(
        events: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> MarketDataReport {
        let verified = try await verifyClean(sourceLocation: sourceLocation)
        #expect(verified.events == events, "verify counts every event once", sourceLocation: sourceLocation)
        let ending = try await readMarketData("check")
        let report = try JSONDecoder().decode(MarketDataReport.self, from: ending.output)
        #expect(report.problems.isEmpty, sourceLocation: sourceLocation)
        #expect(report.eventTotal == events, "each event is in one document", sourceLocation: sourceLocation)
        return report
    }

    /// What is stored of a lane, in every way in which it can be asked for: whole, as objects, and in pieces whose
    /// bounds are those of windows, of events, and one nanosecond beside.
    func views(of lane: Lane) async throws -> LaneViews {
        let arguments = ["export", "--symbol", lane.symbol, "--kind", lane.kind]
        let whole = try await export(lane.symbol, lane.kind)
        let times = whole.rows.dropFirst().map { Int(String(decoding: $0.prefix { $0 != 44 }, as: UTF8.self)) ?? 0 }
        let first = try #require(times.first)
        let last = try #require(times.last)
        let middle = times[times.count / 2]
        let edge = middle - middle % Self.hour
        let ranges = [
            (times[times.count / 3], middle), (middle, middle + 1), (middle + 1, times[times.count * 2 / 3] + 1),
            (edge, edge + Self.hour), (edge - 1, edge + 1), (edge + 1, edge + Self.hour - 1), (first, last),
            (last, last + 1), (first - 5 * Self.hour, first + 1), (last + 1, last + 5 * Self.hour),
        ]
        var views = LaneViews(lane: lane, results: [(arguments, whole)])
        for (from, to) in ranges {
            let words = arguments + ["--from", "\(from)", "--to", "\(to)"]
            let output = try await output(words)
            let count = times.count { (from..<to).contains($0) }
            #expect(output.rows.count == count + 1, "\(words)")
            views.results.append((words, output))
        }
        let objects = arguments + ["--format", "ndjson"]
        views.results.append((objects, try await output(objects)))
        return views
    }

    private func output(_ arguments: [String]) async throws -> Data {
        let ending = try await start(arguments).wait()
        guard ending.code == 0 else { throw HarnessError(description: "\(arguments): \(ending.error)") }
        return ending.output
    }

    /// Asks again for everything, and compares with what it was.
    func expectUnchanged(
        _ views: LaneViews,
        _ when: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for (arguments, expected) in views.results {
            let comment = "\(when): \(arguments.joined(separator: " "))"
            expectSame(try await output(arguments), expected, comment, sourceLocation: sourceLocation)
        }
    }
}

extension Data {
    /// The lines, without their ends.
    var rows: [ArraySlice<UInt8>] {
        withUnsafeBytes { buffer in
            var rows: [ArraySlice<UInt8>] = []
            let bytes = Array(buffer)
            var start = 0
            while let base = buffer.baseAddress, let end = memchr(base + start, 10, bytes.count - start) {
                let place = end - UnsafeMutableRawPointer(mutating: base)
                rows.append(bytes[start..<place])
                start = place + 1
                if start == bytes.count { break }
            }
            return rows
        }
    }
}
