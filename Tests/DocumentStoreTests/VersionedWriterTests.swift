import BSON
import DocumentStore
import SimulatedStore
import Testing

@Suite struct VersionedWriterTests {
    @Test func changeOfTheExpectedVersionIsApplied() async {
        let desk = await Desk()
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.value == 2)
        #expect(desk.interfering.queries.isEmpty)
        #expect(desk.writer.statistics.attempts == 1)
    }

    @Test(arguments: [AttemptFault.writeConcernError, .rolledBack])
    func whatNoMajorityConfirmedIsLookedAtAgain(fault: AttemptFault) async {
        let desk = await Desk()
        desk.store.injectAttempts([fault])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.value == 2)
        #expect(desk.store.history.count == 2)
        #expect(desk.writer.statistics.attempts == (fault == .rolledBack ? 2 : 1))
        #expect(desk.writer.statistics.resolved == (fault == .rolledBack ? 0 : 1))
    }

    @Test func whatNoMajorityConfirmsUntilTheDeadlineIsUnknown() async {
        let desk = await Desk()
        desk.store.faults.rolledBack = 1
        guard case .unknown(let error) = await desk.writer.apply(Counters.update()) else {
            Issue.record("a change that may be undone was acknowledged")
            return
        }
        #expect(error.message.contains("majority"))
        #expect(desk.value == 1)
    }

    @Test func versionThatMovedOnIsAConflictWithTheCurrentDocument() async {
        let desk = await Desk()
        _ = await desk.store.attempt(Counters.update(operation: 50, value: 70))
        let outcome = await desk.writer.apply(Counters.update())
        #expect(outcome == .conflict(current: desk.store.documents(in: Counters.collection)[0]))
        #expect(desk.value == 70)
        #expect(desk.writer.statistics.conflicts == 1)
        #expect(desk.writer.statistics.retries == 0)
    }

    @Test func conflictLeavesOutTheFieldsThatAreNotWanted() async {
        let desk = await Desk()
        let change = VersionedChange(
            key: Counters.key("a"),
            action: .delete(expectedVersion: 9),
            operationID: Counters.operation(9),
            conflictExcludes: ["value"]
        )
        guard case .conflict(let current) = await desk.writer.apply(change) else {
            Issue.record("no conflict")
            return
        }
        #expect(current["value"] == nil)
        #expect(current[DocumentField.version] == 1)
    }

    @Test func createOfWhatIsThereIsAConflict() async {
        let desk = await Desk()
        let outcome = await desk.writer.apply(Counters.create(operation: 9, value: 9))
        #expect(outcome == .conflict(current: desk.store.documents(in: Counters.collection)[0]))
    }

    @Test func changeOfWhatIsNotThereIsNotFound() async {
        let desk = await Desk()
        #expect(await desk.writer.apply(Counters.update("b")) == .notFound)
        #expect(await desk.writer.apply(Counters.delete("b")) == .notFound)
    }

    @Test func refusalIsFinal() async {
        let desk = await Desk()
        let change = VersionedChange(
            key: Counters.key("a"),
            action: .update(expectedVersion: 1, DocumentUpdate(push: [("value", [1])])),
            operationID: Counters.operation(2)
        )
        guard case .failed(let error) = await desk.writer.apply(change) else {
            Issue.record("not failed")
            return
        }
        #expect(error.code == .refused)
        #expect(desk.writer.statistics.attempts == 1)
        #expect(desk.clock.now == .zero)
    }

    @Test func passingFailureIsRepeatedWithoutReading() async {
        let desk = await Desk()
        desk.store.injectAttempts([.unavailable, .unavailable])
        #expect(await desk.writer.apply(Counters.update()) == .applied(version: 2, durability: .confirmed))
        #expect(desk.interfering.queries.isEmpty)
        #expect(desk.writer.statistics.retries == 2)
    }

    @Test func failureThatDoesNotPassEndsAtTheDeadline() async {
        let desk = await Desk()
        desk.store.faults.unavailable = 1
        guard case .failed(let error) = await desk.writer.apply(Counters.update()) else {
            Issue.record("not failed")
            return
        }
        #expect(error.code == .unavailable)
        #expect(desk.clock.now < Desk.deadline)
        #expect(desk.clock.now > Desk.deadline / 2)
        #expect(desk.writer.statistics.attempts < 200)
        #expect(desk.value == 1)
    }

    @Test func nothingIsAttemptedWhereTimePassedDuringThePause() async {
        let clock = SimulatedClock()
        let store = SimulatedStore(seed: 1, clock: clock)
        store.faults.unavailable = 1
        let environment = RetryEnvironment(
            now: { clock.now },
            sleep: { _ in clock.advance(by: .seconds(60)) },
            random: { 0.5 }
        )
        let policy = RetryPolicy(deadline: .seconds(10))
        let writer = VersionedWriter(store: store, policy: policy, environment: environment)
        guard case .failed = await writer.apply(Counters.create()) else {
            Issue.record("not failed")
            return
        }
        #expect(writer.statistics.attempts == 1)
    }

    @Test func noChangesAreNoOperation() async {
        let desk = await Desk()
        #expect(await desk.writer.apply([]).isEmpty)
        #expect(desk.store.operationCount == 1)
    }

    @Test func bulkSettlesEachChangeForItself() async {
        let desk = await Desk()
        _ = await desk.store.attempt(Counters.create("b", operation: 10))
        _ = await desk.store.attempt(Counters.update("b", operation: 11))
        let outcomes = await desk.writer.apply([
            Counters.update("b", operation: 20), Counters.update("z", operation: 21),
            Counters.create("c", operation: 22), Counters.update("a", operation: 23),
            Counters.create("a2", operation: 24),
        ])
        #expect(outcomes.map(\.name) == ["conflict", "notFound", "applied", "applied", "applied"])
    }

    @Test func bulkInDoubtIsResolvedByReadingEachBack() async {
        let desk = await Desk()
        for seed: UInt64 in 1...50 {
            let store = SimulatedStore(seed: seed, clock: desk.clock)
            let writer = VersionedWriter(
                store: store,
                policy: RetryPolicy(deadline: Desk.deadline),
                environment: desk.clock.environment
            )
            store.injectAttempts([.bulkInDoubt])
            let changes = (0..<8).map { Counters.create("n\($0)", operation: UInt64(100 + $0)) }
            let outcomes = await writer.apply(changes)
            store.deliverLateChanges()
            #expect(outcomes.allSatisfy { $0 == .applied(version: 1, durability: .confirmed) }, "seed \(seed)")
            #expect(store.history.count == 8, "seed \(seed)")
            #expect(writer.statistics.resolved > 0, "seed \(seed)")
        }
    }

    @Test func readIsRepeatedUntilItSucceeds() async throws {
        let desk = await Desk()
        desk.store.injectReads([.unavailable, .unavailable])
        #expect(try await desk.writer.find(DocumentQuery(Counters.collection, limit: 5)).count == 1)
        desk.store.faults.readUnavailable = 1
        let error = await #expect(throws: StoreError.self) {
            try await desk.writer.find(DocumentQuery(Counters.collection, limit: 5))
        }
        #expect(error?.code == .unavailable)
    }
}
