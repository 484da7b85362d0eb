import BSON
package import DocumentStore

/// Who takes the data of which source: one document for each source that daemons share.
package enum LeasesCollection {
    package static let name = "leases"

    enum Field {
        /// The instance that has it, or had it last.
        static let owner = "owner"
        /// Milliseconds since 1970, by the clock of the server.
        static let expiresAt = "expires_at"
        /// Whether the owner gave it back, with everything stored that it had taken.
        static let isReleased = "is_released"
        /// The latest terms, oldest first.
        static let terms = "terms"
        static let since = "since"
        static let followsRelease = "follows_release"
    }

    package static let schemaVersion: Int64 = 1

    package static let specification = CollectionSpecification(
        name: name,
        shardKey: nil,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [
                    DocumentField.version, DocumentField.schemaVersion, DocumentField.epoch, Field.owner,
                    Field.expiresAt, Field.isReleased, Field.terms,
                ].map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                DocumentField.epoch: ["bsonType": "long", "minimum": 1],
                Field.owner: ["bsonType": "string"],
                Field.expiresAt: ["bsonType": "long"],
                Field.isReleased: ["bsonType": "bool"],
                Field.terms: ["bsonType": "array", "items": ["bsonType": "object"]],
            ],
        ],
        indexes: []
    )
}

/// The daemons that share sources: one document for each instance.
package enum InstancesCollection {
    package static let name = "instances"

    enum Field {
        /// Milliseconds since 1970, by the clock of the server.
        static let expiresAt = "expires_at"
        static let startedAt = "started_at"
        /// What tells apart two daemons that were given the same name.
        static let identity = "identity"
        /// The sources of its configuration.
        static let sources = "sources"
    }

    package static let schemaVersion: Int64 = 1

    package static let specification = CollectionSpecification(
        name: name,
        shardKey: nil,
        jsonSchema: [
            "bsonType": "object",
            "required": .array(
                [DocumentField.version, Field.expiresAt, Field.startedAt, Field.identity, Field.sources]
                    .map(BSONValue.string)
            ),
            "properties": [
                DocumentField.version: ["bsonType": "long", "minimum": 1],
                Field.expiresAt: ["bsonType": "long"],
                Field.startedAt: ["bsonType": "long"],
                Field.identity: ["bsonType": "string"],
                Field.sources: ["bsonType": "array", "items": ["bsonType": "string"]],
            ],
        ],
        indexes: []
    )
}

/// Every collection of leases, as `tapedesk init` makes them.
package enum LeaseCollections {
    package static let all = [LeasesCollection.specification, InstancesCollection.specification]
}
