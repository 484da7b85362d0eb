/// Where a ticket stands.
///
/// The raw values are the names in documents, commands and JSON.
public enum TicketStatus: String, CaseIterable, Sendable {
    /// Nobody has looked at it yet.
    case new
    /// Somebody works on it.
    case open
    /// It waits for the requester.
    case pending
    /// It waits for somebody else.
    case onHold = "on_hold"
    /// It is answered; the requester may disagree.
    case resolved
    /// It is over.
    case closed

    /// The steps that are allowed, and the only place that says so.
    ///
    /// No ticket becomes new again, and what is over is only reopened.
    public var nextSteps: [TicketStatus] {
        switch self {
        case .new: [.open, .pending, .onHold, .resolved, .closed]
        case .open: [.pending, .onHold, .resolved, .closed]
        case .pending: [.open, .onHold, .resolved, .closed]
        case .onHold: [.open, .pending, .resolved, .closed]
        case .resolved: [.open, .closed]
        case .closed: [.open]
        }
    }

    /// Whether nobody has to do anything anymore.
    public var isSettled: Bool { self == .resolved || self == .closed }
}
