public import MarketData

/// One record of a ticket feed: what a source says about one ticket at one place of the ticket's sequence.
///
/// Words of sources are translated (status, priority); everything else is kept as it was sent. Texts may hold control
/// characters: whoever shows them takes care. Equality includes the position.
public struct TicketFrame: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Makes the ticket; its `fields` have a subject and a requester.
        case create
        /// Adds `comment` and changes no field.
        case comment
        /// Changes the fields that it lists, and no others.
        case change
        /// The whole ticket as it was then, made where there is none: a field that is not listed has no value.
        case snapshot
    }

    /// What a field holds.
    public enum Value: Sendable, Equatable {
        case text(String)
        case list([String])
        /// The source says that the field is empty.
        case none
    }

    public struct Field: Sendable, Equatable {
        /// One of `subject`, `description`, `status`, `priority`, `assignee`, `group`, `tags`, `requester`, or
        /// `custom.` and a name of letters, digits, `_` and `-`.
        public let name: String
        /// Of `status` one of new, open, pending, on_hold, resolved, closed; of `priority` one of low, normal, high,
        /// urgent, or none; of `tags` a list or none.
        public let value: Value

        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    public struct Comment: Sendable, Equatable {
        public let text: String
        /// Whether only agents may see it.
        public let isInternal: Bool

        public init(text: String, isInternal: Bool) {
            self.text = text
            self.isInternal = isInternal
        }
    }

    /// The place on the tape; in a batch, its lines count from the start of the slab.
    ///
    /// Lines are text lines (`ticket-events`), rows as a spreadsheet counts them, the header being the first
    /// (`servicenow-csv`, `tickets-csv`), or objects (`zendesk-json`).
    public var position: TapePosition
    /// The source's name of the ticket: 1 to 200 bytes without control characters.
    public var externalID: String
    /// The number of the record within its ticket, from 0; `TicketFormat.numbering` says how numbers run.
    public var sequence: Int64
    public var kind: Kind
    /// Who made the change, in the source's words.
    public var actor: String?
    /// The source's time of the change, in ms since 1970 UTC.
    public var occurredAt: Int64?
    /// When the ticket was made, in ms since 1970 UTC, where the source tells.
    public var createdAt: Int64?
    /// When the requester was first answered, in ms since 1970 UTC, where the source tells.
    public var firstResponseAt: Int64?
    /// When the ticket was resolved, in ms since 1970 UTC, where the source tells.
    public var resolvedAt: Int64?
    /// No name comes twice.
    public var fields: [Field]
    /// Of a comment always there; a snapshot may have one.
    public var comment: Comment?
    /// The version that the ticket must have for the record to apply, where the source demands one.
    public var expectedVersion: Int64?
    /// What is odd about the record and does not make it impossible; see `TicketFlag`.
    public var flags: [String]
    /// Whether the source has deleted the ticket.
    public var isDeleted: Bool
    /// The FNV-1a hash (64 bits) of the record's bytes as they are on the tape, without a line end around them.
    ///
    /// Tells a record that was repeated from another with the same sequence. It guards against accidents, not against
    /// a sender who looks for two records with one hash.
    public var digest: UInt64
    /// The record's bytes as they are on the tape, cut like those of a rejected record, and how many there are: kept
    /// in case that the record has no ticket to belong to.
    public var raw: [UInt8] = []
    public var rawLength = 0

    /// Makes a frame; what is left out is what the source does not tell.
    public init(
        position: TapePosition = .start,
        externalID: String,
        sequence: Int64,
        kind: Kind,
        actor: String? = nil,
        occurredAt: Int64? = nil,
        createdAt: Int64? = nil,
        firstResponseAt: Int64? = nil,
        resolvedAt: Int64? = nil,
        fields: [Field] = [],
        comment: Comment? = nil,
        expectedVersion: Int64? = nil,
        flags: [String] = [],
        isDeleted: Bool = false,
        digest: UInt64 = 0
    ) {
        self.position = position
        self.externalID = externalID
        self.sequence = sequence
        self.kind = kind
        self.actor = actor
        self.occurredAt = occurredAt
        self.createdAt = createdAt
        self.firstResponseAt = firstResponseAt
        self.resolvedAt = resolvedAt
        self.fields = fields
        self.comment = comment
        self.expectedVersion = expectedVersion
        self.flags = flags
        self.isDeleted = isDeleted
        self.digest = digest
    }

    /// The value of the field of that name; nil where the record does not list it.
    public subscript(_ name: String) -> Value? {
        fields.first { $0.name == name }?.value
    }
}

/// The flags that decoders give to frames.
public enum TicketFlag {
    /// The ticket was resolved earlier than it was first answered.
    public static let resolvedBeforeFirstResponse = "resolved_before_first_response"
    /// The source has deleted the ticket.
    public static let deleted = "deleted"
}
