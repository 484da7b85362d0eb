import MarketData
import Testing

@testable import Feeds

/// Tables of tickets: ServiceNow's and any other.
@Suite("Ticket tables")
struct TicketTableTests {
    private func serviceNow(_ text: String) throws -> DecodedTickets {
        try decodeTickets(text, as: try ServiceNowFormat(head: Array(text.utf8), path: "file"))
    }

    private func table(_ text: String, map: String? = nil) throws -> DecodedTickets {
        let mapping = try map.map { try TicketMapping(parsing: $0) }
        return try decodeTickets(text, as: try TicketsCSVFormat(head: Array(text.utf8), mapping: mapping))
    }

    @Test func incidentsHaveTheirColumns() throws {
        let decoded = try serviceNow(TicketSamples.serviceNow)
        #expect(decoded.rejected.isEmpty && decoded.lines == 4)
        try #require(decoded.frames.count == 3)
        let first = try #require(decoded.frames.first)
        #expect(first.kind == .snapshot && first.externalID == "INC1" && first.sequence == 0)
        #expect(first.actor == "Updated by 2")
        #expect(first.createdAt == 1_456_708_560_000 && first.occurredAt == 1_456_708_980_000)
        #expect(
            first.fields == [
                .init("subject", .text("C 5 / S 7: Y 2")), .init("status", .text("new")),
                .init("priority", .text("normal")), .init("group", .text("Group 5")), .init("assignee", .none),
                .init("requester", .text("Caller 1")), .init("custom.contact_type", .text("Phone")),
            ]
        )
        #expect(decoded.frames.map { $0.text("subject") } == ["C 5 / S 7: Y 2", "INC1", "C 5"])
        #expect(decoded.frames.map { $0.text("status") } == ["new", "on_hold", "closed"])
        #expect(decoded.frames[1].actor == nil && decoded.frames[1]["custom.contact_type"] == nil)
        #expect(decoded.frames.map(\.position.line) == [1, 2, 3])
    }

    @Test(arguments: [
        ("New", "?", nil), ("Paused", "?", RejectRule.unknownStatus), ("?", "?", .unknownStatus),
        ("New", "9 - None", .unknownPriority),
    ])
    func unknownWords(state: String, priority: String, rule: RejectRule?) throws {
        let header = "number,incident_state,sys_mod_count,caller_id,sys_updated_at,priority\n"
        let decoded = try serviceNow(header + "INC1,\(state),1,c,29-02-2016 01:23,\(priority)\n")
        #expect(decoded.rules == (rule.map { [$0] } ?? []))
    }

    @Test(arguments: [
        ("INC1,New,x,c,29-02-2016 01:23,?", RejectRule.invalidSequence),
        ("INC1,New,-1,c,29-02-2016 01:23,?", .invalidSequence),
        ("INC1,New,?,c,29-02-2016 01:23,?", .missingField),
        ("?,New,1,c,29-02-2016 01:23,?", .invalidTicketID),
        ("INC1,New,1,c,30-02-2016 01:23,?", .invalidTime),
        ("INC1,New,1,c,soon,?", .invalidTime),
        ("INC1,New,1,c,29-02-2016 01:23", .malformed),
        ("INC1,New,1,c,29-02-2016 01:23,?,?", .malformed),
        ("INC1,\"New\"x,1,c,29-02-2016 01:23,?", .malformed),
    ])
    func badIncidents(row: String, rule: RejectRule) throws {
        let header = "number,incident_state,sys_mod_count,caller_id,sys_updated_at,priority\n"
        let decoded = try serviceNow(header + row + "\nINC2,New,1,c,2016-02-29 01:23:00,?\n")
        #expect(decoded.rules == [rule])
        #expect(decoded.frames.map(\.occurredAt) == [1_456_708_980_000])
    }

    @Test func missingColumnsAreNamed() {
        do throws(InputError) {
            _ = try ServiceNowFormat(head: Array("number,priority,x\n".utf8), path: "file")
            Issue.record("taken")
        } catch {
            #expect(error.code == .unsupported)
            #expect(error.message.contains("sys_mod_count, incident_state, sys_updated_at, caller_id"))
        }
    }

    @Test func rowsOfATableHaveTheirColumns() throws {
        let decoded = try table(TicketSamples.table)
        #expect(decoded.rejected.isEmpty)
        try #require(decoded.frames.map(\.sequence) == [1, 1, 1])
        #expect(decoded.frames.map(\.position.line) == [1, 2, 3])
        let first = try #require(decoded.frames.first)
        #expect(first.firstResponseAt == 1_685_621_736_000 && first.resolvedAt == nil && first.comment == nil)
        #expect(
            first.fields == [
                .init("subject", .text("Setup")), .init("description", .text("It says \"no\".\n\nTwice, even.")),
                .init("requester", .text("a@example.com")), .init("status", .text("pending")),
                .init("priority", .text("urgent")), .init("custom.product_purchased", .text("GoPro")),
            ]
        )
        #expect(decoded.frames[1].flags == [TicketFlag.resolvedBeforeFirstResponse])
        #expect(decoded.frames[1].comment == .init(text: "Replaced.", isInternal: false))
        #expect(decoded.frames[1].text("subject") == "Dead, very")
        #expect(decoded.frames[2].text("custom.product_purchased") == "LG \"TV\"")
    }

    @Test func aDeclaredMappingDecides() throws {
        let text = """
            Key;When;Title;Labels;E-Mail (home);Title
            7;2024-01-01T00:00:00Z;a;x, y|z;me;again

            """
        let map = "id=Key,updated=When,subject=Title,tags=Labels"
        let format = try TicketsCSVFormat(head: Array(text.utf8), mapping: try TicketMapping(parsing: map))
        #expect(format.numbering == .increasing && format.details == "id=Key,subject=Title,tags=Labels,updated=When")
        let decoded = try decodeTickets(text, as: format)
        let frame = try #require(decoded.frames.first)
        #expect(frame.sequence == 1_704_067_200_000 && frame.occurredAt == frame.sequence)
        #expect(frame["tags"] == .list(["x", "y", "z"]))
        #expect(frame.text("custom.e-mail_home") == "me" && frame.text("custom.title_2") == "again")
    }

    @Test(arguments: [
        ("id", "MEANING=COLUMN"), ("id=A,colour=B", "'colour'"), ("id=A,id=B", "twice"), ("id=A", "subject=COLUMN"),
        ("subject=A", "id=COLUMN"), ("id=A,subject=C", "'C'"),
    ])
    func badMappings(map: String, part: String) {
        #expect {
            try table("A,B\n1,2\n", map: map)
        } throws: {
            "\($0)".contains(part)
        }
    }

    @Test(arguments: [
        ("1,s,solved,medium,,4", nil), ("1,s,ON HOLD,Urgent,,4", nil), ("1,s,,,,0", nil),
        ("1,s,Waiting,,,4", RejectRule.unknownStatus), ("1,s,,Extreme,,4", .unknownPriority),
        ("1,s,,,noon,4", .invalidTime), ("1,,,,,4", .missingField), (",s,,,,4", .invalidTicketID),
        ("1,s,,,,x", .invalidSequence), ("1,s,,,,", .invalidSequence), ("1,s,,", .malformed),
    ])
    func wordsAndFaults(row: String, rule: RejectRule?) throws {
        let map = "id=id,subject=s,status=st,priority=p,resolved=r,sequence=n"
        let decoded = try table("id,s,st,p,r,n\n\(row)\n2,\"two\",New,low,,5\n", map: map)
        #expect(decoded.rules == (rule.map { [$0] } ?? []))
        #expect(decoded.frames.last?.externalID == "2")
    }

    @Test("CR LF line ends, a byte-order mark and a header that comes again change nothing")
    func lineEnds() throws {
        for sample in try TicketSamples.all() where sample.format.name.hasSuffix("csv") {
            let plain = try decodeTickets(sample.text, as: sample.format)
            let other = "\u{FEFF}" + sample.text.replacing("\n", with: "\r\n")
            let repeated = Array((other + sample.text).utf8)
            let format: any TicketFormat =
                sample.format.name == "tickets-csv"
                ? try TicketsCSVFormat(head: repeated) : try ServiceNowFormat(head: repeated, path: "f")
            let decoded = try decodeTickets(repeated, as: format)
            #expect(decoded.rejected.isEmpty)
            // Line ends within texts are part of the text.
            let normal = decoded.frames.map { frame in
                frame.fields.map { TicketFrame.Field($0.name, $0.value.withPlainLineEnds) }
            }
            #expect(normal == plain.frames.map(\.fields) + plain.frames.map(\.fields))
            #expect(decoded.frames.prefix(3).map(\.position) == plain.frames.map(\.position))
        }
    }

    @Test("Bytes that are not UTF-8 cost their row")
    func invalidUTF8() throws {
        var bytes = Array(TicketSamples.table.utf8)
        bytes[bytes.count - 8] = 0xC3
        let format = try TicketsCSVFormat(head: bytes)
        let decoded = try decodeTickets(bytes, as: format)
        #expect(decoded.rules == [.invalidUTF8] && decoded.frames.count == 2)
    }
}

extension TicketFrame.Value {
    fileprivate var withPlainLineEnds: TicketFrame.Value {
        if case .text(let text) = self { .text(text.replacing("\r\n", with: "\n")) } else { self }
    }
}
