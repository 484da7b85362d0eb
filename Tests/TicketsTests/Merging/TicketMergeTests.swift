import BSON
import Testing

@testable import Tickets

/// The three-way merge, case by case; the agent always saw version 1.
@Suite struct TicketMergeTests {
    private var base: TicketHistory {
        TicketHistory(
            "1",
            [(.subject, "s"), (.status, "open"), (.priority, "normal"), (.assignee, "ann"), (.tags, ["a", "b"])]
        )
    }

    private func merge(
        _ intent: TicketIntent,
        _ choice: ConflictChoice = .report,
        after others: (inout TicketHistory) -> Void = { _ in }
    ) -> TicketMerge {
        var history = base
        others(&history)
        return intent.merge(into: history.ticket, since: history.since(1), choice: choice)
    }

    private let urgent = TicketIntent.set(.priority, "urgent")
    private let fromNormal = FieldChange(.priority, from: "normal", to: "urgent")

    @Test func nobodyElseTouchedIt() {
        #expect(merge(urgent) == TicketMerge(changes: [fromNormal]))
    }

    @Test func itIsSoAlready() {
        #expect(merge(.set(.priority, "normal")) == TicketMerge())
    }

    @Test func othersTouchedOtherFields() {
        let result = merge(urgent) {
            $0.set(.status, "pending")
            $0.comment("hello")
            $0.set(.tags, ["c"])
        }
        #expect(result == TicketMerge(changes: [fromNormal]))
    }

    @Test func bothSetTheSameValue() {
        #expect(merge(urgent) { $0.set(.priority, "urgent") } == TicketMerge())
    }

    @Test func bothSetDifferentValues() throws {
        let result = merge(urgent) {
            $0.set(.priority, "high", by: "bob")
            $0.set(.priority, "low", by: "carol")
            $0.comment("later", by: "dave")
        }
        let conflict = FieldConflict(field: .priority, yours: "urgent", theirs: "low", by: "carol", at: 1_030)
        #expect(result == TicketMerge(conflicts: [conflict]))
    }

    @Test func othersChangedItAndChangedItBack() {
        let result = merge(urgent) {
            $0.set(.priority, "high")
            $0.set(.priority, "normal")
        }
        #expect(result == TicketMerge(changes: [fromNormal]))
    }

    @Test func othersTookTheValueAway() {
        let result = merge(.set(.assignee, "eve")) { $0.set(.assignee, .null) }
        #expect(result.conflicts.map(\.theirs) == [.null])
        #expect(merge(.set(.assignee, .null)) { $0.set(.assignee, .null) } == TicketMerge())
    }

    @Test func choicesDecideCollisions() {
        let others = { (history: inout TicketHistory) in
            history.set(.priority, "low")
            history.set(.status, "pending")
        }
        let both = TicketIntent(.edit, assignments: [.init(.priority, "urgent"), .init(.status, "resolved")])
        let priority = FieldChange(.priority, from: "low", to: "urgent")
        let status = FieldChange(.status, from: "pending", to: "resolved")
        #expect(merge(both, .rebase, after: others) == TicketMerge(changes: [priority, status]))
        #expect(merge(both, ConflictChoice(standard: .theirs), after: others) == TicketMerge())
        let mixed = ConflictChoice(sides: [.priority: .mine, .status: .theirs])
        #expect(merge(both, mixed, after: others) == TicketMerge(changes: [priority]))
        let one = ConflictChoice(sides: [.priority: .mine])
        #expect(merge(both, one, after: others).conflicts.map(\.field) == [.status])
        let override = ConflictChoice(standard: .mine, sides: [.status: .theirs])
        #expect(merge(both, override, after: others) == TicketMerge(changes: [priority]))
    }

    @Test func theirsGivesUpOnlyWhatCollides() {
        let both = TicketIntent(.edit, assignments: [.init(.priority, "urgent"), .init(.group, "net")])
        let result = merge(both, ConflictChoice(standard: .theirs)) { $0.set(.priority, "low") }
        #expect(result == TicketMerge(changes: [FieldChange(.group, from: .null, to: "net")]))
    }

