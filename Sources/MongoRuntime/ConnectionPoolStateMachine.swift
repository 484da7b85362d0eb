/// The rules of leasing connections: who gets which, who waits, who is turned away.
///
/// A pure value: it does nothing itself but tells what to do. Times are since an arbitrary start. Waiters are served
/// in the order of their arrival. Connections are numbered from 0 and opened only when they are needed.
struct ConnectionPoolStateMachine: Sendable {
    typealias ConnectionID = Int
    typealias WaiterID = UInt64

    enum Rejection: Equatable, Sendable {
        case closed
        case tooManyWaiters
        case deadlinePassed
    }

    enum LeaseAction: Equatable, Sendable {
        /// Use this connection, which is open.
        case use(ConnectionID)
        /// Open this connection and use it; report with `openFailed` if that is not possible.
        case open(ConnectionID)
        /// Wait: `release`, `openFailed`, `expire`, `cancel` or `close` ends that.
        case wait
        case reject(Rejection)
    }

    enum ReleaseAction: Equatable, Sendable {
        case none
        /// Resume the waiter with this connection, which is open.
        case resume(WaiterID, ConnectionID)
        /// Resume the waiter, and have it open this connection.
        case resumeToOpen(WaiterID, ConnectionID)
        /// The pool is closed and this was the last lease: close what is open.
        case finishClosing([ConnectionID])
    }

    struct CloseAction: Equatable, Sendable {
        /// Waiters to turn away.
        var rejected: [WaiterID]
        /// What to close now; nil while leases are out, the last `release` tells then.
        var finish: [ConnectionID]?
    }

    private enum Slot: Sendable {
        case unopened
        case idle
        case leased
    }

    private struct Waiter: Sendable {
        let id: WaiterID
        let deadline: Duration
    }

    private var slots: [Slot]
    /// Open and unused, the most recently used last: it is taken first, so that others may stay unused.
    private var idle: [ConnectionID] = []
    private var waiters: [Waiter] = []
    private let waiterCountMax: Int
    private(set) var isClosed = false

    init(connectionCount: Int, waiterCountMax: Int) {
        precondition(connectionCount > 0 && waiterCountMax >= 0)
        slots = Array(repeating: .unopened, count: connectionCount)
        self.waiterCountMax = waiterCountMax
    }

    var leasedCount: Int { slots.count { $0 == .leased } }
    var openCount: Int { slots.count { $0 != .unopened } }
    var waiterCount: Int { waiters.count }

    /// Asks for a connection; the waiter is queued only when the answer is `wait`.
    mutating func lease(_ waiter: WaiterID, now: Duration, deadline: Duration) -> LeaseAction {
        if isClosed { return .reject(.closed) }
        if now >= deadline { return .reject(.deadlinePassed) }
        if let action = leaseAtOnce() { return action }
        if waiters.count >= waiterCountMax { return .reject(.tooManyWaiters) }
        waiters.append(Waiter(id: waiter, deadline: deadline))
        return .wait
    }

    /// Takes a connection where that needs no waiting.
    mutating func leaseAtOnce() -> LeaseAction? {
        if isClosed { return .reject(.closed) }
        if let id = idle.popLast() {
            slots[id] = .leased
            return .use(id)
        }
        guard let id = slots.firstIndex(of: .unopened) else { return nil }
        slots[id] = .leased
        return .open(id)
    }

    /// Gives back a connection that is open.
    mutating func release(_ id: ConnectionID) -> ReleaseAction {
        precondition(slots[id] == .leased, "a connection is released once per lease")
        if !isClosed, let waiter = nextWaiter() {
            return .resume(waiter, id)
        }
        slots[id] = .idle
        idle.append(id)
        return finishClosing()
    }

    /// Gives back a connection that could not be opened.
    mutating func openFailed(_ id: ConnectionID) -> ReleaseAction {
        precondition(slots[id] == .leased, "only a connection that was to be opened can fail")
        if !isClosed, let waiter = nextWaiter() {
            return .resumeToOpen(waiter, id)
        }
        slots[id] = .unopened
        return finishClosing()
    }

    /// Answers whether the waiter still waits past its deadline; it does not wait any more then.
    mutating func expire(_ waiter: WaiterID, now: Duration) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == waiter }), waiters[index].deadline <= now else {
            return false
        }
        waiters.remove(at: index)
        return true
    }

    /// Answers whether the waiter waited until now.
    mutating func cancel(_ waiter: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == waiter }) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Turns everyone away from now on.
    ///
    /// Leases that are out may end.
    mutating func close() -> CloseAction {
        guard !isClosed else { return CloseAction(rejected: [], finish: nil) }
        isClosed = true
        let rejected = waiters.map(\.id)
        waiters = []
        if case .finishClosing(let open) = finishClosing() {
            return CloseAction(rejected: rejected, finish: open)
        }
        return CloseAction(rejected: rejected, finish: nil)
    }

    private mutating func nextWaiter() -> WaiterID? {
        waiters.isEmpty ? nil : waiters.removeFirst().id
    }

    private mutating func finishClosing() -> ReleaseAction {
        guard isClosed, leasedCount == 0 else { return .none }
        defer { idle = [] }
        return .finishClosing(idle.sorted())
    }
}
