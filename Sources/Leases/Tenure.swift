private import Synchronization

/// The time with a lease, as it looks to those who work under it.
///
/// Safe to use from any thread.
package final class Tenure: Sendable {
    /// Why it ends.
    package enum End: Equatable, Sendable {
        /// The source belongs to another instance: everything is to be stored, then the lease is given back.
        case handOver
        /// Another instance has the lease.
        case lost
    }

    package let source: String
    /// The epoch of the lease: part of every write.
    package let epoch: Int64
    /// The lease when the time began; nil where it is only assumed that an earlier time goes on.
    private let lease: Lease?
    private let state: Mutex<State>
    private let ending: @Sendable () -> Void

    private struct State {
        var sureUntil: Duration
        var end: End?
    }

    /// - Parameters:
    ///   - sureUntil: by the monotonic clock; nobody else has the lease before then.
    ///   - ending: is called when the end is near, or there.
    init(_ lease: Lease, sureUntil: Duration, ending: @escaping @Sendable () -> Void) {
        source = lease.source
        epoch = lease.epoch
        self.lease = lease
        state = Mutex(State(sureUntil: sureUntil))
        self.ending = ending
    }

    /// Assumes that an earlier time goes on, until MongoDB tells; nothing is sure before.
    init(assuming epoch: Int64, of source: String, ending: @escaping @Sendable () -> Void) {
        self.source = source
        self.epoch = epoch
        lease = nil
        state = Mutex(State(sureUntil: .zero))
        self.ending = ending
    }

    /// Whether it is only assumed that an earlier time goes on.
    package var isAssumed: Bool { lease == nil }
    /// Who had the lease before; nil where nobody had, or it is not known.
    package var predecessor: String? { lease?.predecessor }
    /// Whether that one had stored everything that it took.
    package var followsRelease: Bool { lease?.term.followsRelease ?? true }

    /// Whether nobody else can have the lease at a time of the monotonic clock.
    ///
    /// What was received before a time at which that is so is this instance's to store.
    package func isSure(at now: Duration) -> Bool {
        state.withLock { $0.end != .lost && now < $0.sureUntil }
    }

    /// Why it ends; nil where it goes on.
    package var end: End? { state.withLock { $0.end } }

    func renew(sureUntil: Duration) {
        state.withLock { $0.sureUntil = max($0.sureUntil, sureUntil) }
    }

    func end(_ end: End) {
        let isNews = state.withLock { state in
            // What is lost is not handed over any more.
            guard state.end != end, state.end != .lost else { return false }
            state.end = end
            return true
        }
        if isNews { ending() }
    }
}
