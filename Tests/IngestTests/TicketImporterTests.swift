import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// What becomes of the steps that another system reports.
@Suite struct TicketImporterTests {
    /// Steps of ticket A, and what is there after them.
    struct Rule: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var numbering = ImportNumbering.contiguous
        let steps: [ImportedStep]
        let outcomes: [ImportOutcome]
        let operations: [TicketOperation]
        var fields: [TicketField: BSONValue] = [:]
        var thread: [String] = []

        init(
            _ name: String,
            numbering: ImportNumbering = .contiguous,
            _ steps: [ImportedStep],
            _ outcomes: [ImportOutcome],
            _ operations: [TicketOperation],
            _ fields: [TicketField: BSONValue] = [:],
            thread: [String] = []
        ) {
            testDescription = name
            self.numbering = numbering
            self.steps = steps
            self.outcomes = outcomes
            self.operations = operations
            self.fields = fields
            self.thread = thread
        }
    }

    private static let region = TicketField(stored: "custom.region")

    static let rules: [Rule] = [
        Rule(
            "a create makes the ticket, with a status",
            [.create()],
            [.made],
            [.create],
            [.subject: "no sound", .requester: "kim@example.com", .status: "new", .priority: .null]
        ),
        Rule(
            "a change changes what it lists",
            [.create(), .change(2, [(.status, "pending"), (.assignee, "mia")]), .change(3, [(.assignee, nil)])],
            [.made, .changed, .changed],
            [.create, .import, .import],
            [.subject: "no sound", .status: "pending", .assignee: .null]
        ),
        Rule(
            "a comment joins the thread",
            [.create(), .comment(2, "which cable?"), .comment(3, "the red one")],
            [.made, .changed, .changed],
            [.create, .comment, .comment],
            thread: ["which cable?", "the red one"]
        ),
        Rule(
            "a snapshot is the whole ticket",
            numbering: .increasing,
            [
                .make(
                    .snapshot,
                    10,
                    at: 10,
                    [(.subject, "a"), (.priority, "high"), (region, "EU"), (.status, "open")]
                ),
                .make(.snapshot, 20, at: 20, [(.subject, "b")]),
            ],
            [.made, .changed],
            [.create, .import],
            [.subject: "b", .priority: .null, region: .null, .status: "open"]
        ),
        Rule(
            "the same step twice is one",
            [.create(), .change(2, [(.status, "open")]), .create(), .change(2, [(.status, "open")])],
            [.made, .changed, .duplicate(of: .made), .duplicate(of: .changed)],
            [.create, .import],
            [.status: "open"]
        ),
        Rule(
            "a repeated number with other content is kept as late",
            [.create(), .change(2, [(.status, "open")]), .change(2, [(.status, "closed")])],
            [.made, .changed, .late],
            [.create, .import, .late],
            [.status: "open"]
        ),
        Rule(
            "an older step is in the history and changes no newer field",
            [
                .create(), .change(4, [(.status, "open")]), .change(3, [(.status, "closed"), (.group, "audio")]),
                .change(3, [(.status, "closed"), (.group, "audio")]),
            ],
            [.made, .changed, .late, .duplicate(of: .late)],
            [.create, .import, .late],
            [.status: "open", .group: .null]
        ),
        Rule(
            "a late comment joins the thread",
            [.create(), .comment(3, "second"), .comment(2, "first"), .comment(2, "first")],
            [.made, .changed, .late, .duplicate(of: .late)],
            [.create, .comment, .comment],
            thread: ["second", "first"]
        ),
        Rule(
            "a step before the creation, of a known ticket, is late",
            [.create(5), .change(2, [(.status, "closed")])],
            [.made, .late],
            [.create, .late],
            [.status: "new"]
        ),
        Rule(
            "steps of a ticket that does not exist are not stored",
            [.comment(1, "lost"), .change(2, [(.status, "open")]), .create(3)],
            [.unknownTicket, .unknownTicket, .made],
            [.create],
            [.status: "new"]
        ),
        Rule(
            "the expected version holds",
            [.create(), .change(2, [(.status, "open")], expecting: 1)],
            [.made, .changed],
            [.create, .import],
            [.status: "open"]
        ),
        Rule(
            "changes of other fields merge, whatever the sender had seen",
            [.create(), .change(2, [(.status, "open")]), .change(3, [(.assignee, "mia")], expecting: 1)],
            [.made, .changed, .changed],
            [.create, .import, .import],
            [.status: "open", .assignee: "mia"]
        ),
        Rule(
            "a collision is kept in the history, and refused",
            [
                .create(), .change(2, [(.status, "open")]),
                .change(3, [(.status, "closed"), (.assignee, "mia")], expecting: 1),
                .change(3, [(.status, "closed"), (.assignee, "mia")], expecting: 1),
                .change(4, [(.group, "audio")]),
            ],
            [.made, .changed, .conflicted, .duplicate(of: .conflicted), .changed],
            [.create, .import, .late, .import],
            [.status: "open", .assignee: .null, .group: "audio"]
        ),
        Rule(
            "both sides wanted the same",
            [.create(), .change(2, [(.status, "open")]), .change(3, [(.status, "open")], expecting: 1)],
            [.made, .changed, .changed],
            [.create, .import, .import],
            [.status: "open"]
        ),
        Rule(
            "a version that there is not yet is a collision, of a comment too",
            [
                .create(), .change(2, [(.status, "open")], expecting: 9),
                .make(.comment, 3, comment: "early", expecting: 9), .make(.comment, 3, comment: "early", expecting: 9),
            ],
            [.made, .conflicted, .conflicted, .duplicate(of: .conflicted)],
            [.create, .late, .comment],
            [.status: "new"],
            thread: ["early"]
        ),
        Rule(
            "a smaller number at a later time begins a new count, where numbers do that",
            numbering: .restarting,
            [
                .make(.snapshot, 7, at: 10, [(.subject, "a")]), .make(.snapshot, 1, at: 20, [(.subject, "b")]),
                .make(.snapshot, 7, at: 30, [(.subject, "c")]),
            ],
            [.made, .changed, .changed],
            [.create, .import, .import],
            [.subject: "c"]
        ),
        Rule(
            "a smaller number at an earlier time is late, and so is one at the same time",
            numbering: .restarting,
            [
                .make(.snapshot, 7, at: 10, [(.subject, "a")]), .make(.snapshot, 1, at: 9, [(.subject, "b")]),
                .make(.snapshot, 2, at: 10, [(.subject, "c")]),
            ],
            [.made, .late, .late],
            [.create, .late, .late],
            [.subject: "a"]
        ),
        Rule(
            "a smaller number at a later time is late, where numbers are not counted anew",
            [.create(7, at: 10), .change(3, at: 20, [(.status, "closed")])],
            [.made, .late],
            [.create, .late],
            [.status: "new"]
        ),
        Rule(
            "steps of an earlier count are known, though their numbers are greater",
            numbering: .restarting,
            [
                .make(.snapshot, 6, at: 10, [(.subject, "a")]), .make(.snapshot, 7, at: 11, [(.subject, "b")]),
                .make(.snapshot, 0, at: 20, [(.subject, "c")]), .make(.snapshot, 6, at: 10, [(.subject, "a")]),
                .make(.snapshot, 7, at: 11, [(.subject, "b")]), .make(.snapshot, 9, at: 12, [(.subject, "d")]),
            ],
            [.made, .changed, .changed, .duplicate(of: .made), .duplicate(of: .changed), .late],
            [.create, .import, .import, .late],
            [.subject: "c"]
        ),
        Rule(
            "a number that is missing is not a new count when it comes",
            numbering: .restarting,
            [
                .make(.snapshot, 1, at: 10, [(.subject, "a")]), .make(.snapshot, 3, at: 11, [(.subject, "b")]),
                .make(.snapshot, 2, at: 12, [(.subject, "c")]),
            ],
            [.made, .changed, .late],
            [.create, .import, .late],
            [.subject: "b"]
        ),
    ]

    @Test("What becomes of steps, all at once, one by one, and again", arguments: rules)
    func rule(_ rule: Rule) async throws {
        let together = TicketImportStand(rule.numbering)
        #expect(try await together.apply(rule.steps) == rule.outcomes)
        try await check(together, rule)

        let single = TicketImportStand(rule.numbering)
        var outcomes: [ImportOutcome] = []
        for step in rule.steps { outcomes += try await single.apply([step]) }
        #expect(outcomes == rule.outcomes)
        try await check(single, rule)

        // What was refused for want of a ticket would be applied now; whoever replays knows what was refused.
        let refused = Set(rule.steps.indices.filter { rule.outcomes[$0] == .unknownTicket })
        let before = together.documents
        let again = try await together.importer().apply(rule.steps) {
            refused
        } keep: { _ in
        }
        #expect(together.documents == before)
        let expected = rule.outcomes.map { outcome -> ImportOutcome in
            switch outcome {
            case .unknownTicket, .duplicate: outcome
            default: .duplicate(of: outcome)
            }
        }
        #expect(again == expected)
    }

    private func check(_ stand: TicketImportStand, _ rule: Rule) async throws {
        let ticket = try await stand.ticket()
        #expect(ticket.operations == rule.operations)
        for (field, value) in rule.fields { #expect(ticket[field] == value, "\(field)") }
        #expect(ticket.thread == rule.thread)
        #expect(Set(ticket.events.compactMap { $0.origin?.digest }).count == ticket.events.count)
        try await stand.expectClean()
    }

    @Test func ticketsOfSourcesAndNamesAreApart() async throws {
        let stand = TicketImportStand()
        try await stand.apply([.create(of: "A"), .create(of: "B"), .change(2, of: "B", [(.status, "open")])])
        let other = TicketImporter(stand.desk(), source: "other", numbering: .contiguous)
        #expect(try await other.apply([.create(of: "A")]) { _ in } == [.made])
        #expect(try await stand.ticket("A").version == 1)
        #expect(try await stand.ticket("B").version == 2)
        #expect(try await stand.importer().ticketCount() == 2)
        #expect(try await other.ticketCount() == 1)
    }

    @Test func aHistoryTellsWhoSaidWhatAndWhen() async throws {
        let stand = TicketImportStand()
        try await stand.apply([.create(at: 5_000), .comment(2, "hello")])
        let ticket = try await stand.ticket()
        #expect(ticket.createdAt == 5_000)
        #expect(ticket.source?.externalID == "A" && ticket.source?.source == TicketImportStand.source)
        let first = try #require(ticket.events.first)
        #expect(first.actor == "robot" && first.origin?.sequence == 1 && first.origin?.occurredAt == 5_000)
        #expect(first.time >= SimulatedStoreTime.start, "the server's time, not the source's")
        #expect(ticket.firstResponseAt == ticket.events.last?.time)
    }

    /// A crash between the two must lose neither.
    @Test func holesAndRefusalsAreNotedBeforeTheTicketChanges() async throws {
        let stand = TicketImportStand()
        let steps = [
            ImportedStep.create(), .change(5, [(.status, "open")]), .change(6, [(.status, "closed")], expecting: 1),
            .comment(1, of: "B", "lost"), .create(2, of: "B"),
        ]
        var seen: [String] = []
        _ = try await stand.importer().apply(steps) { notes in
            let versions = stand.store.documents(in: SupportRequestsCollection.name).map {
                "\($0[DocumentField.id]?.string ?? "") \($0[DocumentField.version]?.integer ?? 0)"
            }
            seen.append("\(notes.gaps.map(\.missing)) \(notes.conflicted) \(notes.unknown) at \(versions)")
        }
        #expect(
            seen == [
                #"[] [] [3] at []"#, #"[3] [] [] at ["sim:A 1", "sim:B 1"]"#, #"[] [2] [] at ["sim:A 2", "sim:B 1"]"#,
            ]
        )
    }
}

extension ImportOutcome {
    static let made = ImportOutcome.applied(made: true)
    static let changed = ImportOutcome.applied(made: false)
}

enum SimulatedStoreTime {
    /// When the clock of a simulated server begins.
    static let start: Int64 = 1_704_067_200_000
}
