import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct TicketDocumentTests {
    private typealias Field = SupportRequestsCollection.Field

    private func document(_ ticket: Ticket) -> BSONDocument {
        let own: [(String, BSONValue)] = [
            (DocumentField.id, .string(ticket.id)), (DocumentField.version, .int64(ticket.version)),
        ]
        let events = (Field.events, BSONValue.array(ticket.events.map { .document($0.document) }))
        return BSONDocument(own + ticket.fields.map { ($0.field, $0.value) } + [events])
    }

    @Test func ticketComesBackFromItsDocument() throws {
        for seed in Seeds.list(1...300) {
            var random = RandomTicket(seed: seed)
            let ticket = random.ticket()
            #expect(try Ticket(document(ticket)) == ticket, "seed \(seed)")
        }
    }

    @Test func eventComesBackFromItsDocument() throws {
        for seed in Seeds.list(1...300) {
            var random = RandomTicket(seed: seed)
            let event = random.event()
            #expect(try TicketEvent(event.document) == event, "seed \(seed)")
        }
    }

    /// No damage of a stored document is worse than an error that names the ticket and not its text.
    @Test func damagedDocumentsAreErrors() throws {
        for seed in Seeds.list(1...300) {
            var random = RandomTicket(seed: seed)
            var ticket = random.ticket()
            ticket.subject = "SECRET"
            var fields = document(ticket).fields.map { ($0.key, $0.value) }
            let index = random.random.nextIndex(below: fields.count)
            if random.random.chance(1, in: 2) { fields.remove(at: index) } else { fields[index].1 = random.value() }
            do {
                _ = try Ticket(BSONDocument(fields))
            } catch {
                #expect(error.code == .unreadable, "seed \(seed)")
                #expect(!error.message.contains("SECRET"), "seed \(seed)")
            }
        }
    }

    @Test func documentsOfAnotherLayoutAreRefused() {
        var random = RandomTicket(seed: 1)
        let other = document(random.ticket()).setting(DocumentField.schemaVersion, 2)
        let error = #expect(throws: StoreError.self) { try Ticket(other) }
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("upgrade this program") == true)
    }

    @Test func rankFollowsThePriority() {
        var ticket = Ticket(id: "1")
        for priority in TicketPriority.allCases {
            ticket.priority = priority
            #expect(document(ticket)[Field.priorityRank] == .int64(priority.rank))
        }
        ticket.priority = nil
        #expect(document(ticket)[Field.priorityRank] == .null)
    }

    /// Every field that an event can set is what `subscript` then says, and others are untouched.
    @Test func settingAFieldChangesThatOne() {
        let values: [(TicketField, BSONValue)] = [
            (.subject, "s"), (.description, "d"), (.status, "pending"), (.priority, "high"), (.assignee, "a"),
            (.group, "g"), (.tags, ["x", "y"]), (.requester, "r@x"), (.mergedInto, "2"), (.mergedTickets, ["3"]),
            (.splitFrom, "4"), (.splitTickets, ["5"]), (.flags, ["f"]), (.isDeleted, true),
            (.createdAt, .datetime(5)), (.firstResponseAt, .datetime(6)), (.resolvedAt, .datetime(7)),
            (TicketField(stored: "custom.c"), "v"),
        ]
        let fields = values.map(\.0)
        for (field, value) in values {
            let empty = Ticket(id: "1")
            var ticket = empty
            ticket.set(field, value)
            for other in fields { #expect(ticket[other] == (other == field ? value : empty[other])) }
            ticket.set(field, .null)
            let keepsValue: Set<TicketField> = [.status, .createdAt]
            if !keepsValue.contains(field) { #expect(ticket == empty, "\(field)") }
        }
    }

    @Test func onlyPersonalFieldsAreSealed() {
        let personal: Set<String> = ["subject", "description", "requester", "comment", "custom.a"]
        for name in TicketField.known.map(\.name) + ["comment", "internal", "merged_into", "flags", "custom.a"] {
            #expect(TicketField(stored: name).isPersonal == personal.contains(name), "\(name)")
        }
    }
}
