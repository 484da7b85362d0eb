import BSON
public import DocumentStore

/// The audit of retention: one document for each deletion.
public enum DeletionsCollection {
    public static let name = "deletions"

    public enum Field {
        /// The document whose events were deleted, and the version that it had then.
        public static let document = "document"
        public static let documentVersion = "document_version"
        public static let instrumentSymbol = "instrument_symbol"
        public static let source = "source"
        public static let kind = "kind"
        public static let windowStart = "window_start"
        public static let windowSeconds = "window_seconds"
        public static let events = "events"
        public static let bytes = "bytes"
        public static let checksum = "checksum"
        public static let firstEventTime = "first_event_time"
        public static let lastEventTime = "last_event_time"
        /// The rule of retention, as text.
        public static let rule = "rule"
        /// File name and checksum of the copy that was made before; null where none was.
        public static let archive = "archive"
        public static let archiveFile = "file"
        public static let archiveChecksum = "checksum"
        public static let requestedAt = "requested_at"
        /// Null until the deletion is known to be made.
        public static let completedAt = "completed_at"
        /// When the events were brought back; null where they were not.
        public static let restoredAt = "restored_at"
    }

    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.source,
        of: .source,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, Field.document, Field.documentVersion, Field.instrumentSymbol,
                    Field.source, Field.kind, Field.windowStart, Field.windowSeconds, Field.events, Field.bytes,
                    Field.checksum, Field.rule, Field.requestedAt,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.document: ["bsonType": "string"],
                Field.documentVersion: ["bsonType": "long", "minimum": 1],
                Field.instrumentSymbol: ["bsonType": "string"],
                Field.source: ["bsonType": "string"],
                Field.events: ["bsonType": "long", "minimum": 1],
                Field.bytes: ["bsonType": "long", "minimum": 1],
                Field.checksum: ["bsonType": "long"],
                Field.rule: ["bsonType": "string"],
                Field.requestedAt: ["bsonType": "date"],
                Field.completedAt: ["bsonType": ["date", "null"]],
                Field.restoredAt: ["bsonType": ["date", "null"]],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(
                name: "instrument_completed",
                fields: [Field.instrumentSymbol, Field.completedAt]
            )
        ]
    )
}
