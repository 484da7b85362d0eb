import BSON
public import DocumentStore

/// Alerts that were given, one document each.
public enum AlertsCollection {
    public static let name = "alerts"

    public enum Field {
        /// The name of the rule.
        public static let rule = "rule"
        public static let severity = "severity"
        /// The instrument, source or ticket that it is about.
        public static let subject = "subject"
        /// One sentence for people.
        public static let message = "message"
        /// What was measured, and what it was compared with, as text.
        public static let value = "value"
        public static let threshold = "threshold"
        /// Nanoseconds since 1970; null where no event was the cause.
        public static let eventTime = "event_time"
        /// Nanoseconds since 1970.
        public static let receivedAt = "received_at"
    }

    public static let schema = SchemaHistory(of: name)
    public static var schemaVersion: Int64 { schema.version }

    public static let specification = CollectionSpecification(
        name: name,
        shardKey: Field.subject,
        schema: schema,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [DocumentField.version, Field.rule, Field.severity, Field.subject, Field.message, Field.receivedAt]
                    .map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.rule: ["bsonType": "string"],
                Field.severity: ["bsonType": "string"],
                Field.subject: ["bsonType": "string"],
                Field.message: ["bsonType": "string"],
                Field.receivedAt: ["bsonType": "long"],
            ],
        ],
        indexes: [
            CollectionSpecification.Index(name: "received_at", fields: [Field.receivedAt]),
            CollectionSpecification.Index(name: "subject_received_at", fields: [Field.subject, Field.receivedAt]),
        ]
    )
}
