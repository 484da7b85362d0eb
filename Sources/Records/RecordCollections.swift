import BSON
public import DocumentStore

/// Records that were not stored as events: raw bytes with the rule and the reason.
public enum RejectsCollection {
    public static let name = "rejects"

    public enum Field {
        public static let source = "source"
        /// The tape position: line × 2^20 + place in the line.
        public static let position = "position"
        public static let line = "line"
        public static let rule = "rule"
        public static let reason = "reason"
        public static let kind = "kind"
        public static let raw = "raw"
        public static let rawLength = "raw_length"
        /// The ticket that the record is about, in the words of its source, where it is about one.
        public static let ticket = "ticket"
        /// Whether the bytes were removed by an erasure.
        public static let isErased = "erased"
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
                [DocumentField.version, Field.source, Field.position, Field.rule, Field.reason, Field.raw]
                    .map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.source: ["bsonType": "string"],
                Field.position: ["bsonType": "long"],
                Field.rule: ["bsonType": "string"],
                Field.reason: ["bsonType": "string"],
                Field.raw: ["bsonType": "binData"],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(name: "source_position", fields: [Field.source, Field.position]),
            CollectionSpecification.Index(name: "ticket_source", fields: [Field.ticket, Field.source]),
        ]
    )
}

/// Holes in sequences: open until the missing numbers arrive, never patched over.
public enum GapsCollection {
    public static let name = "gaps"

    public enum Field {
        public static let source = "source"
        public static let stream = "stream"
        /// The last number before the hole and the first behind it.
        public static let after = "after"
        public static let before = "before"
        /// How many numbers are missing still.
        public static let missing = "missing"
        public static let isOpen = "is_open"
        /// The tape position up to which the other fields hold.
        public static let appliedThrough = "applied_through"
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
                    DocumentField.version, Field.source, Field.stream, Field.after, Field.before, Field.missing,
                    Field.isOpen, Field.appliedThrough,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.source: ["bsonType": "string"],
                Field.stream: ["bsonType": "string"],
                Field.after: ["bsonType": "long"],
                Field.before: ["bsonType": "long"],
                Field.missing: ["bsonType": "long", "minimum": 0],
                Field.isOpen: ["bsonType": "bool"],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(name: "source_open", fields: [Field.source, Field.isOpen])
        ]
    )
}

/// How far each source is applied.
public enum CheckpointsCollection {
    public static let name = "checkpoints"

    public enum Field {
        /// The first line (or frame) that is not applied yet, and its offset on the decompressed tape.
        public static let nextLine = "next_line"
        public static let nextOffset = "next_offset"
        /// Whether the line before has had no line end so far.
        public static let afterOpenLine = "after_open_line"
        public static let isComplete = "is_complete"
        public static let format = "format"
        /// How the tape is decoded: format, mapping and whatever else decides what its records mean.
        public static let decoding = "decoding"
        public static let venue = "venue"
        /// Length and checksum of the beginning of the tape, by which another tape of the same name is told apart.
        public static let headLength = "head_length"
        public static let headChecksum = "head_checksum"
        public static let records = "records"
        public static let events = "events"
        public static let tickets = "tickets"
        public static let ignored = "ignored"
        public static let flagged = "flagged"
        public static let rejected = "rejected"
        public static let rejectedEvents = "rejected_events"
        public static let lastEventTime = "last_event_time"
        /// The size of the recording as it is stored, 0 where it is not known, and how much of it was read.
        public static let inputBytes = "input_bytes"
        public static let inputBytesRead = "input_bytes_read"
        /// State of the sequence trackers; see Ingest.
        public static let trackers = "trackers"
    }

    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: nil,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, Field.nextLine, Field.nextOffset, Field.isComplete, Field.records,
                    Field.headLength, Field.headChecksum,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.nextLine: ["bsonType": "long", "minimum": 0],
                Field.nextOffset: ["bsonType": "long", "minimum": 0],
                Field.isComplete: ["bsonType": "bool"],
                Field.records: ["bsonType": "long", "minimum": 0],
            ],
        ],
        indexes: []
    )
}

/// What every kind of ingest keeps beside its data.
public enum RecordCollections {
    public static let all: [CollectionSpecification] = [
        RejectsCollection.specification, GapsCollection.specification, CheckpointsCollection.specification,
    ]
}
