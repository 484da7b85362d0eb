import BSON
import DocumentStore
import SimulatedStore
import Testing

/// What becomes of attempts that ended without an answer.
@Suite struct UnknownOutcomeTests {
    @Test func changeWhoseReplyWasLostIsFoundByItsOperation() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.store.history.count == 2)
        #expect(desk.writer.statistics.attempts == 1)
        #expect(desk.writer.statistics.resolved == 1)
    }

    @Test func changeWhoseRequestWasLostIsAttemptedAgain() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest, .lostRequest])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.writer.statistics.attempts == 3)
    }

    @Test func createWhoseReplyWasLostIsNotAConflictWithItself() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        #expect(await desk.writer.apply(Counters.create("b")) == .applied(version: 1, durability: .confirmed))
    }

    @Test func deleteWhoseReplyWasLostIsApplied() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        guard case .applied = await desk.writer.apply(Counters.delete()) else {
            Issue.record("not applied")
            return
        }
        #expect(desk.value == nil)
    }

    @Test func readThatFailsMeanwhileLeavesTheDoubtAndIsRepeated() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        desk.store.injectReads([.unavailable, .unavailable])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.store.history.count == 2)
    }

    @Test func lateRequestNeverAppliesASecondTime() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lateApply])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        desk.store.deliverLateChanges()
        #expect(desk.version == 2)
        #expect(HistoryChecker.violations(of: desk.store.history).isEmpty)
    }

    @Test func lateRequestThatOvertakesItsRepetitionIsFound() async {
        let desk = await Desk()
        // Late by one operation: the read still sees the old document, the repetition already the new one.
        desk.store.faults.lateOperationsMax = 1
        desk.store.injectAttempts([.lateApply])
        desk.store.injectReads([.unavailable])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.store.history.last?.late == true)
    }

    @Test func doubtIsNotTakenForFailureWhileTheRequestMayBeUnderWay() async {
        let desk = await Desk()
        desk.store.faults.lateOperationsMax = 100_000
        desk.store.injectAttempts([.lateApply])
        desk.store.faults.unavailable = 1
        let outcome = await desk.writer.apply(Counters.update())
        desk.store.deliverLateChanges()
        #expect(outcome.name == "unknown")
        #expect(desk.version == 2)
    }

    @Test func refusalAfterADoubtIsStillADoubt() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest])
        let change = VersionedChange(
            key: Counters.key("a"),
            action: .update(expectedVersion: 1, DocumentUpdate(push: [("value", [1])])),
            operationID: Counters.operation(2)
        )
        guard case .unknown(let error) = await desk.writer.apply(change) else {
            Issue.record("not unknown")
            return
        }
        #expect(error.code == .refused)
        #expect(desk.writer.statistics.attempts == 2)
    }

    @Test func otherChangeInsteadOfTheDoubtfulOneIsAConflict() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest])
        desk.interfering.changeBeforeNextRead(Counters.update(operation: 50, value: 70))
        #expect(await desk.writer.apply(Counters.update()).name == "conflict")
        #expect(desk.value == 70)
    }

    @Test(arguments: [AttemptFault.lostReply, .lostRequest])
    func changeThatLaterOnesMayHideStaysUnknown(fault: AttemptFault) async {
        let desk = await Desk()
        desk.store.injectAttempts([fault])
        // One of the two takes effect before the other where the request was lost: nothing tells them apart.
        let first = fault == .lostReply ? Int64(2) : 1
        desk.interfering.changeBeforeNextRead(
            Counters.update(expecting: first, operation: 50),
            Counters.update(expecting: first + 1, operation: 51)
        )
        #expect(await desk.writer.apply(Counters.update()).name == "unknown")
        #expect(desk.writer.statistics.resolved == 0)
    }

    @Test func createThatLaterChangesMayHideStaysUnknown() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        desk.interfering.changeBeforeNextRead(Counters.update("b", expecting: 1, operation: 50))
        #expect(await desk.writer.apply(Counters.create("b", operation: 9)).name == "unknown")
    }

    @Test func changeOfADocumentThatWasDeletedMeanwhileStaysUnknown() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        desk.interfering.changeBeforeNextRead(Counters.delete(expecting: 2, operation: 50))
        #expect(await desk.writer.apply(Counters.update()).name == "unknown")
    }

    @Test func deleteThatFindsALaterVersionWasNotMade() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest])
        desk.interfering.changeBeforeNextRead(
            Counters.update(expecting: 1, operation: 50),
            Counters.update(expecting: 2, operation: 51)
        )
        #expect(await desk.writer.apply(Counters.delete()).name == "conflict")
    }

    @Test func closedStoreEndsTheDoubtAtOnceAsUnknown() async {
        let desk = await Desk()
        desk.store.crashAfter(1, lastReplyLost: true)
        guard case .unknown(let error) = await desk.writer.apply(Counters.update()) else {
            Issue.record("not unknown")
            return
        }
        #expect(error.code == .closed)
        #expect(desk.clock.now == .zero)
        #expect(desk.value == 2)
    }

    @Test func cancelledWriterStopsWaiting() async {
        let desk = await Desk()
        desk.store.faults.lostRequest = 1
        let outcome = await withTaskGroup(of: ChangeOutcome.self) { group in
            group.cancelAll()
            group.addTask { await desk.writer.apply(Counters.update()) }
            return await group.next()
        }
        #expect(outcome?.name == "unknown")
        #expect(desk.clock.now == .zero)
    }
}
