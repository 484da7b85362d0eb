import DocumentStore
package import Leases
private import Synchronization

/// A source that several instances share: it works while this one has its lease.
///
/// Each time with the lease is the work of a source of its own, which is made for it. Safe to use from any task.
package final class LeasedSource: ServiceSource {
    /// How the source is made, and what is left of it.
    package struct Recipe: Sendable {
        /// What the source is: another text is another source.
        package let description: String
        /// Makes the source for a time with the lease.
        package let make: @Sendable (Tenure) throws -> any ServiceSource
        /// Makes what stores the tapes that earlier times left on this machine.
        ///
        /// The lease tells up to when they count; a tape of the epoch is left alone, because it is gone on with.
        package let leftovers: @Sendable (Lease?, _ epoch: Int64?) throws -> [any ServiceSource]
        /// The epoch of the time that a restart interrupted perhaps; nil where there is none to be gone on with without
        /// MongoDB.
        package let interruptedEpoch: @Sendable () -> Int64?

        package init(
            description: String,
            make: @escaping @Sendable (Tenure) throws -> any ServiceSource,
            leftovers: @escaping @Sendable (Lease?, _ epoch: Int64?) throws -> [any ServiceSource] = { _, _ in [] },
            interruptedEpoch: @escaping @Sendable () -> Int64? = { nil }
        ) {
            self.description = description
            self.make = make
            self.leftovers = leftovers
            self.interruptedEpoch = interruptedEpoch
        }
    }

    /// How the source stands with others.
    package struct Standing: Equatable, Sendable {
        /// Who has the lease, or had it last; nil where nobody ever had, or nothing is known.
        package let owner: String?
        /// Of that lease; zero where there is none.
        package let epoch: Int64
        /// Whether this instance takes what comes.
        package let isHeld: Bool
    }

    package let name: String
    private let pin: String?
    private let recipe: Recipe
    private let keeper: LeaseKeeper
    private let environment: ServiceEnvironment
    private let stop = Latch()
    private let changed = Signal()
    private let state: Mutex<State>

    private struct State {
        /// What works, or worked last, or would.
        var present: any ServiceSource
        var seat: LeaseSeat?
        var isWorking = false
    }

    /// - Parameters:
    ///   - idle: the source as it is while it does not work.
    ///   - pin: the instance that it is assigned to; nil for whichever it falls to.
    package init(
        _ name: String,
        pin: String?,
        idle: any ServiceSource,
        recipe: Recipe,
        keeper: LeaseKeeper,
        environment: ServiceEnvironment
    ) {
        self.name = name
        self.pin = pin
        self.recipe = recipe
        self.keeper = keeper
        self.environment = environment
        state = Mutex(State(present: idle))
    }

    /// The source that works, or worked last.
    package var present: any ServiceSource { state.withLock { $0.present } }

    package var standing: Standing {
        let (seat, isWorking) = state.withLock { ($0.seat, $0.isWorking) }
        let lease = seat?.lease
        return Standing(owner: lease?.owner, epoch: lease?.epoch ?? 0, isHeld: isWorking)
    }

    /// Whether it waits for others, or works as it should.
    package var isStarted: Bool {
        let (present, seat, isWorking) = state.withLock { ($0.present, $0.seat, $0.isWorking) }
        if isWorking { return present.isStarted }
        guard let seat else { return false }
        if case .standby = seat.standing { return true }
        return false
    }

    package var troubles: [String] {
        let (present, isWorking) = state.withLock { ($0.present, $0.isWorking) }
        return isWorking ? present.troubles : []
    }

    package func isSame(as other: any ServiceSource) -> Bool {
        guard let other = other as? LeasedSource else { return false }
        return name == other.name && pin == other.pin && recipe.description == other.recipe.description
    }

    package func end() {
        stop.raise()
        changed.raise()
        present.end()
    }

    /// Waits for the lease, works under it, and gives it back, again and again.
    ///
    /// - Throws: what the source ends with, unless another instance has the lease meanwhile.
    package func run() async throws {
        let seat = keeper.sit(name, pin: pin) { [changed] in changed.raise() }
        state.withLock { $0.seat = seat }
        defer { keeper.leave(seat) }
        var worked: Tenure?
        while !stop.isRaised {
            switch seat.standing {
            case .unknown:
                if seat.isOutOfReach, let epoch = recipe.interruptedEpoch() { seat.assume(epoch: epoch) }
            case .standby: try await storeLeftovers(seat.lease, epoch: nil)
            case .held(let tenure) where tenure !== worked && tenure.end != .lost:
                worked = tenure
                if !tenure.isAssumed { try await storeLeftovers(seat.lease, epoch: tenure.epoch) }
                try await work(tenure, seat)
                continue
            // It is given back, or known to be lost, in a moment.
            case .held: break
            }
            if !stop.isRaised { await changed.wait() }
            try Task.checkCancellation()
        }
    }

    /// Stores what earlier times left: before anything new is recorded, because positions only grow.
    private func storeLeftovers(_ lease: Lease?, epoch: Int64?) async throws {
        for source in try recipe.leftovers(lease, epoch) where !stop.isRaised {
            log("what an earlier lease left on its tape is stored")
            try await run(source, endingWith: nil)
        }
    }

    private func work(_ tenure: Tenure, _ seat: LeaseSeat) async throws {
        guard !stop.isRaised else { return seat.giveUp() }
        log(
            tenure.isAssumed
                ? "MongoDB does not answer: records as under lease \(tenure.epoch), which it had before"
                : "has lease \(tenure.epoch)" + (tenure.predecessor.map { ", after '\($0)'" } ?? "")
        )
        let source = try recipe.make(tenure)
        state.withLock { state in
            state.present = source
            state.isWorking = true
        }
        defer { state.withLock { $0.isWorking = false } }
        do {
            try await run(source, endingWith: tenure)
        } catch let error as StoreError where error.code == .fenced {
            log("lost lease \(tenure.epoch), and stops: \(error.message)", .warning)
            return seat.giveUp()
        }
        guard tenure.end != .lost else {
            let owner = seat.lease?.owner ?? "another instance"
            return log("lost lease \(tenure.epoch) to '\(owner)', and stopped", .warning)
        }
        // What is left on the tape is stored after the next start; until then the lease is not given back.
        guard source.hasStoredAll else { return seat.giveUp() }
        log(tenure.end == .handOver ? "everything is stored: it is handed over" : "everything is stored")
        seat.finish()
    }

    /// Runs a source until it ends, is told to, or its lease is.
    private func run(_ source: any ServiceSource, endingWith tenure: Tenure?) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await source.run() }
            group.addTask { [stop, changed] in
                while !Task.isCancelled {
                    if stop.isRaised { source.end() }
                    switch tenure?.end {
                    case .handOver: source.end()
                    case .lost: source.abandon()
                    case nil: break
                    }
                    await changed.wait()
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func log(_ line: String, _ level: LogLine.Level = .info) { environment.log(line, level, source: name) }
}
