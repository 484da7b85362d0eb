public import BSON

/// How one collection is created: the same everywhere, so that `init` may run any number of times.
public struct CollectionSpecification: Sendable {
    public struct Index: Sendable {
        public let name: String
        /// Fields in order, all ascending.
        public let fields: [String]
        /// Whether no two documents may have the same key.
        ///
        /// A document may have an array in one of the fields, and then has one key for each different element. The
        /// array is not empty: MongoDB reports a clash of empty ones in a way that cannot be read here.
        public let unique: Bool
        /// Whether only documents that have the last field, be it null, are in the index.
        ///
        /// It then serves only queries that ask for a value in that field, and no null.
        public let presentOnly: Bool
        /// How long after the time in its only field the server deletes a document, in seconds; nil for never.
        ///
        /// The server looks once a minute. Documents without a time in the field stay.
        public let expiresAfterSeconds: Int64?

        /// - Precondition: An index that lets documents expire has one field and a time from 0 to `Int32.max` seconds.
        public init(
            name: String,
            fields: [String],
            unique: Bool = false,
            presentOnly: Bool = false,
            expiresAfterSeconds: Int64? = nil
        ) {
            precondition(!fields.isEmpty, "an index has fields")
            if let expiresAfterSeconds {
                precondition(fields.count == 1, "documents expire by one field")
                precondition(Int32(exactly: expiresAfterSeconds).map { $0 >= 0 } ?? false, "MongoDB takes 31 bits")
            }
            self.name = name
            self.expiresAfterSeconds = expiresAfterSeconds
            self.fields = fields
            self.unique = unique
            self.presentOnly = presentOnly
        }
    }

    /// What the values of a shard key name, where an operator may say which shards hold them.
    public enum ShardKeySubject: Sendable {
        /// `VENUE:SYMBOL`.
        case instrument
        /// Where data comes from.
        case source
        /// A support ticket.
        case ticket
    }

    public let name: String
    /// The field by which documents are placed on shards; nil where the collection is not sharded.
    public let shardKey: String?
    /// What that field names; nil where nobody chooses the shards.
    public let shardKeySubject: ShardKeySubject?
    /// What this program knows of the versions of its documents.
    public let schema: SchemaHistory
    /// A `$jsonSchema` that the server enforces on every write, whoever makes it.
    public let jsonSchema: BSONDocument
    public let indexes: [Index]

    /// - Parameter schema: nil where there was only one version of documents so far.
    public init(
        name: String,
        shardKey: String?,
        of shardKeySubject: ShardKeySubject? = nil,
        schema: SchemaHistory? = nil,
        jsonSchema: BSONDocument,
        indexes: [Index]
    ) {
        self.name = name
        self.shardKey = shardKey
        self.shardKeySubject = shardKeySubject
        self.schema = schema ?? SchemaHistory(of: name)
        self.jsonSchema = jsonSchema
        self.indexes = indexes
    }
}
