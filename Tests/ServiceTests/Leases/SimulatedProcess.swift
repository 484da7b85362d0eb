import BSON
import DocumentStore
import Live
import SimulatedStore
import Synchronization
import WebClient

@testable import Leases
@testable import Service

/// One start of a daemon with one shared source, on a machine that may pause it, or kill it.
final class SimulatedProcess: Sendable {
    let instance: String
    let clock: SimulatedClock
    let venue: SimulatedVenue
    let environment: RetryEnvironment
    let writer: VersionedWriter
    let operationIDs: OperationIDs
    /// What records at the moment.
    let present = Mutex<SimulatedSource?>(nil)
    private let machine: Machine
    private let rounds: LeaseKeeper
    private let leased: LeasedSource

    static let source = "feed"
    /// Nobody polls; a client for each of thousands of processes would be a thread each.
    private static let polling = Result { try RestBench(WebClient()).environment }

    /// - Parameters:
    ///   - drift: how much faster than right the monotonic clock of the machine goes.
    ///   - pauses: how often, of operations, the process is paused.
    ///   - skew: how much the clock of the server that is asked is off.
    init(
        _ instance: String,
        _ store: SimulatedStore,
        _ venue: SimulatedVenue,
        _ timing: LeaseTiming,
        drift: Double,
        pauses: Double,
        skew: @escaping @Sendable () -> Duration,
        seed: UInt64
    ) throws {
        self.instance = instance
        self.venue = venue
        clock = store.clock
        let machine = Machine(store.clock, drift: drift, pauses: pauses, seed: seed)
        self.machine = machine
        environment = machine.environment
        let paused = PausedStore(store, machine, skew)
        operationIDs = OperationIDs(process: UInt32(truncatingIfNeeded: seed), start: seed)
        writer = VersionedWriter(store: paused, policy: RetryPolicy(deadline: .seconds(5)), environment: environment)
        rounds = LeaseKeeper(
            LeaseKeeper.Identity(name: instance, identity: instance),
            timing,
            writer: VersionedWriter(
                store: paused,
                policy: RetryPolicy(deadline: timing.length),
                environment: environment
            ),
            operationIDs: operationIDs,
            environment: environment,
            nudge: {}
        )
        let box = Box()
        leased = LeasedSource(
            Self.source,
            pin: nil,
            idle: IdleSource(),
            recipe: box.recipe(instance),
            keeper: rounds,
            environment: try .test(retry: environment, polling: Self.polling.get())
        )
        box.reference.withLock { $0.process = self }
    }

    /// Breaks the circle between a source and the process that makes it.
    private final class Box: Sendable {
        struct Reference {
            weak var process: SimulatedProcess?
        }

        let reference = Mutex(Reference())
        private var process: SimulatedProcess? { reference.withLock { $0.process } }

        func recipe(_ instance: String) -> LeasedSource.Recipe {
            let made = { @Sendable (epoch: Int64, tenure: Tenure?, bound: Duration?) throws -> [any ServiceSource] in
                guard let process = self.process else { return [] }
                let tape = SimulatedVenue.TapeName(instance: instance, epoch: epoch)
                return [
                    SimulatedSource(
                        SimulatedProcess.source,
                        tape,
                        tenure,
                        receivedBefore: bound,
                        process: process
                    )
                ]
            }
            return LeasedSource.Recipe(
                description: "",
                make: { try made($0.epoch, $0, nil).first ?? IdleSource() },
                leftovers: { lease, present in
                    let epochs = self.process?.venue.epochs(of: instance) ?? []
                    return try epochs.filter { $0 != present }.flatMap { epoch in
                        let end = lease?.end(ofEpoch: epoch)
                        return try made(epoch, nil, end.map { .milliseconds($0 - SimulatedStore.timeAtStart) })
                    }
                },
                interruptedEpoch: { self.process?.venue.epochs(of: instance).last }
            )
        }
    }

    /// Lets its tasks run.
    func start(on scheduler: SimulatedScheduler) {
        scheduler.start {
            try? await self.leased.run()
            self.present.withLock { $0 = nil }
            self.machine.note(ended: true)
        }
        scheduler.start {
            defer { self.machine.noteGone() }
            while !self.machine.hasEnded {
                _ = await self.rounds.round()
                guard (try? await self.environment.sleep(self.rounds.timing.interval / 8)) != nil else { return }
            }
            try? await self.rounds.withdraw()
        }
    }

