import BSON
import DocumentStore
import SimulatedStore
import Testing

/// What becomes of changes that take effect together, with and without an answer.
@Suite struct TogetherTests {
    /// Moves counter "a" into a new counter "b".
    private static let replacement = [
        Counters.delete(expecting: 1, operation: 10), Counters.create("b", operation: 11),
    ]
    /// Raises counter "a" and creates "b": "a" is the witness.
    private static let growth = [Counters.create("b", operation: 20), Counters.update(operation: 21)]

    private static func ids(_ desk: Desk) -> [BSONValue?] {
        desk.store.documents(in: Counters.collection).map { $0[DocumentField.id] }
    }

    @Test(arguments: [
        (AttemptFault.none, "applied", true), (.lostRequest, "unknown", false), (.lostReply, "unknown", true),
        (.lateApply, "unknown", false), (.unavailable, "failed", false), (.writeConcernError, "applied", true),
        (.rolledBack, "applied", false),
        (.bulkInDoubt, "applied", true),
    ])
    func faultHitsAllChangesAlike(fault: AttemptFault, answer: String, isApplied: Bool) async {
        let desk = await Desk()
        desk.store.injectAttempts([fault])
        #expect(await desk.store.attemptTogether(Self.replacement).name == answer)
        #expect(Self.ids(desk) == (isApplied ? ["b"] : ["a"]))
        #expect(desk.store.history.count == (isApplied ? 3 : 1))
        desk.store.deliverLateChanges()
        #expect(Self.ids(desk) == (isApplied || fault == .lateApply ? ["b"] : ["a"]))
        #expect(desk.store.history.dropFirst().allSatisfy { $0.late == (fault == .lateApply) })
        #expect(desk.store.operationCount == 2)
    }

    @Test(arguments: [true, false]) func crashHitsAllChangesAlike(isReplyLost: Bool) async {
        let desk = await Desk()
        desk.store.crashAfter(isReplyLost ? 1 : 0, lastReplyLost: isReplyLost)
        #expect(await desk.store.attemptTogether(Self.replacement).name == (isReplyLost ? "unknown" : "failed"))
        #expect(Self.ids(desk) == (isReplyLost ? ["b"] : ["a"]))
    }

    @Test func answerIsTakenWithoutARead() async {
        let desk = await Desk()
        #expect(await desk.writer.applyTogether(Self.replacement) == .applied(.confirmed))
        #expect(await desk.writer.applyTogether(Self.replacement) == .conflict)
        #expect(desk.interfering.queries.isEmpty)
        #expect(desk.writer.statistics.conflicts == 1)
        #expect(desk.writer.statistics.retries == 0)
    }

    @Test(arguments: [AttemptFault.writeConcernError, .rolledBack])
    func whatNoMajorityConfirmedIsLookedAtAgain(fault: AttemptFault) async {
        let desk = await Desk()
        desk.store.injectAttempts([fault])
        #expect(await desk.writer.applyTogether(Self.growth) == .applied(.confirmed))
        #expect(desk.store.history.count == 3)
        #expect(desk.writer.statistics.attempts == (fault == .rolledBack ? 2 : 1))
    }

