public import BSON

/// A place in the history of a collection, from which to be told of later changes.
///
/// What is in it is the store's affair; it stays good as long as the store keeps its history.
public struct ChangeToken: Equatable, Sendable {
    public let value: BSONDocument

    public init(_ value: BSONDocument) {
        self.value = value
    }
}

/// Which documents of a collection changed between two places in its history.
public struct ChangeNotice: Equatable, Sendable {
    /// Each document once, in the order of the first changes; deleted ones as well.
    public let ids: [BSONValue]
    /// The place to continue from.
    public let token: ChangeToken

    public init(ids: [BSONValue], token: ChangeToken) {
        self.ids = ids
        self.token = token
    }
}
