public import BSON

/// A bounded read of one collection.
public struct DocumentQuery: Sendable {
    public enum Condition: Equatable, Sendable {
        case equals(String, BSONValue)
        case isIn(String, [BSONValue])
        case greater(String, BSONValue)
        case greaterOrEqual(String, BSONValue)
        case less(String, BSONValue)
    }

    public enum Fields: Equatable, Sendable {
        case all
        case excluding([String])
        case only([String])
    }

    public struct Order: Equatable, Sendable {
        public let field: String
        public let ascending: Bool

        public init(_ field: String, ascending: Bool = true) {
            self.field = field
            self.ascending = ascending
        }
    }

    public let collection: String
    /// All conditions must hold; at most one of each kind per field.
    public var conditions: [Condition]
    public var order: [Order]
    public var fields: Fields
    /// The most documents that are returned.
    ///
    /// The store keeps them in memory at once.
    public var limit: Int

    public init(
        _ collection: String,
        where conditions: [Condition] = [],
        order: [Order] = [],
        fields: Fields = .all,
        limit: Int
    ) {
        precondition(limit > 0, "a query is bounded")
        self.collection = collection
        self.conditions = conditions
        self.order = order
        self.fields = fields
        self.limit = limit
    }
}
