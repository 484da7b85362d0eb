import MarketData
import Testing

@testable import Feeds

@Suite("Zendesk tickets")
struct ZendeskTests {
    private func decode(_ text: String) throws -> DecodedTickets {
        try decodeTickets(text, as: ZendeskFormat())
    }

    @Test func ticketsHaveTheirMembers() throws {
        let decoded = try decode(TicketSamples.zendesk)
        #expect(decoded.rejected.isEmpty && decoded.truncated == nil)
        try #require(decoded.frames.map(\.externalID) == ["1", "2", "3"])
        #expect(decoded.frames.map(\.position.line) == [0, 1, 2])
        let first = try #require(decoded.frames.first)
        #expect(first.kind == .snapshot && first.sequence == 1_695_052_662_000 && first.occurredAt == first.sequence)
        #expect(first.createdAt == 1_694_305_010_000)
        #expect(
            first.fields == [
                .init("subject", .text("Braces } ] \" [ {")), .init("description", .text("a\nb\u{2019}\\")),
                .init("status", .text("on_hold")), .init("priority", .text("high")), .init("assignee", .none),
                .init("group", .text("7")), .init("requester", .text("6130907993114")),
                .init("tags", .list(["sample", "x"])), .init("custom.channel", .text("web")),
                .init("custom.type", .text("incident")), .init("custom.follower_ids", .list(["4", "5"])),
                .init("custom.field_31", .text("blue")), .init("custom.has_incidents", .text("false")),
            ]
        )
        #expect(decoded.frames[1].isDeleted && decoded.frames[1].flags == [TicketFlag.deleted])
        #expect(decoded.frames[1].text("status") == "closed")
        #expect(decoded.frames[2].text("subject") == "3" && decoded.frames[2].text("status") == "resolved")
    }

    private static let ticket =
        #"{"url":"u","id":9,"updated_at":"2023-09-18T15:57:42Z","subject":"s","status":"new","requester_id":1}"#

    @Test(
        "Arrays, lines and pages hold the same tickets",
        arguments: [
            "[#,#]", "#\n#\n", "#\r\n#", "\u{FEFF}[\n#\n,\n#\n]\n", #"{"tickets":[#,#]}"#,
            #"{ "tickets" : [ # , # ], "count": 2, "next_page": null }"#,
            #"{"count":2,"next_page":"https://x/{1}","meta":{"has_more":false,"a":[{}]},"tickets":[#,#],"end_time":1}"#,
            "{\"tickets\":[#],\"count\":1}\n{\"tickets\":[#],\"count\":1}\n",
        ]
    )
    func shapes(shape: String) throws {
        let text = shape.replacing("#", with: Self.ticket)
        let decoded = try decode(text)
        #expect(decoded.frames.map(\.externalID) == ["9", "9"])
        #expect(Set(decoded.frames.map(\.digest)).count == 1)
        #expect(decoded.rejected.isEmpty && decoded.truncated == nil && decoded.lines == 2)
        for slabBytes in [1, 5, 50] {
            try decodeTickets(Array(text.utf8), as: ZendeskFormat(), slabBytes: slabBytes)
                .expectSame(decoded, "slabs of \(slabBytes)")
        }
    }

    @Test(arguments: [
        ("\"id\":9,", "", RejectRule.missingField), ("\"id\":9", "\"id\":[]", .invalidTicketID),
        ("\"id\":9", "\"id\":\"\"", .invalidTicketID),
        ("\"2023-09-18T15:57:42Z\"", "null", .missingField), ("15:57", "25:57", .invalidTime),
        ("\"new\"", "\"paused\"", .unknownStatus), ("\"new\"", "null", .missingField),
        ("\"url\":\"u\"", "\"priority\":\"P1\"", .unknownPriority), ("\"s\"", "\"\\ud800\"", .malformed),
        ("\"s\"", "5", .malformed), ("\"url\":\"u\"", "\"tags\":\"a\"", .malformed), ("\"url\":", "", .malformed),
        // Damage of brackets stays within its ticket.
        ("{", "", .malformed), ("}", "", .malformed), ("}", "]", .malformed), ("\"s\"", "\"s", .malformed),
    ])
    func badTickets(part: String, other: String, rule: RejectRule) throws {
        let bad = Self.ticket.replacing(part, with: other)
        let text = "[\n\(Self.ticket),\n\(bad),\n\(Self.ticket)\n]\n"
        let decoded = try decode(text)
        #expect(decoded.rules == [rule])
        #expect(decoded.frames.count == 2)
        for slabBytes in [1, 50, 170] {
            try decodeTickets(Array(text.utf8), as: ZendeskFormat(), slabBytes: slabBytes)
                .expectSame(decoded, "slabs of \(slabBytes)")
        }
    }

    @Test("What stands between tickets and is nothing known is rejected, not passed over")
    func junk() throws {
        let decoded = try decode("[\(Self.ticket), junk \(Self.ticket)\n\"subject\": \"lost\",\n\(Self.ticket)]")
        #expect(decoded.frames.count == 3)
        #expect(decoded.rules == [.malformed, .malformed])
        #expect(
            decoded.rejected.map { String(decoding: $0.raw, as: UTF8.self) } == ["junk ", "\"subject\": \"lost\","]
        )
    }

    @Test("A ticket without its last bracket does not cost the next one, lines or no lines")
    func lostBracket() throws {
        let decoded = try decode("[\(Self.ticket),\(Self.ticket.dropLast()),\(Self.ticket),\(Self.ticket)]")
        #expect(decoded.frames.count == 3)
        #expect(decoded.rules == [.malformed])
    }

    @Test("Behind a ticket that is too long to hold the next one is found")
    func oversized() throws {
        let long = Self.ticket.replacing("\"s\"", with: "\"" + String(repeating: "x", count: 33_600_000) + "\"")
        let decoded = try decode("[\(Self.ticket),\(long),\(Self.ticket),\(Self.ticket)]")
        #expect(decoded.rules == [.recordTooLarge])
        #expect(decoded.frames.count == 3)
        #expect(decoded.rejected.first?.kindName == "ticket")
    }
}
