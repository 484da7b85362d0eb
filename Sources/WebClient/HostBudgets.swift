/// The budgets of hosts: those that were set, and one of the usual kind for every other.
///
/// A pure value without a clock; all times are since 1970 in UTC. The number of hosts is bounded: where the table is
/// full, only a budget that is as good as new makes way, so that forgetting never lets more through.
public struct HostBudgets: Sendable {
    /// How long a new host waits while no other can be forgotten.
    private static let fullTableWait: Duration = .seconds(1)

    private let hostsMax: Int
    private let usual: RequestBudget
    private var budgets: [String: RequestBudget] = [:]
    private var isSet: Set<String> = []

    /// No hosts yet.
    ///
    /// - Parameters:
    ///   - usual: what a host gets that none was set for.
    ///   - hostsMax: how many hosts are known at a time; from 1 on.
    public init(usual: RequestBudget, hostsMax: Int = 256) {
        precondition(hostsMax >= 1, "a table has room")
        self.usual = usual
        self.hostsMax = hostsMax
    }

    /// How many hosts are known.
    public var count: Int { budgets.count }

    /// Gives a host a budget of its own, which is kept.
    ///
    /// - Precondition: no more than `hostsMax` hosts are given one.
    public mutating func set(_ budget: RequestBudget, for host: String) {
        let host = host.lowercased()
        isSet.insert(host)
        precondition(isSet.count <= hostsMax, "more hosts have budgets of their own than the table has room for")
        budgets[host] = budget
        // One of the usual kind makes way: its host begins anew, which is as if the program had just started.
        if budgets.count > hostsMax, let other = budgets.keys.first(where: { !isSet.contains($0) }) {
            budgets[other] = nil
        }
    }

    /// The most that one request to a host may cost.
    public func costMax(for host: String) -> Int { (budgets[host.lowercased()] ?? usual).costMax }

    /// Takes tokens for a request to a host, or says how long to wait; see `RequestBudget.take`.
    ///
    /// - Parameters:
    ///   - cost: from 1 to `costMax(for:)`.
    ///   - host: in upper or lower case.
    ///   - time: since 1970.
    public mutating func take(_ cost: Int = 1, for host: String, at time: Duration) -> Duration? {
        let host = host.lowercased()
        guard makeRoom(for: host, at: time) else { return Self.fullTableWait }
        return budgets[host, default: usual].take(cost, at: time)
    }

    /// Lets nothing through to a host for a time; see `RequestBudget.obey`.
    public mutating func obey(_ retryAfter: Duration, for host: String, at time: Duration) {
        let host = host.lowercased()
        // Without room the host is not known: its next request has to wait for room anyway.
        guard makeRoom(for: host, at: time) else { return }
        budgets[host, default: usual].obey(retryAfter, at: time)
    }

    /// Whether the host is known, or there is room for it.
    private mutating func makeRoom(for host: String, at time: Duration) -> Bool {
        if budgets[host] != nil || budgets.count < hostsMax { return true }
        for other in budgets.keys where !isSet.contains(other) {
            guard budgets[other]?.isRested(at: time) == true else { continue }
            budgets[other] = nil
            return true
        }
        return false
    }
}
