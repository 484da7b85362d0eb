import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// A history that nobody tampered with gives no finding, whatever happened to the ticket.
@Suite struct UntouchedHistoryTests {
    @Test func emptyDatabase() async throws {
        let result = try await DeskStand().verify()
        #expect(result == TicketVerification())
        #expect(result.isClean)
    }

    @Test func everyKindOfEvent() async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        await expectClean(stand)
        let result = try await stand.verify()
        #expect(result.tickets == 1)
        #expect(result.events == 28)
    }

    @Test func archivedHistory() async throws {
        let stand = DeskStand()
        try await RichHistory.makeLong(stand, comments: 12)
        let result = try await stand.verify()
        #expect(result.findings == [])
        #expect(result.events == 13)
        #expect(result.archives >= 2)
    }

    @Test func mergedAndSplit() async throws {
        let stand = DeskStand()
        let desk = stand.desk()
        let first = try await RichHistory.make(stand)
        let second = try await RichHistory.make(stand)
        let third = try await desk.create(.about(), by: "ann").id
        _ = try await desk.merge(third, into: first, by: "ann")
        _ = try await desk.split(second, comments: [3, 5], subject: "apart", by: "bob")
        await expectClean(stand)
    }

    @Test(arguments: ["jo@example.com", "JO@Example.COM"]) func erased(requester: String) async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        try await RichHistory.makeLong(stand)
        try await RichHistory.make(stand, requester: "kim@example.com")
        _ = try await stand.desk().erase(requester, by: "ann")
        let result = try await stand.verify()
        #expect(result.findings == [])
        #expect(result.erased > 20)
    }

    /// The requester's own comments do not answer the ticket, before and after an erasure of one of two requesters.
    @Test(arguments: ["jo@example.com", "kim@example.com"]) func erasedAfterAChangeOfRequester(
        erased: String
    ) async throws {
        let stand = DeskStand()
        let desk = stand.desk()
        let id = try await desk.create(.about(), by: "ann").id
        _ = try await desk.save(.comment("my words"), on: id, by: "jo@example.com")
        stand.wait()
        _ = try await desk.save(.set(.requester, "kim@example.com"), on: id, by: "ann")
        stand.wait()
        _ = try await desk.save(.comment("mine too"), on: id, by: "kim@example.com")
        stand.wait()
        _ = try await desk.save(.comment("an answer"), on: id, by: "ann")
        _ = try await desk.erase(erased, by: "ann")
        await expectClean(stand)
        _ = try await desk.save(.comment("more"), on: id, by: "ann")
        await expectClean(stand)
    }

    @Test func erasedTwiceAndChangedBetween() async throws {
        let stand = DeskStand()
        let desk = stand.desk()
        let id = try await RichHistory.make(stand)
        _ = try await desk.erase(RichHistory.requester, by: "ann")
        _ = try await desk.save(.set(.requester, .string(RichHistory.requester)), on: id, by: "ann")
        _ = try await desk.save(.comment("again me"), on: id, by: RichHistory.requester)
        await expectClean(stand)
        _ = try await desk.erase(RichHistory.requester, by: "ann")
        await expectClean(stand)
    }

    /// What a source reports too late is kept, and the fields stay as they are.
    @Test func importedAndLate() async throws {
        let stand = DeskStand()
        let desk = stand.desk()
        let id = try await desk.create(.about(), by: "zendesk").id
        let steps: [(TicketOperation, [FieldChange])] = [
            (
                .import,
                [FieldChange(.priority, from: "normal", to: "high"), FieldChange(.flags, from: [], to: ["odd"])]
            ),
            (.late, [FieldChange(.priority, from: .null, to: "low"), FieldChange(.status, from: .null, to: "closed")]),
            (
                .import,
                [FieldChange(.isDeleted, from: false, to: true), FieldChange(.assignee, from: .null, to: "bob")]
            ),
            (.late, [FieldChange(.comment, from: .null, to: "too late")]),
        ]
        for (operation, changes) in steps {
            stand.wait()
            let ticket = try #require(try await desk.find(id))
            guard case .saved = try await desk.attemptSave(changes, operation, on: ticket, by: "zendesk") else {
                Issue.record("the step was not saved")
                return
            }
        }
        let ticket = try #require(try await desk.find(id))
        #expect(ticket.priority == .high)
        #expect(ticket.status == .new)
        #expect(ticket.commentCount == 1)
        #expect(ticket.isDeleted)
        await expectClean(stand)
    }

    /// Values forged into the place of erased ones have no seal to fit.
    @Test func forgedTextInPlaceOfErasedTextIsFound() async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        _ = try await stand.desk().erase(RichHistory.requester, by: "ann")
        let tampered = try await stand.tampered { _, document in
            document.editingEvent(3) { $0.editingChange { $0.setting("to", "forged") } }
        }
        let findings = try await tampered.verify().findings
        #expect(findings.map(\.sequence) == [3], "\(findings)")
    }

    @Test func unusedNumbersAreCounted() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        stand.store.injectAttempts([.none, .lostRequest])
        let impatient = DeskStand(deadline: .zero, firstProcess: 500, store: stand.store)
        await #expect(throws: (any Error).self) { try await impatient.desk().create(.about(), by: "ann") }
        #expect(try await stand.verify().numbersWithoutTicket == 1)
        await expectClean(stand)
    }
}