    @Test func tagsOfBothSidesMerge() {
        let others = { (history: inout TicketHistory) in history.set(.tags, ["a", "b", "theirs"]) }
        func tags(_ intent: TicketIntent) -> BSONValue? { merge(intent, after: others).changes.first?.to }
        #expect(tags(TicketIntent(.tag, addedTags: ["mine"])) == ["a", "b", "theirs", "mine"])
        #expect(tags(TicketIntent(.tag, addedTags: ["theirs"])) == nil)
        #expect(tags(TicketIntent(.tag, removedTags: ["a"])) == ["b", "theirs"])
        #expect(tags(TicketIntent(.tag, addedTags: ["x", "x"], removedTags: ["theirs", "none"])) == ["a", "b", "x"])
        #expect(tags(TicketIntent(.tag, addedTags: ["y"], removedTags: ["y"])) == nil)
        // Assigned tags replace what was seen, not what others added since.
        #expect(tags(.set(.tags, ["b", "mine"])) == ["b", "theirs", "mine"])
        #expect(tags(.set(.tags, [])) == ["theirs"])
    }

    @Test func tagsThatOthersRemovedStayRemoved() {
        let result = merge(.set(.tags, ["a", "b", "mine"])) { $0.set(.tags, ["b"]) }
        #expect(result == TicketMerge(changes: [FieldChange(.tags, from: ["b"], to: ["b", "mine"])]))
    }

    @Test func commentsAlwaysMerge() {
        let intent = TicketIntent(.comment, comment: .init(text: "hi", isInternal: true))
        let result = merge(intent) {
            $0.comment("hi")
            $0.set(.priority, "low")
        }
        let comment = FieldChange(.comment, from: .null, to: "hi")
        #expect(result == TicketMerge(changes: [comment, FieldChange(.isInternal, from: .null, to: true)]))
    }

    @Test func commentGoesNotAloneWhereAFieldCollides() {
        var intent = urgent
        intent.comment = .init(text: "raised")
        let result = merge(intent) { $0.set(.priority, "low") }
        #expect(result.conflicts.map(\.field) == [.priority])
    }

    @Test func claimIsRefusedWhateverTheAgentSaw() {
        let result = merge(.claim(by: "zoe"))
        #expect(result.changes == [])
        #expect(result.conflicts.map(\.field) == [.assignee])
        #expect(result.conflicts.map(\.theirs) == ["ann"])
        let rebased = merge(.claim(by: "zoe"), .rebase) { $0.set(.assignee, "bob", by: "boss") }
        #expect(rebased.changes == [])
        #expect(rebased.conflicts == [.init(field: .assignee, yours: "zoe", theirs: "bob", by: "boss", at: 1_020)])
    }

    @Test func claimOfOnesOwnTicketChangesNothing() {
        #expect(merge(.claim(by: "ann")) == TicketMerge())
    }

    @Test func claimTakesWhatNobodyHas() {
        let result = merge(.claim(by: "zoe")) { $0.set(.assignee, .null) }
        // Somebody gave it back after the agent looked: that is nobody's change to lose.
        #expect(result.changes == [] || result.changes == [FieldChange(.assignee, from: .null, to: "zoe")])
        let free = TicketHistory("1", [(.subject, "s")])
        let merged = TicketIntent.claim(by: "zoe").merge(into: free.ticket, since: [], choice: .report)
        #expect(merged == TicketMerge(changes: [FieldChange(.assignee, from: .null, to: "zoe")]))
    }

    @Test func lateEventsAreNobodysChanges() {
        let result = merge(urgent) { $0.append(.late, "source", [FieldChange(.priority, from: "low", to: "high")]) }
        #expect(result == TicketMerge(changes: [fromNormal]))
    }

    @Test func linksOnlyGrow() {
        var intent = TicketIntent(.merge)
        intent.links = [.init(.mergedTickets, ["5"])]
        let result = merge(intent) { $0.set(.mergedTickets, ["4"]) }
        #expect(result == TicketMerge(changes: [FieldChange(.mergedTickets, from: ["4"], to: ["4", "5"])]))
        #expect(merge(intent) { $0.set(.mergedTickets, ["5", "4"]) } == TicketMerge())
    }
}