    @Test(arguments: [replacement, growth]) func changesWhoseReplyWasLostAreFoundByOneDocument(
        changes: [VersionedChange]
    ) async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        #expect(await desk.writer.applyTogether(changes) == .applied(.confirmed))
        #expect(desk.store.history.count == 3)
        #expect(desk.writer.statistics.attempts == 1)
        #expect(desk.writer.statistics.resolved == 1)
        let queries = desk.interfering.queries
        #expect(queries.map(\.limit) == [1])
        #expect(queries.map(\.fields) == [.only([DocumentField.version, DocumentField.lastOperationID])])
    }

    @Test(arguments: [replacement, growth]) func changesWhoseRequestWasLostAreAttemptedAgain(
        changes: [VersionedChange]
    ) async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest, .unavailable, .lostRequest])
        desk.store.injectReads([.unavailable])
        #expect(await desk.writer.applyTogether(changes) == .applied(.confirmed))
        #expect(desk.writer.statistics.attempts == 4)
        #expect(desk.store.history.count == 3)
    }

    @Test func lateRequestThatOvertakesItsRepetitionIsFound() async {
        let desk = await Desk()
        // Late by one operation: the read that fails lets it arrive before the repetition.
        desk.store.faults.lateOperationsMax = 1
        desk.store.injectAttempts([.lateApply])
        desk.store.injectReads([.unavailable])
        #expect(await desk.writer.applyTogether(Self.replacement) == .applied(.confirmed))
        #expect(desk.store.history.last?.late == true)
        #expect(Self.ids(desk) == ["b"])
    }

    @Test func lateRequestNeverAppliesASecondTime() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lateApply])
        #expect(await desk.writer.applyTogether(Self.growth) == .applied(.confirmed))
        desk.store.deliverLateChanges()
        #expect(desk.version == 2)
        #expect(desk.store.history.count == 3)
    }

    @Test func otherChangeInsteadOfTheDoubtfulOnesIsAConflict() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest])
        desk.interfering.changeBeforeNextRead(Counters.update(operation: 50, value: 70))
        #expect(await desk.writer.applyTogether(Self.growth) == .conflict)
        #expect(desk.value == 70)
        #expect(Self.ids(desk) == ["a"])
    }

    @Test func documentOfOthersInPlaceOfTheCreatedOneIsAConflict() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostRequest])
        desk.interfering.changeBeforeNextRead(Counters.create("b", operation: 50))
        #expect(await desk.writer.applyTogether(Self.replacement) == .conflict)
    }

    @Test func changesThatLaterOnesMayHideStayUnknown() async {
        for fault in [AttemptFault.lostReply, .lostRequest] {
            let desk = await Desk()
            desk.store.injectAttempts([fault])
            let first: Int64 = fault == .lostReply ? 2 : 1
            desk.interfering.changeBeforeNextRead(
                Counters.update(expecting: first, operation: 50),
                Counters.update(expecting: first + 1, operation: 51)
            )
            #expect(await desk.writer.applyTogether(Self.growth).name == "unknown")
            #expect(desk.writer.statistics.resolved == 0)
        }
    }

    @Test func witnessThatWasDeletedMeanwhileLeavesTheDoubt() async {
        let desk = await Desk()
        desk.store.injectAttempts([.lostReply])
        desk.interfering.changeBeforeNextRead(Counters.delete(expecting: 2, operation: 50))
        #expect(await desk.writer.applyTogether(Self.growth).name == "unknown")
        // A created witness may still come, until the deadline.
        let other = await Desk()
        other.store.injectAttempts([.lostReply])
        other.interfering.changeBeforeNextRead(Counters.delete("b", expecting: 1, operation: 50))
        #expect(await other.writer.applyTogether(Self.replacement).name == "unknown")
        #expect(other.store.history.count == 4)
        #expect(other.clock.now <= Desk.deadline)
    }

    @Test func refusalIsAFailureUnlessAnEarlierAttemptIsInDoubt() async {
        let refused = [
            Counters.create("b", operation: 9),
            VersionedChange(
                key: Counters.key("a"),
                action: .update(expectedVersion: 1, DocumentUpdate(push: [("value", [1])])),
                operationID: Counters.operation(8)
            ),
        ]
        let desk = await Desk()
        guard case .failed(let error) = await desk.writer.applyTogether(refused) else {
            Issue.record("not failed")
            return
        }
        #expect(error.code == .refused)
        desk.store.injectAttempts([.lostRequest])
        guard case .unknown(let doubt) = await desk.writer.applyTogether(refused) else {
            Issue.record("not unknown")
            return
        }
        #expect(doubt.code == .refused)
        #expect(desk.writer.statistics.attempts == 3)
        #expect(Self.ids(desk) == ["a"])
    }

    @Test func serverThatStaysAwayIsAFailureWithoutDoubt() async {
        let desk = await Desk()
        desk.store.faults.unavailable = 1
        #expect(await desk.writer.applyTogether(Self.growth).name == "failed")
        #expect(desk.clock.now > .zero && desk.clock.now <= Desk.deadline)
        desk.store.injectAttempts([.lateApply])
        desk.store.faults.lateOperationsMax = 100_000
        #expect(await desk.writer.applyTogether(Self.growth).name == "unknown")
        desk.store.deliverLateChanges()
        #expect(desk.version == 2)
    }

    @Test func closedStoreEndsTheDoubtAtOnceAsUnknown() async {
        let desk = await Desk()
        desk.store.crashAfter(1, lastReplyLost: true)
        guard case .unknown(let error) = await desk.writer.applyTogether(Self.growth) else {
            Issue.record("not unknown")
            return
        }
        #expect(error.code == .closed)
        #expect(desk.clock.now == .zero)
        #expect(desk.version == 2)
    }
}

extension TogetherOutcome {
    var name: String {
        switch self {
        case .applied: "applied"
        case .conflict: "conflict"
        case .failed: "failed"
        case .unknown: "unknown"
        }
    }
}
