public import BSON

/// What an agent wants of a ticket: the fields to be, the additions, and what has to hold for it.
///
/// It says nothing about how the ticket is; that is decided against the stored one when it is saved.
public struct TicketIntent: Equatable, Sendable {
    /// A text that joins the thread.
    public struct Comment: Equatable, Sendable {
        public let text: String
        /// Whether agents alone may read it.
        public let isInternal: Bool

        public init(text: String, isInternal: Bool = false) {
            self.text = text
            self.isInternal = isInternal
        }
    }

    /// A field and the value that it is to have.
    public struct Assignment: Equatable, Sendable {
        public let field: TicketField
        public let value: BSONValue

        public init(_ field: TicketField, _ value: BSONValue) {
            self.field = field
            self.value = value
        }
    }

    public let operation: TicketOperation
    /// At most one for each field.
    ///
    /// Tags that are assigned replace those that the agent saw, not those that others added.
    public var assignments: [Assignment]
    public var addedTags: [String]
    public var removedTags: [String]
    public var comment: Comment?
    /// Whether it is only for a ticket that nobody has.
    public var claims = false
    /// Tickets that are linked; see `TicketDesk.merge` and `split`.
    var links: [Assignment] = []

    public init(
        _ operation: TicketOperation,
        assignments: [Assignment] = [],
        addedTags: [String] = [],
        removedTags: [String] = [],
        comment: Comment? = nil
    ) {
        self.operation = operation
        self.assignments = assignments
        self.addedTags = addedTags
        self.removedTags = removedTags
        self.comment = comment
    }

    /// Takes the ticket for an agent, if nobody has it.
    public static func claim(by agent: String) -> TicketIntent {
        var intent = TicketIntent(.claim, assignments: [Assignment(.assignee, .string(agent))])
        intent.claims = true
        return intent
    }
}

/// Whose value a field takes where both sides changed it.
public struct ConflictChoice: Equatable, Sendable {
    public enum Side: Equatable, Sendable {
        case mine
        case theirs
    }

    /// For fields that `sides` does not name; nil leaves them a conflict.
    public var standard: Side?
    public var sides: [TicketField: Side]

    public init(standard: Side? = nil, sides: [TicketField: Side] = [:]) {
        self.standard = standard
        self.sides = sides
    }

    /// Every collision is reported.
    public static let report = ConflictChoice()
    /// What the agent wants is put on the ticket as it is now.
    public static let rebase = ConflictChoice(standard: .mine)

    func side(of field: TicketField) -> Side? { sides[field] ?? standard }
}

/// A field that two sides changed to different values.
public struct FieldConflict: Equatable, Sendable {
    public let field: TicketField
    public let yours: BSONValue
    public let theirs: BSONValue
    /// Who made theirs; nil where that was erased.
    public let by: String?
    /// When, in milliseconds since 1970.
    public let at: Int64
}
