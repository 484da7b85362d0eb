import BSON
import Testing
import TicketViews

@testable import Tickets

@Suite struct ThreadViewTests {
    private let ticket = Samples.ticket { ticket in
        ticket.dueAt = Samples.now - Samples.hour
        ticket.mergedTickets = ["7"]
        ticket.custom = ["region": "EU"]
        ticket.events = [
            Samples.comment(
                2,
                by: "mia",
                "Have you tried the new password that we sent you?\n\n> No mail came to me at all, so I could not.\n",
                at: Samples.now - 2 * Samples.hour
            ),
            Samples.comment(3, by: "ann", "down\u{1B}[2J again", at: Samples.now - Samples.hour, internal: true),
        ]
    }
    private let merged = Samples.ticket("7") { ticket in
        ticket.description = nil
        ticket.events = [Samples.comment(5, by: "jo@example.com", "me too", at: Samples.now - 90 * Samples.minute)]
    }
    private let presences = [Presence(ticket: "1042", agent: "bo", activity: .editing)]

    @Test func pipedOutputIsPlainAndNotWrapped() {
        let lines = ThreadView(time: Samples.time).lines(ticket, merged: [merged], presences: presences)
        #expect(
            lines == [
                "Ticket 1042: Cannot log in",
                "bo is editing this",
                "",
                "Status:      open",
                "Priority:    high",
                "Requester:   jo@example.com",
                "Assignee:    mia",
                "Group:       accounts",
                "Tags:        login, web",
                "Created:     2026-11-21 11:45 (3 hours ago)",
                "Updated:     2026-11-21 14:40 (5 minutes ago)",
                "Due:         2026-11-21 13:45 (overdue: 1 hour ago)",
                "Merged here: 7",
                "custom.region: EU",
                "",
                "    text over",
                "    several lines",
                "",
                "-- #2 | mia | 2026-11-21 12:45 (2 hours ago)",
                "    Have you tried the new password that we sent you?",
                "",
                "    > No mail came to me at all, so I could not.",
                "",
                "-- #5 of ticket 7 | jo@example.com | 2026-11-21 13:15 (1 hour ago)",
                "    me too",
                "",
                "-- #3 | ann | internal note | 2026-11-21 13:45 (1 hour ago)",
                "    down\u{FFFD}[2J again",
            ]
        )
    }

    @Test func onATerminalItIsWrappedAndColoured() {
        let lines = ThreadView(time: Samples.time, style: .coloured, width: 40).lines(ticket)
        #expect(lines[0] == "\u{1B}[1mTicket 1042: Cannot log in\u{1B}[0m")
        #expect(lines[2] == "\u{1B}[36mStatus:      \u{1B}[0mopen")
        #expect(lines.contains("\u{1B}[36mDue:         \u{1B}[0m\u{1B}[1;31m2026-11-21 13:45 (overdue:\u{1B}[0m"))
        #expect(lines.contains("\u{1B}[1;31m             1 hour ago)\u{1B}[0m"))
        #expect(lines.contains("    > No mail came to me at all, so I"))
        #expect(lines.contains("    > could not."))
        #expect(lines.last == "    \u{1B}[33mdown\u{FFFD}[2J again\u{1B}[0m")
    }

    @Test func erasedTextIsShownAsErased() {
        let erased = Samples.ticket { ticket in
            ticket.subject = nil
            ticket.description = nil
            ticket.requester = nil
            let fields: [TicketField] = [.subject, .description, .requester]
            let changes = fields.map { FieldChange($0, from: .null, to: .null) }
            ticket.events = [
                Samples.event(1, .create, by: nil, at: 0, changes, erased: true),
                Samples.event(
                    2,
                    .comment,
                    by: nil,
                    at: 0,
                    [FieldChange(.comment, from: .null, to: .null)],
                    erased: true
                ),
            ]
        }
        let lines = ThreadView(time: Samples.time).lines(erased)
        #expect(lines[0] == "Ticket 1042: (erased)")
        #expect(lines.contains("Requester:   (erased)"))
        #expect(
            lines.suffix(4) == [
                "    (erased)", "", "-- #2 | (erased) | 1970-01-01 01:00 (56 years ago)", "    (erased)",
            ]
        )
    }

    @Test func anEmptyTicketIsShown() {
        let lines = ThreadView(time: Samples.time).lines(Ticket(id: "1"))
        #expect(lines[0] == "Ticket 1: (none)")
        #expect(lines.contains("Assignee:    nobody"))
        #expect(lines.last == "    (no description)")
    }

    @Test func noLineIsWiderThanTheTerminalAndNoTextPassesForAHeading() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let nasty = Samples.ticket(generator.nastyText(pieces: 1...2)) { ticket in
                ticket.subject = generator.nastyText(pieces: 0...10)
                ticket.assignee = generator.nastyText(pieces: 0...5)
                ticket.description = "-- #9 | boss | now\n" + generator.nastyText(pieces: 0...30)
                ticket.custom = ["note": .string(generator.nastyText(pieces: 0...10))]
            }
            let width = Int.random(in: 8...100, using: &generator)
            let lines = ThreadView(time: Samples.time, width: width).lines(nasty)
            for line in lines { #expect(line.displayWidth <= width, "\(line.debugDescription) in \(width)") }
            #expect(!lines.contains { $0.hasPrefix("-- ") })
        }
    }
}
