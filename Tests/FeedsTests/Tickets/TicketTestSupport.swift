import Foundation
import MarketData
import Testing

@testable import Feeds

/// What a whole ticket feed decoded to, with lines counted from its start.
struct DecodedTickets {
    var frames: [TicketFrame] = []
    var rejected: [RejectedRecord] = []
    var flagged: [String: Int] = [:]
    var records = 0
    var lines: Int64 = 0
    var bytes: Int64 = 0
    var truncated: [UInt8]?

    var rules: [RejectRule] { rejected.map(\.rule) }

    mutating func add(_ batch: TicketBatch) {
        for var frame in batch.frames {
            frame.position.rawValue += lines << TapePosition.eventBits
            frames.append(frame)
        }
        for var record in batch.rejected {
            record.position.rawValue += lines << TapePosition.eventBits
            rejected.append(record)
        }
        flagged.merge(batch.flagged, uniquingKeysWith: +)
        records += batch.records
        lines += batch.lines
        #expect(batch.offsets.lowerBound == bytes)
        bytes = batch.offsets.upperBound
        truncated = batch.truncatedRecord ?? truncated
    }

    /// Compares everything that must not depend on how a feed is cut into slabs.
    func expectSame(_ other: DecodedTickets, _ hint: Comment) {
        #expect(frames == other.frames, hint)
        #expect(rejected.map(\.position) == other.rejected.map(\.position), hint)
        #expect(rules == other.rules, hint)
        #expect(rejected.map(\.raw) == other.rejected.map(\.raw), hint)
        #expect(flagged == other.flagged && records == other.records && lines == other.lines, hint)
        #expect(bytes == other.bytes && truncated == other.truncated, hint)
    }
}

/// Decodes a whole ticket feed, slab by slab, each with a decoder that has seen no other.
func decodeTickets(
    _ bytes: [UInt8],
    as format: any TicketFormat,
    slabBytes: Int = SlabReader.slabBytes,
    recordsPerSlab: Int? = nil
) throws -> DecodedTickets {
    let reader = SlabReader(
        MemorySource(bytes),
        format: format,
        recordsPerSlab: recordsPerSlab,
        slabBytes: slabBytes
    )
    var decoded = DecodedTickets()
    while let slab = try reader.next() { decoded.add(format.makeTicketDecoder().decode(slab)) }
    #expect(decoded.records == decoded.frames.count + decoded.rejected.count)
    return decoded
}

func decodeTickets(_ text: String, as format: any TicketFormat) throws -> DecodedTickets {
    try decodeTickets(Array(text.utf8), as: format)
}

extension TicketFrame {
    /// The text of a field; nil where it has none.
    func text(_ name: String) -> String? {
        if case .text(let text) = self[name] { text } else { nil }
    }
}

/// Makes the same numbers in every run.
struct TicketGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Short feeds of every format, whose records are all sound.
enum TicketSamples {
    static let events = """
        {"ticket": "A-1", "sequence": 1, "type": "create", "time": "2024-05-01T09:00:00Z", "actor": "mia", "fields": \
        {"subject": "No sound", "requester": "kim@example.com", "tags": ["audio", "b{2}"], "custom.region": "EU"}}
        {"ticket":"A-1","sequence":2,"type":"comment",\
        "text":"Which \\"cable\\"?\\n\\u00e9\\ud83d\\ude00","internal":true}

        {"ticket": "A-1", "sequence": 3, "type": "change", "fields": {"status": "on_hold", "priority": null}, \
        "expected_version": 2}

        """

    static let serviceNow = """
        number,incident_state,sys_mod_count,caller_id,opened_at,sys_updated_by,sys_updated_at,category,subcategory,\
        u_symptom,priority,assignment_group,assigned_to,contact_type
        INC1,New,0,Caller 1,29-02-2016 01:16,Updated by 2,29-02-2016 01:23,C 5,S 7,Y 2,3 - Moderate,Group 5,?,Phone
        INC1,Awaiting Vendor,2,Caller 1,29-02-2016 01:16,?,29-02-2016 08:53,?,?,?,1 - Critical,?,Ann,?
        INC2,Closed,0,Caller 9,01-03-2016 00:00,Updated by 2,01-03-2016 00:01,C 5,?,?,4 - Low,Group 5,?,Email

        """

    static let table = """
        Ticket ID,Customer Email,Ticket Subject,Ticket Description,Ticket Status,Resolution,Ticket Priority,\
        First Response Time,Time to Resolution,Product Purchased
        1,a@example.com,Setup,"It says ""no"".

        Twice, even.",Pending Customer Response,,Critical,2023-06-01 12:15:36,,GoPro
        2,b@example.com,"Dead, very",Nothing,Closed,Replaced.,Medium,2023-06-01 12:15:36,2023-06-01 11:00:00,
        3,c@example.com,Last,"x",open,,Low,,,"LG ""TV\"""

        """

    static let zendesk = """
        [
        {
        "url": "https://x.example/1.json", "id": 1, "external_id": null,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": null}},
        "created_at": "2023-09-10T00:16:50Z", "updated_at": "2023-09-18T15:57:42Z",
        "type": "incident", "subject": "Braces } ] \\" [ {", "raw_subject": "r", "description": "a\\nb\\u2019\\\\",
        "priority": "high", "status": "hold", "requester_id": 6130907993114, "assignee_id": null,
        "group_id": 7, "collaborator_ids": [], "follower_ids": [4, 5], "tags": ["sample", "x"],
        "custom_fields": [{"id": 31, "value": "blue"}, {"id": 32, "value": null}], "has_incidents": false
        },
        {"url": "https://x.example/2.json", "id": 2, "updated_at": "2023-09-18T15:57:43Z", "subject": "s",
        "description": null, "priority": null, "status": "deleted", "requester_id": null, "tags": []},
        {"url": "https://x.example/3.json", "id": 3, "updated_at": "2023-09-18T15:57:44Z", "subject": null,
        "description": "d", "priority": null, "status": "solved", "requester_id": 5}
        ]

        """

    struct Sample: Sendable, CustomTestStringConvertible {
        let format: any TicketFormat
        let text: String

        var testDescription: String { format.name }
    }

    static func all() throws -> [Sample] {
        [
            Sample(format: TicketEventsFormat(), text: events),
            Sample(format: try ServiceNowFormat(head: Array(serviceNow.utf8), path: "s"), text: serviceNow),
            Sample(format: try TicketsCSVFormat(head: Array(table.utf8)), text: table),
            Sample(format: ZendeskFormat(), text: zendesk),
        ]
    }
}

/// The recordings of tickets beside the package.
enum TicketRecordings {
    static let folder = URL(filePath: Recordings.folder).deletingLastPathComponent().appending(path: "tickets").path
    static let arePresent = FileManager.default.fileExists(atPath: folder)
    static let absence: Comment = "the recordings in ../shared/data/tickets are not there"

    static func open(_ name: String) throws -> (bytes: [UInt8], format: any TicketFormat) {
        let input = try TapeInput.open(path: folder + "/" + name)
        let format = try TicketFormats.format(named: try FormatDetection.detect(input).format, for: input)
        let (bytes, error) = drain(input.source)
        #expect(error == nil)
        return (bytes, format)
    }
}
