package import DocumentStore
private import Synchronization

/// Keeps the leases of one instance: takes those that fall to it, renews them, gives them back.
///
/// One round reads what there is, decides by `LeasePlan`, and writes; nothing is remembered between rounds but what
/// sources are told by their seats. Safe to use from any task.
package final class LeaseKeeper: Sendable {
    /// Who keeps leases.
    package struct Identity: Sendable {
        package let name: String
        /// The same after every start on the same machine, and no other machine's.
        package let identity: String

        package init(name: String, identity: String) {
            self.name = name
            self.identity = identity
        }
    }

    /// What became of a round.
    package enum Round: Equatable, Sendable {
        case done
        /// Another daemon that lives has the name: nothing is taken until it ends.
        case nameIsTaken
        case failed(StoreError)
    }

    package let me: Identity
    package let timing: LeaseTiming
    private let store: LeaseStore
    private let writer: VersionedWriter
    private let environment: RetryEnvironment
    private let nudge: @Sendable () -> Void
    private let plan: LeasePlan
    private let state = Mutex(State())

    private struct State {
        var seats: [String: LeaseSeat] = [:]
        var startedAt: Int64?
    }

    /// - Parameter nudge: is called when a round is worth its while before the next one is due.
    package init(
        _ me: Identity,
        _ timing: LeaseTiming,
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        environment: RetryEnvironment,
        nudge: @escaping @Sendable () -> Void
    ) {
        self.me = me
        self.timing = timing
        store = LeaseStore(writer: writer, operationIDs: operationIDs)
        self.writer = writer
        self.environment = environment
        self.nudge = nudge
        plan = LeasePlan(instance: me.name, timing: timing)
    }

    /// Takes a seat for a source, until `leave`.
    ///
    /// - Parameters:
    ///   - pin: the instance that the source is assigned to; nil for whichever it falls to.
    ///   - onChange: is called when what the source is to do changed.
    package func sit(_ source: String, pin: String?, onChange: @escaping @Sendable () -> Void) -> LeaseSeat {
        let seat = LeaseSeat(source: source, pin: pin, onChange: onChange, nudge: nudge)
        state.withLock { $0.seats[source] = seat }
        nudge()
        return seat
    }

    /// Ends what `sit` began: the source takes nothing any more, and what is finished of it is given back.
    package func leave(_ seat: LeaseSeat) {
        seat.leave()
        nudge()
    }

    /// The seats that are taken, and those whose leases are still to be given back.
    private func presentSeats() -> [LeaseSeat] {
        state.withLock { state in
            state.seats = state.seats.filter { !$0.value.isEmpty }
            return state.seats.values.sorted { $0.source < $1.source }
        }
    }

    /// Does what is to be done about all leases at the moment.
    package func round() async -> Round {
        do throws(StoreError) {
            return try await lookAndAct()
        } catch {
            for seat in presentSeats() { seat.noteOutOfReach() }
            return .failed(error)
        }
    }

    private func lookAndAct() async throws(StoreError) -> Round {
        let seats = presentSeats()
        let instances = try await store.instances()
        // The server tells its time after this, so an end that is counted from what it tells cannot come earlier.
        let sureUntil = environment.now() + timing.length
        let time = try await writer.serverTime()
        let announcement = try await store.announce(
            me.name,
            identity: me.identity,
            sources: Set(seats.lazy.filter { !$0.isLeaving }.map(\.source)),
            startedAt: startedAt(time),
            at: time,
            timing,
            knowing: instances
        )
        guard announcement == .made else { return .nameIsTaken }
        let leases = try await store.leases(of: seats.map(\.source))
        let steps = seats.map { seat in
            plan.step(seat.source, pin: seat.pin, seat.holding, leases[seat.source], among: instances, at: time)
        }
        let wanted = zip(seats, steps).map { ($0.source, $1) }
        let outcomes = try await store.apply(wanted, by: me.name, at: time, timing)
        for (seat, (step, outcome)) in zip(seats, zip(steps, outcomes)) {
            seat.note(step, outcome, sureUntil: sureUntil)
        }
        return .done
    }

    private func startedAt(_ time: Int64) -> Int64 {
        state.withLock { state in
            let startedAt = state.startedAt ?? time
            state.startedAt = startedAt
            return startedAt
        }
    }

    /// Gives everything back that is finished, and says that the instance ends.
    ///
    /// - Throws: `StoreError`.
    package func withdraw() async throws(StoreError) {
        _ = try await lookAndAct()
        try await store.withdraw(me.name, identity: me.identity)
    }
}

extension LeaseSeat {
    /// Passes on what was found, and done about it.
    fileprivate func note(_ step: LeaseStep, _ outcome: LeaseStore.Outcome, sureUntil: Duration) {
        switch (step, outcome) {
        case (.lose(let lease), _): lose(lease)
        case (.wait(let lease), _): wait(lease)
        case (.release, .applied(let lease)): released(lease)
        case (.renew(_, let handsOver), .applied(let lease)):
            hold(lease, sureUntil: sureUntil, handsOver: handsOver)
        case (.create, .applied(let lease)), (.take, .applied(let lease)):
            hold(lease, sureUntil: sureUntil, handsOver: false)
        case (_, .overtaken): break
        }
    }
}
