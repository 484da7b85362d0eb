public import BSON

/// How the documents of a collection are placed on shards.
public enum ShardKey: Equatable, Sendable {
    /// By the hash of a field: evenly.
    case hashed(String)
    /// By the values of a field: so that a range of them can be kept on chosen shards.
    case ranged(String)

    /// As MongoDB spells it.
    public var document: BSONDocument {
        switch self {
        case .hashed(let field): BSONDocument([(field, "hashed")])
        case .ranged(let field): BSONDocument([(field, .int32(1))])
        }
    }

    /// Whether a document of the server's says the same.
    func matches(_ stored: BSONDocument) -> Bool {
        let fields = stored.fields
        guard fields.count == 1, let (name, value) = fields.first else { return false }
        return switch self {
        case .hashed(let field): name == field && value == "hashed"
        // The server keeps the number as it was typed: 1, or 1.0.
        case .ranged(let field): name == field && value.integer == 1
        }
    }
}

/// A range of the keys of a collection that belongs to a zone, as the server keeps it.
public struct ZoneRange: Equatable, Sendable {
    public let collection: String
    /// The field with its least value.
    public let min: BSONDocument
    /// The field with the first value that is beyond the range.
    public let max: BSONDocument
    /// The name of the zone in the cluster.
    public let zone: String

    public init(collection: String, min: BSONDocument, max: BSONDocument, zone: String) {
        self.collection = collection
        self.min = min
        self.max = max
        self.zone = zone
    }

    init(collection: String, field: String, _ range: KeyRange, zone: String) {
        self.init(
            collection: collection,
            min: BSONDocument([(field, range.lower)]),
            max: BSONDocument([(field, range.upper)]),
            zone: zone
        )
    }

    /// Whether the two have keys in common, as far as the first field says.
    func overlaps(_ other: ZoneRange) -> Bool {
        guard collection == other.collection, let one = range, let two = other.range else { return false }
        return one.overlaps(two)
    }

    func hasBounds(of other: ZoneRange) -> Bool {
        collection == other.collection && min == other.min && max == other.max
    }

    private var range: KeyRange? {
        guard let lower = min.fields.first?.value, let upper = max.fields.first?.value else { return nil }
        return KeyRange(lower: lower, upper: upper)
    }
}

/// What a cluster has of a database, and which shards it has.
public struct ShardingState: Equatable, Sendable {
    /// A collection that exists.
    public struct Collection: Equatable, Sendable {
        /// The key that it is sharded by; nil where it is not sharded.
        public var key: BSONDocument?
        public var isEmpty: Bool

        public init(key: BSONDocument?, isEmpty: Bool) {
            self.key = key
            self.isEmpty = isEmpty
        }
    }

    public let database: String
    /// The names of the shards, with the zones of each.
    public var shards: [String: Set<String>]
    /// By name; of this database.
    public var collections: [String: Collection]
    /// Of collections of this database, whoever assigned them.
    public var ranges: [ZoneRange]

    public init(
        database: String,
        shards: [String: Set<String>],
        collections: [String: Collection] = [:],
        ranges: [ZoneRange] = []
    ) {
        self.database = database
        self.shards = shards
        self.collections = collections
        self.ranges = ranges
    }
}
