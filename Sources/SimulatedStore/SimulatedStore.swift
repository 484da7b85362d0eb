public import BSON
public import DocumentStore
private import Synchronization

/// A document store in memory that behaves as MongoDB does, and fails as a network does, both repeatably.
///
/// - All chance comes from the seed: the same calls in the same order have the same outcomes.
/// - Faults are drawn from the `FaultPlan`, or handed out one by one with `injectAttempts` and `injectReads`.
/// - Every operation first suspends, so that tasks on a `SimulatedScheduler` interleave in a repeatable order.
///
/// It keeps no JSON schema, of the indexes only the unique ones, and knows top-level fields only. Safe to use from
/// any task.
public final class SimulatedStore: DocumentStore {
    /// The server's time when its clock began: 2024-01-01 00:00 UTC, in milliseconds since 1970.
    public static let timeAtStart: Int64 = 1_704_067_200_000

    /// The time that slow operations take up.
    public let clock: SimulatedClock
    private let state: Mutex<SimulatedState>

    /// - Parameter prepared: collections that are there from the start, as if they had been prepared.
    public init(
        seed: UInt64,
        faults: FaultPlan = FaultPlan(),
        clock: SimulatedClock = SimulatedClock(),
        prepared: [CollectionSpecification] = []
    ) {
        faults.validate()
        self.clock = clock
        state = Mutex(SimulatedState(seed: seed, faults: faults, clock: clock, prepared: prepared))
    }

    public func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        await Task.yield()
        return state.withLock { $0.attempt([change], isBulk: false)[0] }
    }

    public func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        await Task.yield()
        return state.withLock { $0.attempt(changes, isBulk: true) }
    }

    public func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await Task.yield()
        return state.withLock { $0.attemptTogether(changes) }
    }

    public func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        await Task.yield()
        let found = state.withLock {
            $0.read(at: query.moment) { $0[query.collection]?.find(query.conditions) ?? [] }
        }
        return try query.sort(found.get()).prefix(query.limit).map { query.project($0) }
    }

    public func moment() async throws(StoreError) -> StoreMoment {
        await Task.yield()
        return try state.withLock { $0.moment() }.get()
    }

    public func count(
        _ collection: String,
        where conditions: [DocumentQuery.Condition]
    ) async throws(StoreError) -> Int {
        await Task.yield()
        return try state.withLock { $0.read { $0[collection]?.find(conditions).count ?? 0 } }.get()
    }

    /// `timeAtStart` plus the time on the simulated clock; fails as a find does.
    public func serverTime() async throws(StoreError) -> Int64 {
        await Task.yield()
        try state.withLock { $0.read { _ in } }.get()
        return Self.timeAtStart + clock.now.milliseconds
    }

    public func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        await Task.yield()
        try state.withLock { $0.prepare(specification) }.get()
    }
}

// What tests and simulations decide.
extension SimulatedStore {
    /// How often what goes wrong from now on.
    public var faults: FaultPlan {
        get { state.withLock { $0.faults } }
        set {
            newValue.validate()
            state.withLock { $0.faults = newValue }
        }
    }

    /// Hands the next attempts these faults, one each, ahead of the plan.
    public func injectAttempts(_ faults: [AttemptFault]) {
        state.withLock { $0.injectedAttempts += faults }
    }

    /// Hands the next finds, counts and questions for the time these faults, one each, ahead of the plan.
    public func injectReads(_ faults: [ReadFault]) {
        state.withLock { $0.injectedReads += faults }
    }

    /// Lets `operations` more operations through; after them every call fails as closed, without effect.
    ///
    /// - Parameter lastReplyLost: Whether the last of them is made, yet answered as if its reply was lost.
    public func crashAfter(_ operations: Int, lastReplyLost: Bool = false) {
        precondition(operations >= 0, "a crash is now or later")
        state.withLock { $0.crash = .init(operationsLeft: operations, lastReplyLost: lastReplyLost) }
    }

    /// Takes calls again after a crash, with the documents that are there, and forgets a crash that is still to come.
    public func revive() {
        state.withLock { $0.crash = nil }
    }

    /// Lets all requests that are still under way arrive, as if much time had passed.
    public func deliverLateChanges() {
        state.withLock { $0.deliverLate(dueBy: .max) }
    }
}

// What tests and simulations see. Looking is no operation: nothing fails, no time passes.
extension SimulatedStore {
    /// All documents of a collection, in the order of their ids.
    public func documents(in collection: String) -> [BSONDocument] {
        state.withLock { $0.collections[collection]?.documents ?? [] }
    }

    /// How the collection was prepared, where it was.
    public func specification(of collection: String) -> CollectionSpecification? {
        state.withLock { $0.collections[collection]?.specification }
    }

    /// The operations that got through: a bulk is one, changes that take effect together are one, calls after a crash
    /// are none.
    public var operationCount: Int { state.withLock { $0.operationCount } }

    /// The changes that took effect, in the order in which they did.
    public var history: [AppliedChange] { state.withLock { $0.history } }

    /// The changes whose requests are still under way.
    public var lateChanges: [VersionedChange] { state.withLock { $0.late.flatMap(\.changes) } }

    /// Whether calls are refused because of a crash.
    public var isCrashed: Bool { state.withLock { $0.crash?.operationsLeft == 0 } }
}
