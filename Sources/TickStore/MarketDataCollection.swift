import BSON
public import DocumentStore

/// The collection of buckets: field names, validator and indexes.
public enum MarketDataCollection {
    public static let name = "market_data"

    public enum Field {
        public static let instrumentSymbol = "instrument_symbol"
        public static let kind = "kind"
        public static let source = "source"
        public static let windowStart = "window_start"
        public static let windowSeconds = "window_seconds"
        public static let part = "part"
        public static let isClosed = "is_closed"
        public static let blocks = "blocks"
        public static let blockCount = "block_count"
        public static let blockBytes = "block_bytes"
        public static let eventCount = "event_count"
        public static let firstEventTime = "first_event_time"
        public static let lastEventTime = "last_event_time"
        public static let appliedThrough = "applied_through"
        public static let checksum = "checksum"
        /// Blocks at the front that are sealed; missing where none is.
        public static let sealedBlockCount = "sealed_block_count"
        /// First and last event time of each sealed block, one pair behind the other.
        public static let sealedTimes = "sealed_times"
        /// Events that sealing left out because they were there already; missing where there were none.
        public static let duplicateCount = "duplicate_count"
        /// Which parts of which windows are in the document: no two documents of a lane have the same.
        public static let slots = "slots"
        /// Segments only: the windows that are in it, each with its last part and how far it is applied.
        public static let windows = "windows"
        /// The segment that took this bucket's place; whoever reads passes over the bucket.
        public static let replacedBy = "replaced_by"
        /// Why the document is in quarantine: it is damaged, and nobody reads it.
        public static let quarantined = "quarantined"
        /// The slots that a replaced document gave away.
        public static let formerSlots = "former_slots"
        /// Tombstones only: what there was before retention deleted the events.
        public static let deletedEventCount = "deleted_event_count"
        public static let deletedBytes = "deleted_bytes"
        public static let deletedChecksum = "deleted_checksum"
        /// Restored documents only: until when retention leaves them alone.
        public static let keepUntil = "keep_until"
        public static let open = "open"
        public static let high = "high"
        public static let low = "low"
        public static let close = "close"
        public static let closeTime = "close_time"
        public static let volume = "volume"
    }

    /// The layout that this version writes, and those before it.
    ///
    /// Version 1 had no slots: a part of a window had its document to itself.
    public static let schema = SchemaHistory(
        of: name,
        [
            Upcaster(reading: [Field.windowStart, Field.part]) { (document) throws(BSONError) in
                let (start, part) = (try document.integer(Field.windowStart), try document.integer(Field.part))
                return DocumentUpdate(set: [
                    (Field.slots, .array([.int64(BucketSlot.make(windowStart: start, part: part))]))
                ])
            }
        ]
    )
    public static var schemaVersion: Int64 { schema.version }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.instrumentSymbol,
        of: .instrument,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, DocumentField.schemaVersion, DocumentField.lastOperationID,
                    Field.instrumentSymbol, Field.kind, Field.source, Field.windowStart, Field.part, Field.isClosed,
                    Field.blocks, Field.blockBytes, Field.eventCount, Field.appliedThrough, Field.checksum,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.instrumentSymbol: ["bsonType": "string", "pattern": "^[^:]+:.+$"],
                Field.kind: ["enum": ["trade", "quote", "candle"]],
                Field.source: ["bsonType": "string"],
                Field.windowStart: ["bsonType": "long"],
                Field.part: ["bsonType": "long", "minimum": 0],
                Field.isClosed: ["bsonType": "bool"],
                Field.blocks: ["bsonType": "array", "items": ["bsonType": "binData"]],
                Field.blockBytes: ["bsonType": "long", "minimum": 0],
                // 0 where retention deleted the events.
                Field.eventCount: ["bsonType": "long", "minimum": 0],
                Field.appliedThrough: ["bsonType": "long"],
                Field.checksum: ["bsonType": "long"],
                Field.sealedBlockCount: ["bsonType": "long", "minimum": 0],
                Field.slots: ["bsonType": "array", "items": ["bsonType": "long"]],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(
                name: "lane_window",
                fields: [Field.instrumentSymbol, Field.kind, Field.windowStart, Field.source, Field.part],
                unique: true
            ),
            // Whoever still believes that a part is to be created, although a segment holds it, is refused.
            CollectionSpecification.Index(
                name: "lane_slots",
                fields: [Field.instrumentSymbol, Field.kind, Field.source, Field.slots],
                unique: true,
                presentOnly: true
            ),
            CollectionSpecification.Index(
                name: "quarantined",
                fields: [Field.quarantined],
                presentOnly: true
            ),
        ]
    )
}
