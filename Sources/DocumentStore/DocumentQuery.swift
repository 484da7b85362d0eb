public import BSON

/// A bounded read of one collection.
public struct DocumentQuery: Sendable {
    /// What must hold for a document, by the name of a field and a value.
    ///
    /// An array satisfies a condition by one of its elements. Values of different types are neither less nor greater
    /// than each other, and a missing field equals null.
    public enum Condition: Equatable, Sendable {
        case equals(String, BSONValue)
        /// The field is there, and neither null nor an array with a null in it.
        case isNotNull(String)
        case isIn(String, [BSONValue])
        case greater(String, BSONValue)
        case greaterOrEqual(String, BSONValue)
        case less(String, BSONValue)
        case lessOrEqual(String, BSONValue)
        /// The field is a string that begins with these characters, byte by byte: case and accents count.
        ///
        /// MongoDB 6.0 takes up to 32,000 bytes, of which punctuation counts twice, and refuses more.
        case startsWith(String, String)
        /// At least one of the lists holds as a whole; never where there is none.
        case anyOf([[Condition]])
    }

    /// Which fields documents come with.
    public enum Fields: Equatable, Sendable {
        case all
        case excluding([String])
        /// These, and `_id`.
        case only([String])
        /// All but `excluding`, and of the array `of` only its last `count` elements.
        ///
        /// `count` is not negative, and the array not among those excluded.
        case tail(of: String, count: Int, excluding: [String])
        /// All but `excluding`, and of the array `of` only up to `count` elements from `skip` on.
        ///
        /// `skip` is not negative, `count` is positive, and the array not among those excluded.
        case slice(of: String, skip: Int, count: Int, excluding: [String])
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
    /// All conditions must hold: two that name different elements of one array ask for both.
    public var conditions: [Condition]
    public var order: [Order]
    public var fields: Fields
    /// The most documents that are returned.
    ///
    /// The store keeps them in memory at once.
    public var limit: Int
    /// Whether the read sees the whole collection as it was at one time, however long the read takes.
    ///
    /// Otherwise it may see some of the changes that are made while it runs, and of those that take effect together
    /// some and not others. A store that cannot do it throws an error of code `unsupported`: MongoDB can as a replica
    /// set or cluster of version 5.0 or newer.
    public var isSnapshot = false
    /// The moment whose state is read; nil for the present.
    ///
    /// MongoDB keeps five minutes of history unless it is told otherwise; then the read throws `historyLost`. A large
    /// result is read in pieces, in the query's order, which has to be a total one.
    public var moment: StoreMoment?

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
