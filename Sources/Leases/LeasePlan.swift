/// What an instance has to do with one source at the moment.
package enum LeaseHolding: Equatable, Sendable {
    /// It takes nothing of it.
    case none
    /// It takes what comes.
    case held(epoch: Int64)
    /// It has stopped, and everything that it took is stored.
    case finished(epoch: Int64)

    var epoch: Int64? {
        switch self {
        case .none: nil
        case .held(let epoch), .finished(let epoch): epoch
        }
    }
}

/// What an instance does next about the lease of one source.
package enum LeaseStep: Equatable, Sendable {
    /// It makes the first lease of the source.
    case create
    /// It takes the lease over, with a new epoch.
    case take(Lease)
    /// It makes its own lease last longer.
    ///
    /// - Parameter handsOver: whether the source belongs to another instance, which takes it when it is given back.
    case renew(Lease, handsOver: Bool)
    /// It gives its own lease back.
    case release(Lease)
    /// The lease that it had is another's.
    case lose(Lease)
    /// The lease is another's, or nobody's whom it belongs to.
    case wait(Lease?)
}

/// Decides what an instance does about leases.
///
/// Pure.
package struct LeasePlan: Sendable {
    private let instance: String
    private let timing: LeaseTiming

    package init(instance: String, timing: LeaseTiming) {
        self.instance = instance
        self.timing = timing
    }

    /// What to do about one source.
    ///
    /// - Parameters:
    ///   - pin: the instance that the source is assigned to; nil for whichever it falls to.
    ///   - lease: as it is stored; nil where there was never one.
    ///   - instances: those that there are.
    ///   - time: of the server, in milliseconds since 1970.
    package func step(
        _ source: String,
        pin: String?,
        _ holding: LeaseHolding,
        _ lease: Lease?,
        among instances: [Instance],
        at time: Int64
    ) -> LeaseStep {
        let alive = Set(
            instances.lazy.filter { $0.isAlive(at: time, timing) && $0.sources.contains(source) }.map(\.name)
        )
        let isMine = (pin ?? Rendezvous.owner(of: source, among: alive.union([instance]))) == instance
        guard let lease else { return isMine ? .create : .wait(nil) }
        if let epoch = holding.epoch, lease.epoch != epoch || lease.owner != instance { return .lose(lease) }
        guard lease.owner == instance, !lease.isReleased else {
            return isMine && lease.isFree(at: time, timing) ? .take(lease) : .wait(lease)
        }
        switch holding {
        case .held:
            // One that is not alive does not take it: until then nothing is gained by stopping.
            return .renew(lease, handsOver: !isMine && (pin.map(alive.contains) ?? true))
        case .finished:
            return .release(lease)
        case .none:
            // From before a restart, and nobody else had it meanwhile. What is not to be taken up again ends by itself:
            // to give it back would say that everything is stored.
            return isMine ? .renew(lease, handsOver: false) : .wait(lease)
        }
    }
}
