import BSON
public import DocumentStore

/// Tickets: field names, validator and indexes.
public enum SupportRequestsCollection {
    public static let name = "support_requests"

    /// The layout that this version writes and reads.
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public enum Field {
        public static let subject = "subject"
        public static let description = "description"
        public static let status = "status"
        public static let priority = "priority"
        /// 0 for low to 3 for urgent; null where there is no priority.
        public static let priorityRank = "priority_rank"
        /// The rank, and within a rank the time of creation: what lists are sorted by; null without a priority.
        public static let priorityOrder = "priority_order"
        public static let assignee = "assignee"
        public static let group = "group"
        public static let tags = "tags"
        public static let requester = "requester"
        /// Fields that came with an import.
        public static let custom = "custom"
        public static let createdAt = "created_at"
        public static let updatedAt = "updated_at"
        public static let firstResponseAt = "first_response_at"
        public static let resolvedAt = "resolved_at"
        public static let closedAt = "closed_at"
        /// When the next thing is due that is owed to the requester; null where nothing is.
        public static let dueAt = "due_at"
        public static let commentCount = "comment_count"
        public static let flags = "flags"
        public static let isDeleted = "deleted"
        public static let mergedInto = "merged_into"
        public static let mergedTickets = "merged_tickets"
        public static let splitFrom = "split_from"
        public static let splitTickets = "split_tickets"
        /// Everybody who ever was the requester, or acted under a mail address: whose personal text the ticket holds.
        public static let requesters = "requesters"
        /// The words of subject, description and comments, for search.
        public static let terms = "terms"
        /// Where the ticket came from; see `TicketSource`.
        public static let source = "source"
        public static let externalID = "external_id"
        public static let appliedSequence = "applied_sequence"
        public static let appliedAt = "applied_at"
        public static let numbering = "numbering"
        public static let gaps = "gaps"
        /// The hash of the last event.
        public static let headHash = "head_hash"
        /// How many bytes of events the document holds.
        public static let historyBytes = "history_bytes"
        /// The archive documents with the oldest events, in order: `id`, `first_sequence`, `last_sequence`.
        public static let archives = "archives"
        public static let events = "events"
    }

    /// Every filter that lists offer has an index.
    ///
    /// Those with a time end in the time of creation, which never changes: a comment touches two of them, not all.
    public static let specification = CollectionSpecification(
        name: name,
        shardKey: DocumentField.id,
        of: .ticket,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, DocumentField.schemaVersion, DocumentField.lastOperationID, Field.status,
                    Field.tags, Field.createdAt, Field.updatedAt, Field.headHash, Field.historyBytes,
                    Field.archives, Field.events,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.id: ["bsonType": "string"],
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.status: ["enum": .array(TicketStatus.allCases.map { .string($0.rawValue) })],
                Field.priority: ["enum": .array(TicketPriority.allCases.map { .string($0.rawValue) } + [.null])],
                Field.tags: ["bsonType": "array", "items": ["bsonType": "string"]],
                Field.createdAt: ["bsonType": "date"],
                Field.updatedAt: ["bsonType": "date"],
                Field.headHash: ["bsonType": "binData"],
                Field.historyBytes: ["bsonType": "long", "minimum": 0],
                Field.archives: ["bsonType": "array", "items": ["bsonType": "object"]],
                Field.events: ["bsonType": "array", "minItems": 1, "items": ["bsonType": "object"]],
            ],
        ],
        indexes: [
            index(Field.status, Field.createdAt), index(Field.priorityRank, Field.createdAt),
            index(Field.priorityOrder),
            index(Field.assignee, Field.createdAt), index(Field.group, Field.createdAt),
            index(Field.tags, Field.createdAt), index(Field.requester, Field.createdAt), index(Field.createdAt),
            index(Field.updatedAt), index(Field.dueAt), index(Field.terms, Field.createdAt),
            index(Field.requesters), index(Field.externalID),
        ]
    )

    private static func index(_ fields: String...) -> CollectionSpecification.Index {
        CollectionSpecification.Index(name: fields.joined(separator: "_and_"), fields: fields + [DocumentField.id])
    }
}

/// The oldest events of tickets with a long history.
public enum SupportHistoryCollection {
    public static let name = "support_history"
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public enum Field {
        public static let ticket = "ticket"
        public static let firstSequence = "first_sequence"
        public static let lastSequence = "last_sequence"
        /// As of the ticket, when its events were moved here.
        public static let requesters = "requesters"
        public static let events = "events"
    }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.ticket,
        of: .ticket,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, DocumentField.schemaVersion, Field.ticket, Field.firstSequence,
                    Field.lastSequence, Field.events,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.ticket: ["bsonType": "string"],
                Field.firstSequence: ["bsonType": "long", "minimum": 1],
                Field.lastSequence: ["bsonType": "long", "minimum": 1],
                Field.events: ["bsonType": "array", "minItems": 1],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(name: "ticket_sequence", fields: [Field.ticket, Field.firstSequence]),
            CollectionSpecification.Index(name: "requesters", fields: [Field.requesters]),
        ]
    )
}

/// Who is looking at or editing which ticket: hints that go by themselves.
public enum PresenceCollection {
    public static let name = "presence"
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public enum Field {
        public static let ticket = "ticket"
        public static let agent = "agent"
        public static let activity = "activity"
        public static let expiresAt = "expires_at"
    }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.ticket,
        of: .ticket,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array([Field.ticket, Field.agent, Field.activity, Field.expiresAt].map(BSONValue.string)),
        ],
        indexes: [
            CollectionSpecification.Index(name: "ticket", fields: [Field.ticket]),
            CollectionSpecification.Index(name: "expiry", fields: [Field.expiresAt], expiresAfterSeconds: 0),
        ]
    )
}

/// Receipts of erasures; they hold no personal data.
public enum ErasuresCollection {
    public static let name = "erasures"
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public enum Field {
        public static let agent = "agent"
        public static let startedAt = "started_at"
        public static let completedAt = "completed_at"
        public static let isComplete = "is_complete"
        public static let tickets = "tickets"
        public static let events = "events"
        public static let archives = "archives"
        public static let rejects = "rejects"
    }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: nil,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array([DocumentField.version, Field.startedAt, Field.isComplete].map(BSONValue.string)),
        ],
        indexes: []
    )
}

/// Numbers that are given out one after the other.
public enum CountersCollection {
    public static let name = "counters"
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public enum Field {
        /// The last number that was given out.
        public static let last = "last"
    }

    /// The counter of ticket numbers.
    public static let tickets = "support_requests"

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: nil,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array([DocumentField.version, Field.last].map(BSONValue.string)),
            "properties": [Field.last: ["bsonType": "long", "minimum": 0]],
        ],
        indexes: []
    )
}

/// Every collection of the desk, as `tapedesk init` makes them.
public enum TicketCollections {
    public static let all: [CollectionSpecification] = [
        SupportRequestsCollection.specification, SupportHistoryCollection.specification,
        PresenceCollection.specification, ErasuresCollection.specification, CountersCollection.specification,
    ]
}
