import MarketData
import Testing

@testable import Feeds

/// Real recordings against counts that independent scripts took; see ../shared/data/README.md.
@Suite("Ticket recordings", .enabled(if: TicketRecordings.arePresent, TicketRecordings.absence))
struct TicketRecordingTests {
    @Test("ServiceNow: every row is a snapshot of an incident")
    func serviceNow() throws {
        let (bytes, format) = try TicketRecordings.open("servicenow-incident-events.csv")
        let decoded = try decodeTickets(bytes, as: format)
        #expect(format.name == "servicenow-csv" && format.numbering == .restarting)
        #expect(decoded.rejected.isEmpty && decoded.truncated == nil)
        #expect(decoded.frames.count == 5_998)
        #expect(decoded.lines == 5_999)
        #expect(Set(decoded.frames.map(\.externalID)).count == 890)
        #expect(decoded.frames.allSatisfy { $0.kind == .snapshot && $0.occurredAt != nil && $0.createdAt != nil })
        let words = Dictionary(grouping: decoded.frames) { $0.text("status") ?? "" }.mapValues(\.count)
        #expect(words == ["new": 1_638, "open": 1_544, "resolved": 929, "pending": 912, "closed": 897, "on_hold": 78])
        // `?` is no value in any field.
        #expect(!decoded.frames.contains { $0.fields.contains { $0.value == .text("?") } })
        #expect(decoded.frames.count { $0["custom.cmdb_ci"] != nil } == 64)
        #expect(Self.steps(decoded.frames) == [.gap: 711, .repeated: 1])
    }

    private enum Step: Hashable {
        case gap
        case repeated
    }

    private static func steps(_ frames: [TicketFrame]) -> [Step: Int] {
        var last: [String: Int64] = [:]
        var steps: [Step: Int] = [:]
        for frame in frames {
            let step = last[frame.externalID].map { frame.sequence - $0 } ?? 1
            if step == 0 { steps[.repeated, default: 0] += 1 } else if step != 1 { steps[.gap, default: 0] += 1 }
            last[frame.externalID] = frame.sequence
        }
        return steps
    }

    @Test("Tickets of a table keep their texts of many lines")
    func table() throws {
        let (bytes, format) = try TicketRecordings.open("customer-support-tickets.csv")
        let decoded = try decodeTickets(bytes, as: format)
        #expect(format.name == "tickets-csv" && format.numbering == .contiguous)
        #expect(decoded.rejected.isEmpty && decoded.truncated == nil)
        #expect(decoded.frames.count == 8_469)
        #expect(decoded.frames.count { $0.text("description")?.contains("\n") == true } == 6_150)
        #expect(decoded.flagged == [TicketFlag.resolvedBeforeFirstResponse: 1_365])
        #expect(decoded.frames.count { $0.text("status") == "closed" } == 2_769)
        #expect(decoded.frames.count { $0.comment != nil } == 2_769)
        #expect(decoded.frames.count { $0.text("priority") == "urgent" } == 2_129)
        #expect(decoded.frames.map(\.externalID) == (1...8_469).map { "\($0)" })
    }

    @Test("Zendesk: deleted tickets are marked")
    func zendesk() throws {
        let (bytes, format) = try TicketRecordings.open("zendesk-tickets.json")
        let decoded = try decodeTickets(bytes, as: format)
        #expect(format.name == "zendesk-json" && format.numbering == .increasing)
        #expect(decoded.rejected.isEmpty && decoded.truncated == nil)
        #expect(decoded.frames.count == 1_516 && decoded.lines == 1_516)
        #expect(decoded.flagged == [TicketFlag.deleted: 517])
        #expect(decoded.frames.count(where: \.isDeleted) == 517)
        #expect(decoded.frames.count { $0.text("status") == "new" } == 990)
        #expect(decoded.frames.count { $0["priority"] != TicketFrame.Value.none } == 7)
        let sample = try #require(decoded.frames.first { $0.externalID == "1" })
        #expect(sample.text("description")?.hasPrefix("Hi there,\n\nI\u{2019}m sending") == true)
        #expect(sample["tags"] == .list(["sample", "support", "zendesk"]))
    }

    @Test(
        "Slabs of any size give the same frames",
        arguments: ["servicenow-incident-events.csv", "customer-support-tickets.csv", "zendesk-tickets.json"]
    )
    func slabs(name: String) throws {
        let (bytes, format) = try TicketRecordings.open(name)
        // Enough records for every size, few enough for tiny slabs.
        let part = Array(bytes.prefix(300_000))
        let whole = try decodeTickets(part, as: format)
        #expect(whole.frames.count > 100 && whole.truncated != nil)
        for slabBytes in [1, 7, 64, 333, 1_000, 4_097, 70_000] {
            try decodeTickets(part, as: format, slabBytes: slabBytes).expectSame(whole, "slabs of \(slabBytes)")
        }
        try decodeTickets(part, as: format, recordsPerSlab: 1).expectSame(whole, "one record a slab")
    }
}
