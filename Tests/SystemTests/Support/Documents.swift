import Foundation
import Testing

/// What `replay --json` prints.
struct ReplayDocument: Decodable, Equatable {
    struct Gap: Decodable, Equatable {
        let stream: String
        let after: Int
        let before: Int
        let missing: Int
    }

    static let keys = [
        "source", "format", "records", "events", "ignored", "stored", "already_stored", "flagged", "rejected", "gaps",
        "bytes", "seconds", "events_per_second", "complete",
    ]

    let source: String
    let format: String
    let records: Int
    let events: [String: Int]
    let ignored: [String: Int]
    let stored: Int
    let alreadyStored: Int
    let flagged: [String: Int]
    let rejected: [String: Int]
    let gaps: [Gap]
    let bytes: Int
    let seconds: Double
    let eventsPerSecond: Double
    let complete: Bool

    private enum CodingKeys: String, CodingKey {
        case source, format, records, events, ignored, stored
        case alreadyStored = "already_stored"
        case flagged, rejected, gaps, bytes, seconds
        case eventsPerSecond = "events_per_second"
        case complete
    }

    var eventTotal: Int { events.values.reduce(0, +) }
    var rejectedTotal: Int { rejected.values.reduce(0, +) }
    /// Events among what was rejected: a record that is none at all counts as no event.
    var rejectedEventTotal: Int { eventTotal - stored - alreadyStored }
    var missing: Int { gaps.reduce(0) { $0 + $1.missing } }

    /// Reads the one line that `replay --json` writes, which has to be as documented to the letter.
    init(_ ending: Ending) throws {
        let text = ending.text
        guard text.hasSuffix("\n"), ending.lines.count == 1 else {
            throw HarnessError(description: "not one line on stdout: '\(text)', stderr: '\(ending.error)'")
        }
        self = try JSONDecoder().decode(Self.self, from: ending.output)
        let object = try JSONSerialization.jsonObject(with: ending.output) as? [String: Any] ?? [:]
        #expect(Set(object.keys) == Set(Self.keys))
        let places = Self.keys.compactMap { text.range(of: "\"\($0)\":")?.lowerBound }
        #expect(places == places.sorted(), "the keys come in the documented order")
        #expect(Set(events.keys) == ["trade", "quote", "candle"])
    }
}

/// What `status --json` prints.
struct StatusDocument: Decodable {
    struct Server: Decodable {
        let version: String
        let topology: String
    }

    struct Source: Decodable {
        let source: String
        let format: String
        let venue: String
        let complete: Bool
        let line: Int
        let offset: Int
        let records: Int
        let events: [String: Int]
        let rejected: [String: Int]
        let lastEventTime: Int?
        let lagBytes: Int?

        private enum CodingKeys: String, CodingKey {
            case source, format, venue, complete, line, offset, records, events, rejected
            case lastEventTime = "last_event_time"
            case lagBytes = "lag_bytes"
        }
    }

    struct Collection: Decodable {
        let documents: Int
        let dataBytes: Int

        private enum CodingKeys: String, CodingKey {
            case documents
            case dataBytes = "data_bytes"
        }
    }

    struct Gaps: Decodable {
        struct Gap: Decodable {
            let source: String
            let missing: Int
        }

        let open: Int
        let list: [Gap]
    }

    let database: String
    let server: Server
    let durability: String
    let sources: [Source]
    let collections: [String: Collection]
    let gaps: Gaps
}

/// What `verify --json` prints.
struct VerifyDocument: Decodable {
    struct Finding: Decodable {
        let bucket: String
        let problem: String
    }

    let clean: Bool
    let buckets: Int
    let blocks: Int
    let events: Int
    let problems: Int
    let findings: [Finding]
}
