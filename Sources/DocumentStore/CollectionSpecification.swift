public import BSON

/// How one collection is created: the same everywhere, so that `init` may run any number of times.
public struct CollectionSpecification: Sendable {
    public struct Index: Sendable {
        public let name: String
        /// Fields in order, all ascending.
        public let fields: [String]
        public let unique: Bool

        public init(name: String, fields: [String], unique: Bool = false) {
            self.name = name
            self.fields = fields
            self.unique = unique
        }
    }

    public let name: String
    /// The field whose hash places a document on a shard; nil where the collection is not sharded.
    public let shardKey: String?
    /// A `$jsonSchema` that the server enforces on every write, whoever makes it.
    public let jsonSchema: BSONDocument
    public let indexes: [Index]

    public init(name: String, shardKey: String?, jsonSchema: BSONDocument, indexes: [Index]) {
        self.name = name
        self.shardKey = shardKey
        self.jsonSchema = jsonSchema
        self.indexes = indexes
    }
}
