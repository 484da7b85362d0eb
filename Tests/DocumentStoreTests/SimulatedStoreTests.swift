import BSON
import DocumentStore
import SimulatedStore
import Testing

/// The simulation itself: a fault must do what its name says, or the tests that rely on it show nothing.
@Suite struct SimulatedStoreTests {
    private let store = SimulatedStore(seed: 5)

    private func isThere() -> Bool { !store.documents(in: Counters.collection).isEmpty }

    @Test(arguments: [
        (AttemptFault.none, "applied", true), (.lostRequest, "unknown", false), (.lostReply, "unknown", true),
        (.lateApply, "unknown", false), (.unavailable, "failed", false), (.writeConcernError, "applied", true),
        (.rolledBack, "applied", false),
    ])
    func faultOfASingleChangeDoesWhatItSays(fault: AttemptFault, answer: String, isApplied: Bool) async {
        store.injectAttempts([fault])
        #expect(await store.attempt(Counters.create()).name == answer)
        #expect(isThere() == isApplied)
        #expect(store.history.count == (isApplied ? 1 : 0))
    }

    @Test func lateChangeArrivesWithinItsOperations() async throws {
        store.injectAttempts([.lateApply])
        _ = await store.attempt(Counters.create())
        #expect(store.lateChanges == [Counters.create()])
        for _ in 0..<store.faults.lateOperationsMax { _ = try await store.count("elsewhere", where: []) }
        #expect(isThere())
        #expect(store.lateChanges.isEmpty)
        #expect(store.history.map(\.late) == [true])
    }

    @Test func lateChangeThatComesTooLateDoesNothing() async {
        _ = await store.attempt(Counters.create())
        store.injectAttempts([.lateApply])
        _ = await store.attempt(Counters.update(operation: 2, value: 2))
        store.deliverLateChanges()
        _ = await store.attempt(Counters.update(expecting: 2, operation: 3, value: 3))
        store.injectAttempts([.lateApply])
        _ = await store.attempt(Counters.update(expecting: 3, operation: 4, value: 4))
        _ = await store.attempt(Counters.update(expecting: 3, operation: 5, value: 5))
        store.deliverLateChanges()
        #expect(store.documents(in: Counters.collection).first?["value"] == 5)
        #expect(store.history.map(\.operationID.low) == [1, 2, 3, 5])
    }

    @Test func bulkInDoubtAppliesSomeAndLeavesSome() async {
        store.injectAttempts([.bulkInDoubt])
        let outcomes = await store.attempt((0..<100).map { Counters.create("n\($0)", operation: UInt64($0)) })
        let names = Set(outcomes.map(\.name))
        #expect(names == ["applied", "unknown"])
        #expect(store.history.count > outcomes.count { $0.name == "applied" })
        #expect(store.history.count < 100)
    }

    @Test func plannedFaultsComeAboutAsOftenAsPlanned() async {
        store.faults = .all(0.1)
        var counts: [String: Int] = [:]
        for index in 0..<2_000 {
            counts[await store.attempt(Counters.create("n\(index)", operation: UInt64(index))).name, default: 0] += 1
        }
        #expect((500...700).contains(counts["unknown", default: 0]))
        #expect((150...250).contains(counts["failed", default: 0]))
        #expect(store.clock.now > .seconds(100))
    }

    @Test func crashStopsEverythingUntilItIsRevived() async throws {
        store.crashAfter(1)
        #expect(await store.attempt(Counters.create()).name == "applied")
        #expect(store.isCrashed)
        guard case .failed(let error) = await store.attempt(Counters.update()) else {
            Issue.record("not failed")
            return
        }
        #expect(error.code == .closed)
        await #expect(throws: StoreError.self) { try await store.count(Counters.collection, where: []) }
        await #expect(throws: StoreError.self) { try await store.find(DocumentQuery(Counters.collection, limit: 1)) }
        #expect(await store.attempt([Counters.update()]).map(\.name) == ["failed"])
        #expect(store.operationCount == 1)
        store.revive()
        #expect(try await store.count(Counters.collection, where: []) == 1)
    }

    @Test func lastReplyBeforeACrashMayBeLost() async {
        store.crashAfter(1, lastReplyLost: true)
        #expect(await store.attempt(Counters.create()).name == "unknown")
        #expect(isThere())
        #expect(await store.attempt(Counters.update()).name == "failed")
    }

    @Test func slowOperationsTakeVirtualTimeOnly() async throws {
        store.faults.slow = 1
        store.faults.slowMax = .seconds(3600)
        _ = try await store.count(Counters.collection, where: [])
        #expect(store.clock.now > .zero && store.clock.now < .seconds(3600))
    }

    @Test func checkerFindsWhatMustNotHappen() {
        func change(_ kind: AppliedChange.Kind, version: Int64, operation: UInt64) -> AppliedChange {
            AppliedChange(
                key: Counters.key("a"),
                kind: kind,
                version: version,
                operationID: Counters.operation(operation),
                late: false
            )
        }
        let created = change(.create, version: 1, operation: 1)
        let deleted = change(.delete, version: 2, operation: 2)
        #expect(HistoryChecker.violations(of: [created, deleted, change(.create, version: 1, operation: 3)]).isEmpty)
        #expect(HistoryChecker.violations(of: [created, change(.update, version: 3, operation: 2)]).count == 1)
        #expect(HistoryChecker.violations(of: [created, change(.update, version: 2, operation: 1)]).count == 1)
        #expect(HistoryChecker.violations(of: [created, change(.create, version: 2, operation: 2)]).count == 1)
        #expect(HistoryChecker.violations(of: [change(.update, version: 1, operation: 1)]).count == 1)
    }

    @Test func generatorGivesThePublishedNumbers() {
        // The first numbers of the reference implementation for the seed 1234567.
        var generator = SplitMix64(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }
}

extension AttemptOutcome {
    var name: String {
        switch self {
        case .applied: "applied"
        case .notApplied: "notApplied"
        case .failed: "failed"
        case .unknown: "unknown"
        }
    }
}
