import BSON
import Console
import Foundation
import JSONOutput
import Testing
import TicketViews

@testable import Tickets

@Suite struct TicketJSONTests {
    @Test func aTicketHasItsFieldsInOrder() {
        let ticket = Samples.ticket { ticket in
            ticket.source = TicketSource(source: "zendesk", externalID: "99", appliedSequence: 1)
            ticket.custom = ["region": "EU", "count": 5]
            ticket.events = [
                Samples.comment(3, by: "ann", "mail \"down\"", at: Samples.now - 1_000, internal: true),
                Samples.comment(2, by: "mia", "hello", at: Samples.now - 2_000),
            ]
        }
        let text = TicketJSON.ticket(ticket).text
        #expect(
            text == #"{"id":"1042","subject":"Cannot log in","description":"text over\u000aseveral lines","#
                + #""status":"open","priority":"high","assignee":"mia","group":"accounts","tags":["login","web"],"#
                + #""requester":"jo@example.com","comments":[{"author":"mia","text":"hello","internal":false,"#
                + #""time":"2026-11-21T13:44:58.123Z","sequence":2},{"author":"ann","text":"mail \"down\"","#
                + #""internal":true,"time":"2026-11-21T13:44:59.123Z","sequence":3}],"#
                + #""created_at":"2026-11-21T10:45:00.123Z","updated_at":"2026-11-21T13:40:00.123Z","version":4,"#
                + #""due_at":"2026-11-21T14:45:00.123Z","first_response_at":null,"resolved_at":null,"#
                + #""closed_at":null,"custom":{"count":5,"region":"EU"},"flags":[],"deleted":false,"#
                + #""merged_into":null,"merged_tickets":[],"split_from":null,"split_tickets":[],"#
                + #""source":"zendesk","external_id":"99"}"#
        )
    }

    @Test func missingValuesAreNull() {
        let text = TicketJSON.ticket(Ticket(id: "1")).text
        #expect(text.hasPrefix(#"{"id":"1","subject":null,"description":null,"status":"new","priority":null,"#))
        #expect(text.contains(#""source":null,"external_id":null"#))
    }

    @Test func aMergedThreadIsSortedByTime() throws {
        let merged = Samples.ticket("7") { ticket in
            ticket.description = "opening"
            ticket.createdAt = Samples.now - 3_000
            ticket.events = [Samples.comment(2, by: "jo", "second", at: Samples.now - 1_500)]
        }
        let ticket = Samples.ticket { ticket in
            ticket.events = [
                Samples.comment(2, by: "mia", "first", at: Samples.now - 2_000),
                Samples.comment(3, by: "mia", "third", at: Samples.now - 1_000),
            ]
        }
        let text = TicketJSON.ticket(ticket, merged: [merged]).text
        let comments = try #require(try Self.object(text)["comments"] as? [[String: Any]])
        #expect(comments.map { $0["text"] as? String } == ["opening", "first", "second", "third"])
        #expect(comments.map { $0["ticket"] as? String } == ["7", nil, "7", nil])
    }

    @Test func aRowHasWhoHasItOpen() {
        let ticket = Samples.ticket { $0.dueAt = Samples.now - 1 }
        let presences = [
            Presence(ticket: "1042", agent: "ann", activity: .editing),
            Presence(ticket: "1", agent: "bo", activity: .looking),
        ]
        let text = TicketJSON.row(ticket, now: Samples.now, openedBy: presences).text
        #expect(text.hasPrefix(#"{"id":"1042","subject":"Cannot log in","description":"text over"#))
        #expect(
            text.hasSuffix(
                #""comment_count":0,"overdue":true,"open_by":[{"agent":"ann","activity":"editing"}]}"#
            )
        )
        #expect(!text.contains(#""comments""#))
        #expect(TicketJSON.row(ticket, now: Samples.now - 1).text.hasSuffix(#""overdue":false,"open_by":[]}"#))
    }

    @Test func anEventHasItsChangesAndHashes() {
        let changes = [
            FieldChange(.priority, from: .null, to: "high"), FieldChange(.tags, from: ["a"], to: ["a", "b"]),
        ]
        let event = Samples.event(4, .set, by: "mia", at: Samples.now, changes)
        #expect(
            TicketJSON.event(event, ticket: "1042").text
                == #"{"sequence":4,"time":"2026-11-21T13:45:00.123Z","actor":"mia","operation":"set","#
                + #""changes":{"priority":{"from":null,"to":"high"},"tags":{"from":["a"],"to":["a","b"]}},"#
                + #""hash":"dead000f","previous_hash":"00000000","ticket":"1042","#
                + #""operation_id":"000000010000000000000abc","occurred_at":null,"late":false}"#
        )
    }

    @Test func anErasedAndLateEventSaysSo() {
        let origin = TicketEvent.Origin(sequence: 3, occurredAt: Samples.now - 5_000, digest: nil)
        let changes = [FieldChange(.subject, from: .null, to: .null)]
        let event = Samples.event(4, .late, by: nil, at: Samples.now, changes, erased: true, origin: origin)
        let text = TicketJSON.event(event, ticket: "1042").text
        #expect(
            text.contains(
                #""actor":null,"operation":"late","changes":{"subject":{"from":null,"to":null,"erased":true}}"#
            )
        )
        #expect(text.hasSuffix(#""occurred_at":"2026-11-21T13:44:55.123Z","late":true}"#))
    }

    @Test func aConflictHasBothSides() {
        let conflicts = [Samples.conflict(.priority, yours: "high", theirs: .null)]
        #expect(
            TicketJSON.conflict(conflicts).text
                == #"{"conflict":{"priority":{"yours":"high","theirs":null,"by":"mia","#
                + #""at":"2026-11-21T13:40:00.123Z"}}}"#
        )
    }

    @Test func valuesOfAllTypesAreJSON() {
        let cases: [(BSONValue, String)] = [
            (.double(1.5), "1.5"), (.double(.nan), "null"), (.int32(-3), "-3"), (true, "true"), (.null, "null"),
            (.decimal128(Decimal128(coefficient: -12_345, exponent: -2)), "\"-123.45\""),
            (.decimal128(Decimal128(coefficient: 5, exponent: -3)), "\"0.005\""),
            (.decimal128(Decimal128(coefficient: 5, exponent: 3)), "\"5E3\""), (.binary([0, 255]), "\"00ff\""),
            (.datetime(0), "\"1970-01-01T00:00:00.000Z\""), (["a": [1, "b"]], #"{"a":[1,"b"]}"#),
        ]
        for (value, text) in cases { #expect(TicketJSON.value(value).text == text) }
    }

    @Test func nastyTextsStayValidJSON() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            // Foundation's reader drops byte order marks at the beginning of a string and behind escapes.
            let nasty = generator.nastyText(pieces: 0...20)
            let text = String(String.UnicodeScalarView(nasty.unicodeScalars.filter { $0 != "\u{FEFF}" }))
            let ticket = Samples.ticket { $0.description = text }
            let decoded = try #require(try Self.object(TicketJSON.ticket(ticket).text)["description"] as? String)
            #expect(decoded.utf8.elementsEqual(text.utf8))
        }
    }

    private static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}
