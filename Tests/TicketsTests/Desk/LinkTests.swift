import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct LinkTests {
    private func code(_ body: () async throws -> SaveOutcome) async -> TicketError.Code? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? TicketError)?.code
        }
    }

    /// A stand with a number of new tickets.
    private func stand(_ count: Int) async throws -> DeskStand {
        let stand = DeskStand()
        for number in 1...count { _ = try await stand.desk().create(.about("subject \(number)"), by: "ann") }
        return stand
    }

    @Test func mergedTicketIsClosedAndBothNameEachOther() async throws {
        let stand = try await stand(2)
        let outcome = try await stand.desk().merge("2", into: "1", by: "bob")
        #expect(outcome.savedTicket?.mergedTickets == ["2"])
        let merged = try #require(try await stand.desk().find("2"))
        #expect(merged.mergedInto == "1")
        #expect(merged.status == .closed)
        #expect(try await stand.desk().merge("2", into: "1", by: "bob").isUnchanged)
        await expectClean(stand)
    }

    @Test func mergesThatMakeNoSenseAreRefused() async throws {
        let stand = try await stand(4)
        _ = try await stand.desk().merge("2", into: "1", by: "bob")
        #expect(await code { try await stand.desk().merge("1", into: "1", by: "b") } == .invalidValue)
        #expect(await code { try await stand.desk().merge("9", into: "1", by: "b") } == .notFound)
        #expect(await code { try await stand.desk().merge("1", into: "9", by: "b") } == .notFound)
        #expect(await code { try await stand.desk().merge("2", into: "3", by: "b") } == .invalidValue)
        #expect(await code { try await stand.desk().merge("3", into: "2", by: "b") } == .invalidValue)
        #expect(await code { try await stand.desk().merge("1", into: "2", by: "b") } == .invalidValue)
        await expectClean(stand)
    }

    /// Stops after every operation, with the last answer given or lost; merging again finishes.
    @Test(arguments: [false, true]) func interruptedMergeIsFinishedByAnother(isReplyLost: Bool) async throws {
        let whole = try await stand(2)
        let before = whole.store.operationCount
        _ = try await whole.desk().merge("2", into: "1", by: "bob")
        let operations = whole.store.operationCount - before
        #expect(operations >= 5)
        for number in 0..<operations {
            if number == 0, isReplyLost { continue }
            let stand = try await stand(2)
            stand.store.crashAfter(number, lastReplyLost: isReplyLost)
            _ = try? await stand.desk().merge("2", into: "1", by: "bob")
            stand.store.revive()
            await expectClean(stand)
            _ = try await stand.desk().merge("2", into: "1", by: "bob")
            let kept = try #require(try await stand.desk().find("1"))
            let merged = try #require(try await stand.desk().find("2"))
            #expect(kept.mergedTickets == ["2"], "crash after \(number)")
            #expect(kept.version == 2, "crash after \(number)")
            #expect(merged.mergedInto == "1", "crash after \(number)")
            #expect(merged.version == 2, "crash after \(number)")
            #expect(merged.status == .closed, "crash after \(number)")
            await expectClean(stand)
        }
    }

    @Test func splitTicketHasTheTextsAndBothNameEachOther() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        let (new, original) = try await stand.desk().split(id, comments: [3, 5], subject: "second fire", by: "bob")
        #expect(new.description == "have you tried water?\n\nyes, it got worse")
        #expect(new.subject == "second fire")
        #expect(new.requester == RichHistory.requester)
        #expect(new.priority == .urgent)
        #expect(new.tags == ["fire", "building4"])
        #expect(new.status == .new)
        #expect(new.splitFrom == id)
        #expect(original.splitTickets == [new.id])
        #expect(original.commentCount == 14)
        await expectClean(stand)
    }

    @Test func splitOfWhatIsNoCommentIsRefused() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        let changes = stand.store.history.count
        for sequence in [Int64(1), 2, 99, 0] {
            let error = await #expect(throws: TicketError.self) {
                try await stand.desk().split(id, comments: [3, sequence], subject: "x", by: "bob")
            }
            #expect(error?.code == .invalidValue)
        }
        await #expect(throws: TicketError.self) {
            try await stand.desk().split("99", comments: [3], subject: "x", by: "bob")
        }
        #expect(stand.store.history.count == changes)
    }

    /// A split that stopped in between leaves a new ticket that names the other one; splitting again is whole.
    @Test(arguments: [false, true]) func interruptedSplitLosesNothing(isReplyLost: Bool) async throws {
        func prepared() async throws -> DeskStand {
            let stand = try await stand(1)
            _ = try await stand.desk().save(.comment("apart"), on: "1", by: "bob")
            return stand
        }
        let whole = try await prepared()
        let before = whole.store.operationCount
        _ = try await whole.desk().split("1", comments: [2], subject: "two", by: "bob")
        for number in 1...(whole.store.operationCount - before) {
            let stand = try await prepared()
            stand.store.crashAfter(number, lastReplyLost: isReplyLost)
            _ = try? await stand.desk().split("1", comments: [2], subject: "two", by: "bob")
            stand.store.revive()
            await expectClean(stand)
            let (new, original) = try await stand.desk().split("1", comments: [2], subject: "two", by: "bob")
            #expect(original.splitTickets.last == new.id, "crash after \(number)")
            #expect(new.description == "apart", "crash after \(number)")
            let others = stand.store.documents(in: SupportRequestsCollection.name).filter { $0["_id"] != "1" }
            #expect(others.allSatisfy { $0["split_from"] == "1" }, "crash after \(number)")
            await expectClean(stand)
        }
    }
}
