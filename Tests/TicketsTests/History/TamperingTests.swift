import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// Whatever somebody changes in the database, a verification finds, and names the event.
@Suite struct TamperingTests {
    typealias Edit = @Sendable (BSONDocument) -> BSONDocument?

    struct EventEdit: Sendable, CustomTestStringConvertible {
        let name: String
        let sequence: Int64
        let edit: Edit

        var testDescription: String { name }

        init(_ name: String, _ sequence: Int64, _ edit: @escaping Edit) {
            self.name = name
            self.sequence = sequence
            self.edit = edit
        }
    }

    /// Event 1 creates, 2 claims, 3 to 5 comment, 6 opens, 7 sets the priority, 8 the subject.
    static let eventEdits: [EventEdit] = [
        EventEdit("plain value", 7) { $0.editingChange { $0.setting("to", "low") } },
        EventEdit("plain value before", 7) { $0.editingChange { $0.setting("from", "low") } },
        EventEdit("sealed value", 8) { $0.editingChange { $0.setting("to", "nothing burns") } },
        EventEdit("sealed value before", 8) { $0.editingChange { $0.setting("from", "nothing burns") } },
        EventEdit("text of a comment", 3) { $0.editingChange { $0.setting("to", "have you tried petrol?") } },
        EventEdit("normal form of a text", 3) { $0.editingChange { $0.setting("to", "have you tried water\u{37E}") } },
        EventEdit("salt", 3) { $0.editingChange { $0.setting("salt", .binary([UInt8](repeating: 0, count: 16))) } },
        EventEdit("commitment", 3) { event in
            event.editingChange { change in
                let salt = [UInt8](repeating: 0, count: 16)
                let other = EventChain.commitment(field: "comment", salt: salt, from: .null, to: "forged")
                return change.setting("to", "forged").setting("salt", .binary(salt))
                    .setting("commitment", .binary(other))
            }
        },
        EventEdit("seal taken off", 3) { $0.editingChange { $0.removing("salt", "commitment") } },
        EventEdit("text removed", 3) { $0.editingChange { $0.removing("salt", "from", "to") } },
        EventEdit("salt removed", 3) { $0.editingChange { $0.removing("salt") } },
        EventEdit("field", 7) { $0.editingChange { $0.setting("field", "group") } },
        EventEdit("internal comment made public", 4) { $0.editingChange(1) { _ in nil } },
        EventEdit("public comment made internal", 3) { event in
            event.setting(
                "changes",
                .array((event["changes"]?.array ?? []) + [["field": "internal", "from": .null, "to": true]])
            )
        },
        EventEdit("change removed", 1) { $0.editingChange(4) { _ in nil } },
        EventEdit("time", 5) { $0.setting("time", .datetime(SimulatedStore.timeAtStart + 4_001)) },
        EventEdit("actor", 5) { $0.setting("actor", "mallory") },
        EventEdit("actor removed", 5) { $0.removing("actor", "actor_salt") },
        EventEdit("actor hidden", 5) { $0.removing("actor") },
        EventEdit("actor's salt removed", 5) { $0.removing("actor_salt") },
        EventEdit("actor's salt", 5) { $0.setting("actor_salt", .binary([1])) },
        EventEdit("actor's commitment", 5) { event in
            let seal = EventChain.seal(actor: "mallory", salt: [1])
            return event.setting("actor", "mallory").setting("actor_salt", .binary([1]))
                .setting("actor_commitment", .binary(seal.commitment))
        },
        EventEdit("operation", 7) { $0.setting("operation", "edit") },
        EventEdit("made late", 7) { $0.setting("operation", "late") },
        EventEdit("made an erasure", 7) { $0.setting("operation", "erase") },
        EventEdit("operation id", 7) { $0.setting("operation_id", .objectID(ObjectID(high: 6, low: 6))) },
        EventEdit("origin invented", 7) { $0.setting("origin", ["sequence": 5]) },
        EventEdit("hash", 7) { $0.setting("hash", .binary([UInt8](repeating: 1, count: 32))) },
        EventEdit("previous hash", 7) { $0.setting("previous_hash", .binary([UInt8](repeating: 1, count: 32))) },
        EventEdit("number", 7) { $0.setting("sequence", 70) },
        EventEdit("event removed", 7) { _ in nil },
        EventEdit("first event removed", 1) { _ in nil },
        EventEdit("last event removed", 28) { _ in nil },
    ]

