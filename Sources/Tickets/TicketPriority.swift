/// How much a ticket presses.
public enum TicketPriority: String, CaseIterable, Sendable {
    case low
    case normal
    case high
    case urgent

    /// 0 for low to 3 for urgent: what lists are sorted by.
    public var rank: Int64 {
        switch self {
        case .low: 0
        case .normal: 1
        case .high: 2
        case .urgent: 3
        }
    }
}

/// How soon a ticket is to be answered and resolved, by its priority.
///
/// Seconds from the creation of the ticket on; nil where there is no target.
public struct ResponseTargets: Equatable, Sendable {
    public struct Target: Equatable, Sendable {
        public let firstResponse: Int64?
        public let resolution: Int64?

        public init(firstResponse: Int64?, resolution: Int64?) {
            self.firstResponse = firstResponse
            self.resolution = resolution
        }
    }

    private var targets: [TicketPriority: Target]

    /// Targets where a configuration gives no others: an hour to answer what is urgent, a day what is low.
    public static let standard = ResponseTargets([
        .urgent: Target(firstResponse: 3_600, resolution: 8 * 3_600),
        .high: Target(firstResponse: 4 * 3_600, resolution: 24 * 3_600),
        .normal: Target(firstResponse: 8 * 3_600, resolution: 72 * 3_600),
        .low: Target(firstResponse: 24 * 3_600, resolution: 168 * 3_600),
    ])

    public init(_ targets: [TicketPriority: Target]) {
        self.targets = targets
    }

    public subscript(priority: TicketPriority) -> Target? {
        get { targets[priority] }
        set { targets[priority] = newValue }
    }

    /// When the next thing is due that is still owed to the requester, in milliseconds since 1970.
    ///
    /// Nil where nothing is. A ticket without a priority is held to the targets of a normal one.
    public func dueTime(
        status: TicketStatus,
        priority: TicketPriority?,
        createdAt: Int64,
        firstResponseAt: Int64?
    ) -> Int64? {
        guard !status.isSettled, let target = targets[priority ?? .normal] else { return nil }
        let seconds = [firstResponseAt == nil ? target.firstResponse : nil, target.resolution].compactMap { $0 }.min()
        return seconds.map { createdAt + $0 * 1_000 }
    }
}
