private import Synchronization

/// Where the keeper of leases and one source meet: what the source is to do, and how far it is.
///
/// Safe to use from any task.
package final class LeaseSeat: Sendable {
    /// What the source is to do.
    package enum Standing: Sendable {
        /// Nothing is known yet: MongoDB was not asked, or did not answer.
        case unknown
        /// To wait.
        case standby
        /// To take what comes.
        case held(Tenure)
    }

    package let source: String
    /// The instance that the source is assigned to; nil for whichever it falls to.
    package let pin: String?
    private let onChange: @Sendable () -> Void
    private let nudge: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var standing = Standing.unknown
        var isFinished = false
        var isLeaving = false
        var isOutOfReach = false
        var lease: Lease?
    }

    /// - Parameters:
    ///   - onChange: is called when the standing changed, or a tenure ends.
    ///   - nudge: has the keeper look at once.
    init(
        source: String,
        pin: String?,
        onChange: @escaping @Sendable () -> Void,
        nudge: @escaping @Sendable () -> Void
    ) {
        self.source = source
        self.pin = pin
        self.onChange = onChange
        self.nudge = nudge
    }

    package var standing: Standing { state.withLock { $0.standing } }

    /// The lease as it was read or written last; nil where there was none.
    package var lease: Lease? { state.withLock { $0.lease } }

    /// Whether nothing is known because MongoDB does not answer.
    package var isOutOfReach: Bool {
        state.withLock { state in
            if case .unknown = state.standing { return state.isOutOfReach }
            return false
        }
    }

    /// Goes on with a lease of before a restart, as long as MongoDB does not tell whose it is.
    package func assume(epoch: Int64) {
        guard isOutOfReach else { return }
        set(.held(Tenure(assuming: epoch, of: source, ending: onChange)))
    }

    /// Says that the source stopped, and everything that it took is stored: its lease is given back.
    package func finish() {
        state.withLock { $0.isFinished = true }
        nudge()
    }

    /// Says that the source found out by itself that the lease is another's: it is looked at anew.
    package func giveUp() {
        set(.unknown)
        nudge()
    }

    /// Whether the source takes nothing any more.
    var isLeaving: Bool { state.withLock { $0.isLeaving } }

    /// Whether the source takes nothing any more, and no lease is to be given back.
    var isEmpty: Bool {
        state.withLock { state in
            if case .held = state.standing, state.isFinished { return false }
            return state.isLeaving
        }
    }

    func leave() { state.withLock { $0.isLeaving = true } }

    var holding: LeaseHolding {
        state.withLock { state in
            guard case .held(let tenure) = state.standing else { return .none }
            return state.isFinished ? .finished(epoch: tenure.epoch) : .held(epoch: tenure.epoch)
        }
    }

    // MARK: For the keeper

    func noteOutOfReach() {
        let isNews = state.withLock { state in
            defer { state.isOutOfReach = true }
            return !state.isOutOfReach
        }
        if isNews { onChange() }
    }

    func wait(_ lease: Lease?) { set(.standby, lease) }

    func lose(_ lease: Lease) {
        if case .held(let tenure) = standing { tenure.end(.lost) }
        set(.standby, lease)
    }

    /// Notes that the lease is this instance's.
    ///
    /// - Parameter sureUntil: by the monotonic clock.
    func hold(_ lease: Lease, sureUntil: Duration, handsOver: Bool) {
        if case .held(let tenure) = standing, tenure.epoch == lease.epoch {
            state.withLock { $0.lease = lease }
            tenure.renew(sureUntil: sureUntil)
            if handsOver { tenure.end(.handOver) }
            return
        }
        // Whatever became of the document, it is another lease.
        if case .held(let tenure) = standing { tenure.end(.lost) }
        set(.held(Tenure(lease, sureUntil: sureUntil, ending: onChange)), lease)
    }

    func released(_ lease: Lease) { set(.standby, lease) }

    private func set(_ standing: Standing, _ lease: Lease? = nil) {
        let isNews = state.withLock { state in
            defer {
                state.standing = standing
                state.isFinished = false
                state.isOutOfReach = false
                if let lease { state.lease = lease }
            }
            switch (state.standing, standing) {
            case (.standby, .standby), (.unknown, .unknown): return false
            default: return true
            }
        }
        if isNews { onChange() }
    }
}
