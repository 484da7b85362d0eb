/// A step of a ticket that another system reports.
public struct ImportedStep: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// Makes the ticket.
        case create
        /// Adds its comment.
        case comment
        /// Changes the fields that are assigned.
        case change
        /// The whole ticket as it was then: fields that are not assigned have no value.
        case snapshot
    }

    /// The source's name of the ticket.
    public let externalID: String
    /// The number of the step within its ticket.
    public let sequence: Int64
    public let kind: Kind
    /// Who made it, in the source's words; the source itself where it does not say.
    public let actor: String
    public var occurredAt: Int64?
    public var createdAt: Int64?
    public var firstResponseAt: Int64?
    public var resolvedAt: Int64?
    public var assignments: [TicketIntent.Assignment] = []
    public var comment: TicketIntent.Comment?
    /// The version that the sender had seen.
    public var expectedVersion: Int64?
    public var flags: [String] = []
    public var isDeleted = false
    /// Tells a repeated record from another one with the same number.
    public let digest: Int64

    public init(externalID: String, sequence: Int64, kind: Kind, actor: String, digest: Int64) {
        self.externalID = externalID
        self.sequence = sequence
        self.kind = kind
        self.actor = actor
        self.digest = digest
    }

    var origin: TicketEvent.Origin {
        TicketEvent.Origin(sequence: sequence, occurredAt: occurredAt, digest: digest)
    }
}

extension TicketField {
    /// A field as a checked record of another system names it.
    ///
    /// Custom names there may hold letters that agents cannot type as a field.
    public init(imported name: String) { self.init(stored: name) }
}

/// How the numbers of one ticket's steps run.
public enum ImportNumbering: Equatable, Sendable {
    /// By any amount upwards: there are no gaps to see.
    case increasing
    /// Each is one more than the last: a missing one is a gap.
    case contiguous
    /// As contiguous, of a system that may begin to count anew: a smaller number at a later time is such a beginning.
    case restarting
}

/// What became of an imported step.
public indirect enum ImportOutcome: Equatable, Sendable {
    /// It is in the history, and the fields follow it; `made` says whether it made the ticket.
    case applied(made: Bool)
    /// It came after later ones: it is in the history, and changed no field.
    case late
    /// The sender had seen another version, and the fields collide: in the history, like a late one.
    case conflicted
    /// There was no ticket that it could belong to; it is not stored.
    case unknownTicket
    /// It is in the history already; what it came to then.
    case duplicate(of: ImportOutcome)
}

/// The state of a hole in the numbers of a ticket's steps.
public struct ImportedGap: Equatable, Sendable {
    public let externalID: String
    /// The last number before the hole, -1 where a count begins with it, and the first number behind it.
    public let after: Int64
    public let before: Int64
    /// How often the numbers had begun anew by then.
    public let numbering: Int64
    /// How many numbers are missing; none where the hole is filled.
    public let missing: Int64
    /// The version of the ticket from which on this holds.
    public let version: Int64
}