    @Test(arguments: eventEdits) func editedEventIsNamed(edit: EventEdit) async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        await expectClean(stand)
        let tampered = try await stand.tampered { _, document in document.editingEvent(edit.sequence, edit.edit) }
        let result = try await tampered.verify()
        #expect(result.findings.contains { $0.ticket == id && $0.sequence == edit.sequence }, "\(result.findings)")
        #expect(!result.isClean)
        #expect(result.findings.allSatisfy { $0.ticket == id })
    }

    /// With hashes made anew, the event itself is in order: then the next one does not follow from it.
    @Test func rehashedEventIsNamed() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        let tampered = try await stand.tampered { _, document in
            document.editingEvent(7) { document in
                let edited = document.editingChange { $0.setting("to", "low") }
                guard let event = try? TicketEvent(edited) else { return nil }
                return edited.setting("hash", .binary(event.computedHash(ticket: id)))
            }
        }
        let findings = try await tampered.verify().findings
        #expect(findings.map(\.sequence).contains(8), "\(findings)")
    }

    struct ListEdit: Sendable, CustomTestStringConvertible {
        let name: String
        let sequence: Int64
        let edit: @Sendable ([BSONDocument]) -> [BSONDocument]

        var testDescription: String { name }
    }

    static let listEdits: [ListEdit] = [
        ListEdit(name: "two swapped", sequence: 10) { events in
            var events = events
            events.swapAt(9, 10)
            return events
        },
        ListEdit(name: "one twice", sequence: 10) { Array($0[...9]) + [$0[9]] + Array($0[10...]) },
        ListEdit(name: "one moved to the end", sequence: 10) { Array($0[..<9]) + Array($0[10...]) + [$0[9]] },
        ListEdit(name: "several removed", sequence: 10) { Array($0[..<9]) + Array($0[14...]) },
        ListEdit(name: "renumbered behind a removed one", sequence: 10) { events in
            events[..<9]
                + events[10...].map { $0.setting("sequence", .int64($0.sequenceNumber - 1)) }
        },
        ListEdit(name: "of another ticket", sequence: 1) { _ in
            TicketHistory("77", [(.subject, "other")]).events.map(\.document)
        },
    ]

    @Test(arguments: listEdits) func editedListIsNamed(edit: ListEdit) async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        let tampered = try await stand.tampered { _, document in
            document["events"] == nil ? document : document.replacingEvents(edit.edit(document.storedEvents))
        }
        let findings = try await tampered.verify().findings
        #expect(findings.contains { $0.sequence == edit.sequence }, "\(findings)")
    }

    /// Whoever takes the last events away and makes the ticket's version and hash fit still has its fields wrong.
    @Test(arguments: 1...6) func truncatedHistoryIsFound(count: Int) async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        let tampered = try await stand.tampered { _, document in
            guard document["events"] != nil else { return document }
            let events = document.storedEvents.dropLast(count)
            return document.replacingEvents(Array(events)).setting("version", .int64(Int64(events.count)))
                .setting("head_hash", events.last?["hash"] ?? .null)
        }
        let result = try await tampered.verify()
        #expect(!result.isClean)
        #expect(result.findings.contains { $0.problem.contains("number of comments") })
    }

    static let fieldEdits: [(String, BSONValue)] = [
        ("subject", "nothing burns"), ("description", .null), ("status", "open"), ("priority", "low"),
        ("assignee", "mallory"), ("group", "net"), ("tags", ["fire"]), ("requester", "mallory@example.com"),
        ("custom", [:]), ("custom", ["floor": "4"]), ("custom", ["floor": "3", "more": "x"]),
        ("created_at", .datetime(1)), ("updated_at", .datetime(1)), ("first_response_at", .null),
        ("resolved_at", .datetime(1)), ("closed_at", .null), ("comment_count", 3), ("flags", ["odd"]),
        ("deleted", true), ("merged_into", "5"), ("merged_tickets", ["5"]), ("split_from", "5"),
        ("split_tickets", ["5"]), ("version", 30), ("head_hash", .binary([UInt8](repeating: 1, count: 32))),
    ]

    @Test(arguments: fieldEdits) func editedFieldIsFound(field: String, value: BSONValue) async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        let tampered = try await stand.tampered { collection, document in
            collection == SupportRequestsCollection.name ? document.setting(field, value) : document
        }
        #expect(try await !tampered.verify().isClean)
    }

    @Test func unreadableTicketIsAFindingAndOthersAreStillVerified() async throws {
        let stand = DeskStand()
        let first = try await RichHistory.make(stand)
        try await RichHistory.make(stand, requester: "kim@example.com")
        let tampered = try await stand.tampered { collection, document in
            document["_id"] == .string(first) ? document.setting("status", "burning") : document
        }
        let result = try await tampered.verify()
        #expect(result.findings.map(\.ticket) == [first])
        #expect(result.tickets == 2)
        #expect(result.events == 28)
    }
}
