import Testing

@testable import Leases

@Suite struct LeasePlanTests {
    private static let timing = LeaseTiming(length: .seconds(4))
    private let plan = LeasePlan(instance: "me", timing: timing)
    private let margin: Int64 = 500

    private func instance(_ name: String, until: Int64 = 10_000, sources: Set<String> = ["s"]) -> Instance {
        Instance(name: name, identity: name, startedAt: 0, expiresAt: until, sources: sources, version: 1)
    }

    private func lease(_ owner: String, epoch: Int64 = 1, until: Int64 = 10_000, isReleased: Bool = false) -> Lease {
        let term = Lease.Term(epoch: epoch, owner: owner, since: 0, followsRelease: true)
        return Lease(source: "s", version: 3, terms: [term], expiresAt: until, isReleased: isReleased)
    }

    private func step(
        pin: String? = "me",
        holding: LeaseHolding = .none,
        _ lease: Lease?,
        among instances: [Instance] = [],
        at time: Int64 = 0
    ) -> LeaseStep {
        plan.step("s", pin: pin, holding, lease, among: instances, at: time)
    }

    @Test func firstLeaseIsMadeByWhomTheSourceBelongsTo() {
        #expect(step(nil) == .create)
        #expect(step(pin: "other", nil) == .wait(nil))
    }

    @Test func aLeaseIsLeftAloneUntilItIsOverForCertain() {
        let lease = lease("other")
        #expect(step(lease, at: 10_000 + margin - 1) == .wait(lease))
        #expect(step(lease, at: 10_000 + margin) == .take(lease))
        #expect(step(pin: "other", lease, at: 20_000) == .wait(lease))
    }

    @Test func whatWasGivenBackIsTakenAtOnce() {
        let lease = lease("other", isReleased: true)
        #expect(step(lease) == .take(lease))
    }

    @Test func ownLeaseIsRenewedAlsoWhenItIsOver() {
        let lease = lease("me")
        #expect(step(holding: .held(epoch: 1), lease) == .renew(lease, handsOver: false))
        #expect(step(holding: .held(epoch: 1), lease, at: 20_000) == .renew(lease, handsOver: false))
    }

    @Test func leaseOfBeforeARestartGoesOn() {
        let lease = lease("me")
        #expect(step(holding: .none, lease) == .renew(lease, handsOver: false))
        // To give it back would say that everything is stored.
        #expect(step(pin: "other", holding: .none, lease) == .wait(lease))
    }

    @Test func anotherEpochIsALostLease() {
        #expect(step(holding: .held(epoch: 1), lease("other", epoch: 2)) == .lose(lease("other", epoch: 2)))
        #expect(step(holding: .held(epoch: 1), lease("me", epoch: 3)) == .lose(lease("me", epoch: 3)))
        #expect(step(holding: .finished(epoch: 1), lease("other", epoch: 2)) == .lose(lease("other", epoch: 2)))
    }

    @Test func aSourceIsHandedOverToWhoIsThereToTakeIt() {
        let lease = lease("me")
        let there = step(pin: "other", holding: .held(epoch: 1), lease, among: [instance("other")])
        #expect(there == .renew(lease, handsOver: true))
        let away = step(pin: "other", holding: .held(epoch: 1), lease, among: [instance("other", until: -1_000)])
        #expect(away == .renew(lease, handsOver: false))
        let withoutSource = step(pin: "other", holding: .held(epoch: 1), lease, among: [instance("other", sources: [])])
        #expect(withoutSource == .renew(lease, handsOver: false))
    }

    @Test func whatIsFinishedIsGivenBack() {
        #expect(step(holding: .finished(epoch: 1), lease("me")) == .release(lease("me")))
    }

    @Test func sourcesWithoutPinFallToOneOfThoseThatLiveAndHaveThem() throws {
        let others = (0..<20).map { instance("other-\($0)") }
        let owner = try #require(Rendezvous.owner(of: "s", among: others.map(\.name) + ["me"]))
        #expect(owner != "me")
        #expect(step(pin: nil, nil, among: others) == .wait(nil))
        let dead = others.map { instance($0.name, until: -1_000) }
        #expect(step(pin: nil, nil, among: dead) == .create)
        let without = others.map { instance($0.name, sources: ["t"]) }
        #expect(step(pin: nil, nil, among: without) == .create)
    }
}
