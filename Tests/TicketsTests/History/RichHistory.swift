import BSON
import SimulatedStore
import Testing

@testable import Tickets

/// Tickets with events of every kind.
enum RichHistory {
    static let requester = "jo@example.com"

    /// A ticket of about thirty events by several agents.
    @discardableResult
    static func make(_ stand: DeskStand, requester: String = RichHistory.requester) async throws -> String {
        let desk = stand.desk()
        let new = NewTicket(
            subject: "printer on fire",
            requester: requester,
            description: "it burns\nsince noon",
            priority: .high,
            group: "hardware",
            tags: ["fire", "printer"]
        )
        let id = try await desk.create(new, by: "ann").id
        for step in steps {
            stand.wait()
            let outcome = try await desk.save(step.intent, on: id, by: step.actor)
            try #require(outcome.savedTicket != nil)
        }
        return id
    }

    /// What happens after the creation, in order.
    static let steps: [(intent: TicketIntent, actor: String)] = {
        var steps: [(TicketIntent, String)] = [
            (.claim(by: "bob"), "bob"),
            (.comment("have you tried water?"), "bob"),
            (.comment("the requester sounds upset", isInternal: true), "bob"),
            (.comment("yes, it got worse"), RichHistory.requester),
            (.set(.status, "open"), "bob"),
            (.set(.priority, "urgent"), "carol"),
            (.set(.subject, "printer on fire, building 4"), "carol"),
            (.set(.description, "it burns\nsince eleven"), "carol"),
            (TicketIntent(.tag, addedTags: ["building4"], removedTags: ["printer"]), "dave"),
            (.set(.assignee, "dave"), "carol"),
            (.set(.group, .null), "carol"),
            (.set(TicketField(stored: "custom.floor"), "3"), "carol"),
            (TicketIntent(.resolve, assignments: [.init(.status, "resolved")]), "dave"),
            (TicketIntent(.reopen, assignments: [.init(.status, "open")]), "ann"),
            (.set(.assignee, .null), "ann"),
        ]
        for number in 1...10 { steps.append((.comment("note \(number) of the fire brigade"), "ann")) }
        steps.append((TicketIntent(.close, assignments: [.init(.status, "closed")]), "ann"))
        steps.append((.comment("thank you"), RichHistory.requester))
        return steps
    }()

    /// A ticket whose history is so long that its oldest events are in the archive.
    @discardableResult
    static func makeLong(
        _ stand: DeskStand,
        requester: String = RichHistory.requester,
        comments: Int = 8
    ) async throws -> String {
        let desk = stand.desk()
        let id = try await desk.create(.about("long story", by: requester), by: "ann").id
        for number in 0..<comments {
            stand.wait()
            let outcome = try await desk.save(.comment(longText(number)), on: id, by: "ann")
            try #require(outcome.savedTicket != nil)
        }
        return id
    }

    /// Of 300 KB, so that four of them are more than a ticket keeps.
    static func longText(_ number: Int) -> String {
        "chapter\(number) " + String(repeating: "x", count: 300 * 1024)
    }
}
