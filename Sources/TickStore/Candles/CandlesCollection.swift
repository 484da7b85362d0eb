import BSON
public import DocumentStore
import MarketData

/// The collection of bars that are made from trades: field names, validator and indexes.
public enum CandlesCollection {
    public static let name = "candles"

    public enum Field {
        public static let instrumentSymbol = "instrument_symbol"
        public static let source = "source"
        public static let interval = "interval"
        public static let start = "start"
        public static let open = "open"
        public static let high = "high"
        public static let low = "low"
        public static let close = "close"
        public static let volume = "volume"
        public static let turnover = "turnover"
        public static let vwap = "vwap"
        public static let buyVolume = "buy_volume"
        public static let sellVolume = "sell_volume"
        public static let count = "count"
        public static let openTime = "open_time"
        public static let closeTime = "close_time"
        public static let isFinal = "is_final"
        public static let appliedThrough = "applied_through"
        /// Of interval `1d` only.
        public static let hourVersions = "hour_versions"
        /// The bars of one hour, of interval `1s` only.
        public static let bars = "bars"
    }

    /// The layout that this version writes and reads.
    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    /// What holds for the documents of an instrument and some intervals that start in a range of time.
    static func conditions(
        _ instrument: Instrument,
        _ intervals: [CandleInterval],
        starts: Range<Int64>
    ) -> [DocumentQuery.Condition] {
        [
            .equals(Field.instrumentSymbol, .string(instrument.description)),
            .isIn(Field.interval, intervals.map { .string($0.name) }),
            .greaterOrEqual(Field.start, .int64(starts.lowerBound)),
            .less(Field.start, .int64(starts.upperBound)),
        ]
    }

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
                    Field.instrumentSymbol, Field.source, Field.interval, Field.start, Field.count, Field.isFinal,
                    Field.appliedThrough,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.instrumentSymbol: ["bsonType": "string", "pattern": "^[^:]+:.+$"],
                Field.source: ["bsonType": "string"],
                Field.interval: ["enum": ["1s", "1m", "5m", "1h", "1d"]],
                Field.start: ["bsonType": "long"],
                Field.count: ["bsonType": "long", "minimum": 1],
                Field.isFinal: ["bsonType": "bool"],
                Field.appliedThrough: ["bsonType": "long"],
                Field.hourVersions: ["bsonType": "long"],
                Field.bars: ["bsonType": "binData"],
            ],
        ],
        // `_id` is made of the same fields: that is what makes them unique.
        indexes: [
            CollectionSpecification.Index(
                name: "instrument_interval",
                fields: [Field.instrumentSymbol, Field.interval, Field.start, Field.source]
            )
        ]
    )
}
