import DocumentStore
import SimulatedStore
import Testing

@testable import Leases

@Suite struct LeaseStoreTests {
    private let timing = LeaseTiming(length: .seconds(4))
    private let simulated = SimulatedStore(seed: 1)
    private let store: LeaseStore

    init() {
        store = LeaseStore(
            writer: VersionedWriter(
                store: simulated,
                policy: RetryPolicy(deadline: .seconds(1)),
                environment: simulated.clock.environment
            ),
            operationIDs: OperationIDs(process: 1, start: 1)
        )
    }

    private func apply(_ step: LeaseStep, by instance: String, at time: Int64) async throws -> LeaseStore.Outcome {
        try #require(try await store.apply([("s", step)], by: instance, at: time, timing).first)
    }

    @Test func aLeaseComesBackAsItWasWritten() async throws {
        guard case .applied(let first) = try await apply(.create, by: "one", at: 1_000) else {
            Issue.record("not created")
            return
        }
        #expect(first.owner == "one" && first.epoch == 1 && first.expiresAt == 5_000 && first.term.followsRelease)
        #expect(try await store.leases(of: ["s", "t"]) == ["s": first])
        guard case .applied(let second) = try await apply(.take(first), by: "two", at: 9_000) else {
            Issue.record("not taken")
            return
        }
        #expect(second.owner == "two" && second.epoch == 2 && second.predecessor == "one")
        #expect(!second.term.followsRelease && second.end(ofEpoch: 1) == 9_000 && second.end(ofEpoch: 2) == nil)
        #expect(try await store.allLeases() == ["s": second])
    }

    @Test func aLeaseThatWasGivenBackTellsItsSuccessor() async throws {
        guard case .applied(let first) = try await apply(.create, by: "one", at: 0),
            case .applied(let released) = try await apply(.release(first), by: "one", at: 1_000),
            case .applied(let second) = try await apply(.take(released), by: "two", at: 1_001)
        else {
            Issue.record("not taken")
            return
        }
        #expect(released.isReleased && !second.isReleased && second.term.followsRelease)
    }

    @Test func ofTwoWhoTakeItOneIsOvertaken() async throws {
        guard case .applied(let first) = try await apply(.create, by: "one", at: 0) else {
            Issue.record("not created")
            return
        }
        let two = try await apply(.take(first), by: "two", at: 9_000)
        let three = try await apply(.take(first), by: "three", at: 9_000)
        #expect(two != .overtaken && three == .overtaken)
        #expect(try await apply(.renew(first, handsOver: false), by: "one", at: 9_001) == .overtaken)
    }

    @Test func oldTermsAreForgottenAndTheirEndIsThatOfTheFirstThatIsKnown() async throws {
        guard case .applied(var lease) = try await apply(.create, by: "one", at: 0) else {
            Issue.record("not created")
            return
        }
        for number in 1...Lease.termsMax + 4 {
            guard case .applied(let next) = try await apply(.take(lease), by: "two", at: Int64(number) * 10_000) else {
                Issue.record("not taken")
                return
            }
            lease = next
        }
        #expect(lease.terms.count == Lease.termsMax)
        #expect(lease.end(ofEpoch: 1) == lease.terms.first?.since)
    }

    @Test func aNameOfOneThatLivesIsTaken() async throws {
        let announce = { (identity: String, time: Int64) in
            try await store.announce(
                "one",
                identity: identity,
                sources: ["s"],
                startedAt: 0,
                at: time,
                timing,
                knowing: try await store.instances()
            )
        }
        #expect(try await announce("a", 0) == .made)
        #expect(try await announce("b", 4_499) == .nameIsTaken)
        #expect(try await announce("a", 4_499) == .made)
        #expect(try await announce("b", 20_000) == .made)
        #expect(try await store.instances().map(\.identity) == ["b"])
        try await store.withdraw("one", identity: "a")
        #expect(try await store.instances().count == 1)
        try await store.withdraw("one", identity: "b")
        #expect(try await store.instances().isEmpty)
    }
}