    /// Ends it in order.
    func end() { leased.end() }

    /// Whether nothing of it runs any more: another start may take its folder.
    var isGone: Bool { machine.isGone }

    /// Ends it like `kill -9`.
    func kill() {
        machine.kill()
        leased.end()
        present.withLock { $0 }?.abandon()
    }

    /// Nothing goes wrong any more.
    func calm() { machine.calm() }
}

/// Does nothing, for as long as it is let.
final class IdleSource: ServiceSource {
    let name = SimulatedProcess.source
    let isStarted = true
    let troubles: [String] = []
    func run() async throws {}
    func end() {}
    func isSame(as other: any ServiceSource) -> Bool { self === other }
}

/// The machine of a process: its clock, and what becomes of it.
final class Machine: Sendable {
    private struct State {
        var generator: SplitMix64
        var pausedUntil: Duration = .zero
        var isKilled = false
        var hasEnded = false
        var isGone = false
        var pauses: Double
    }

    private let clock: SimulatedClock
    private let drift: Double
    private let state: Mutex<State>

    init(_ clock: SimulatedClock, drift: Double, pauses: Double, seed: UInt64) {
        self.clock = clock
        self.drift = drift
        state = Mutex(State(generator: SplitMix64(seed: seed), pauses: pauses))
    }

    var environment: RetryEnvironment {
        RetryEnvironment(
            now: { self.clock.now * (1 + self.drift) },
            sleep: { duration in
                try await self.pass()
                try await self.clock.sleep(duration)
                try await self.pass()
            },
            random: { self.state.withLock { $0.generator.nextUnit() } }
        )
    }

    /// Lets a pause pass, if there is one, or begins one; the process then does nothing, and time goes on.
    ///
    /// - Throws: `CancellationError` where the process was killed.
    func pass() async throws {
        state.withLock { state in
            guard state.generator.nextUnit() < state.pauses else { return }
            state.pausedUntil = clock.now + .milliseconds(state.generator.nextIndex(below: 30_000))
        }
        while true {
            let (isKilled, until) = state.withLock { ($0.isKilled, $0.pausedUntil) }
            if isKilled { throw CancellationError() }
            guard clock.now < until else { return }
            clock.advance(by: .milliseconds(20))
            await Task.yield()
        }
    }

    func kill() { state.withLock { $0.isKilled = true } }
    func calm() { state.withLock { $0.pauses = 0 } }
    func note(ended: Bool) { state.withLock { $0.hasEnded = ended } }
    func noteGone() { state.withLock { $0.isGone = true } }
    var isGone: Bool { state.withLock { $0.isGone || $0.isKilled } }
    var isKilled: Bool { state.withLock { $0.isKilled } }
    var hasEnded: Bool { state.withLock { $0.hasEnded || $0.isKilled } }
}

/// A store as a process sees it: it may be paused before it asks, and before it learns of the answer.
private final class PausedStore: DocumentStore {
    private let store: SimulatedStore
    private let machine: Machine
    private let skew: @Sendable () -> Duration

    init(_ store: SimulatedStore, _ machine: Machine, _ skew: @escaping @Sendable () -> Duration) {
        self.store = store
        self.machine = machine
        self.skew = skew
    }

    private static let killed = StoreError(.closed, "the process was killed")

    private func pass() async throws(StoreError) {
        do {
            try await machine.pass()
        } catch {
            throw Self.killed
        }
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        guard (try? await machine.pass()) != nil else { return .failed(Self.killed) }
        let outcome = await store.attempt(change)
        guard (try? await machine.pass()) != nil else { return .unknown(Self.killed) }
        return outcome
    }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        guard (try? await machine.pass()) != nil else { return changes.map { _ in .failed(Self.killed) } }
        let outcomes = await store.attempt(changes)
        guard (try? await machine.pass()) != nil else { return changes.map { _ in .unknown(Self.killed) } }
        return outcomes
    }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await store.attemptTogether(changes)
    }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        try await pass()
        let found = try await store.find(query)
        try await pass()
        return found
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        try await pass()
        return try await store.count(collection, where: conditions)
    }

    func serverTime() async throws(StoreError) -> Int64 {
        try await pass()
        let time = try await store.serverTime() + skew().milliseconds
        try await pass()
        return time
    }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }
}
