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
        public static let open = "open"
        public static let high = "high"
        public static let low = "low"
        public static let close = "close"
        public static let closeTime = "close_time"
        public static let volume = "volume"
    }

    /// The layout that this version writes and reads.
    public static let schemaVersion: Int64 = 1

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.instrumentSymbol,
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
                Field.eventCount: ["bsonType": "long", "minimum": 1],
                Field.appliedThrough: ["bsonType": "long"],
                Field.checksum: ["bsonType": "long"],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(
                name: "lane_window",
                fields: [Field.instrumentSymbol, Field.kind, Field.windowStart, Field.source, Field.part],
                unique: true
            )
        ]
    )
}
