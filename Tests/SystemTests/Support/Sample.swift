import Foundation
import Testing

/// A generated feed, and how many of everything is in it.
struct Sample: Sendable {
    struct Manifest: Decodable, Sendable {
        struct Instrument: Decodable, Sendable {
            let symbol: String
            let events: Int
            let lastPrice: String

            private enum CodingKeys: String, CodingKey {
                case symbol, events
                case lastPrice = "last_price"
            }
        }

        let records: Int
        let events: Int
        let duplicates: Int
        let gaps: Int
        let missing: Int
        let late: Int
        let rejected: [String: Int]
        let instruments: [Instrument]

        var rejectedTotal: Int { rejected.values.reduce(0, +) }
    }

    /// How its fields are named.
    static let map =
        "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"

    let path: String
    let manifest: Manifest

    /// What `replay` needs besides the file.
    static let mapped = ["--format", "ndjson", "--venue", "DEMO", "--map", map]

    /// Generates a feed with faults.
    static func make(events: Int, seed: Int, in folder: String, name: String = "feed.ndjson") async throws -> Sample {
        let program = try #require(Product.sampleGenerator)
        let path = folder + "/" + name
        let words = [program, "--events", "\(events)", "--seed", "\(seed)", "--faults", "--out", path]
        let ending = try await ChildProcess(words, folder: folder).wait()
        guard ending.code == 0 else { throw HarnessError(description: "no sample: \(ending.error)") }
        let description = try Data(contentsOf: URL(fileURLWithPath: path + ".json"))
        return Sample(path: path, manifest: try JSONDecoder().decode(Manifest.self, from: description))
    }

    /// The instruments whose exports stand for all of them: the busiest, a middling one, and the quietest.
    var telling: [String] {
        let symbols = manifest.instruments.map(\.symbol)
        return [0, symbols.count / 2, symbols.count - 1].map { "DEMO:" + symbols[$0] }
    }
}

extension Desk {
    /// Checks everything that the manifest of a sample tells about a database that holds the whole of it.
    func expectHolds(_ sample: Sample, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let manifest = sample.manifest
        let verified = try await verifyClean(sourceLocation: sourceLocation)
        #expect(verified.events == manifest.events, "every event once", sourceLocation: sourceLocation)
        let status = try await status()
        #expect(status.sources.count == 1, sourceLocation: sourceLocation)
        let source = try #require(status.sources.first)
        #expect(source.complete, sourceLocation: sourceLocation)
        #expect(source.records == manifest.records, sourceLocation: sourceLocation)
        #expect(source.rejected == manifest.rejected, sourceLocation: sourceLocation)
        #expect(status.collections["rejects"]?.documents == manifest.rejectedTotal, sourceLocation: sourceLocation)
        #expect(status.collections["gaps"]?.documents == manifest.gaps, sourceLocation: sourceLocation)
        #expect(status.gaps.open == manifest.gaps, sourceLocation: sourceLocation)
    }

    /// The exports of the instruments that stand for all.
    func exports(of sample: Sample) async throws -> [Data] {
        var result: [Data] = []
        for symbol in sample.telling { result.append(try await export(symbol, "trade")) }
        return result
    }
}

/// Random numbers from a seed, which a failing test prints.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Asks until the answer is yes.
///
/// - Throws: `HarnessError` where that takes too long.
func poll(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw HarnessError(description: "still not so: \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
