public import BSON

/// Names of the fields that every document of Tapedesk has.
public enum DocumentField {
    public static let id = "_id"
    /// Int64, starts at 1, grows by exactly one per change.
    public static let version = "version"
    /// Int64: the layout of the document; a reader refuses what it does not know.
    public static let schemaVersion = "schema_version"
    /// The operation that made this version, by which a writer recognises its own change.
    public static let lastOperationID = "last_operation_id"
    /// Int64: the greatest epoch of a lease under which the document was written; absent where none was needed.
    public static let epoch = "epoch"
}

/// Names one document with everything that MongoDB needs to route to it.
public struct DocumentKey: Equatable, Sendable {
    public let collection: String
    public let id: BSONValue
    /// The shard key's field and value, where it is not `_id`; part of every filter, so that one shard is asked.
    public let shardKey: ShardKey?

    public struct ShardKey: Equatable, Sendable {
        public let field: String
        public let value: BSONValue

        public init(field: String, value: BSONValue) {
            self.field = field
            self.value = value
        }
    }

    public init(collection: String, id: BSONValue, shardKey: ShardKey? = nil) {
        self.collection = collection
        self.id = id
        self.shardKey = shardKey
    }
}

/// What an update does to the fields of a document, beside raising its version.
public struct DocumentUpdate: Equatable, Sendable {
    /// Fields that take a new value.
    public var set: [(field: String, value: BSONValue)] = []
    /// Arrays that grow at the end.
    public var push: [(field: String, values: [BSONValue])] = []
    /// Fields that are removed.
    public var unset: [String] = []

    public init(
        set: [(field: String, value: BSONValue)] = [],
        push: [(field: String, values: [BSONValue])] = [],
        unset: [String] = []
    ) {
        self.set = set
        self.push = push
        self.unset = unset
    }

    public static func == (left: DocumentUpdate, right: DocumentUpdate) -> Bool {
        left.set.elementsEqual(right.set, by: ==) && left.push.elementsEqual(right.push, by: ==)
            && left.unset == right.unset
    }
}

/// One optimistic change of one document: it applies only to the version that it was decided on.
///
/// The change may be attempted many times; at most one attempt takes effect, because each raises the version
/// that all of them expect.
public struct VersionedChange: Equatable, Sendable {
    public enum Action: Equatable, Sendable {
        /// Inserts the document as version 1. The fields exclude `_id`, the shard key, version and operation id.
        case create(BSONDocument)
        /// Changes the document that has the expected version.
        case update(expectedVersion: Int64, DocumentUpdate)
        /// Deletes the document that has the expected version.
        case delete(expectedVersion: Int64)
    }

    public let key: DocumentKey
    public let action: Action
    /// Unique to this change and the same in every attempt at it.
    public let operationID: ObjectID
    /// Fields that are left out when the current document is read after a conflict: large ones that are not needed.
    public let conflictExcludes: [String]
    /// The epoch of the lease under which the change is made; nil where it needs none.
    ///
    /// The document keeps it, and a change of a smaller epoch than the document's does not apply: whoever lost a lease
    /// cannot write over what its successor wrote. `VersionedWriter.fenced` sets it.
    public internal(set) var epoch: Int64?

    public init(key: DocumentKey, action: Action, operationID: ObjectID, conflictExcludes: [String] = []) {
        self.key = key
        self.action = action
        self.operationID = operationID
        self.conflictExcludes = conflictExcludes
    }

    /// Stops the program where the changes are not of distinct documents in one place, as those that take effect
    /// together are.
    package static func checkTogether(_ changes: [VersionedChange]) {
        guard let first = changes.first?.key else { preconditionFailure("there is a change to be made") }
        var ids = Set<BSONDocument>()
        for change in changes {
            precondition(
                change.key.collection == first.collection && change.key.shardKey == first.shardKey,
                "changes that take effect together are of one collection and one shard-key value"
            )
            precondition(ids.insert([DocumentField.id: change.key.id]).inserted, "each change has its own document")
        }
    }

    /// The version that the document has when the change is applied.
    public var resultingVersion: Int64 {
        switch action {
        case .create: 1
        case .update(let expected, _), .delete(let expected): expected + 1
        }
    }
}

/// What became of a versioned change.
///
/// Never collapsed into a Bool: each case asks for something else.
public enum ChangeOutcome: Equatable, Sendable {
    /// The change took effect, exactly once.
    case applied(version: Int64, durability: Durability)
    /// The document is not what the change was decided on; nothing was changed.
    case conflict(current: BSONDocument)
    /// There is no such document; nothing was changed.
    case notFound
    /// The change was refused, or could not be sent until the deadline; nothing was changed.
    case failed(StoreError)
    /// It could not be found out until the deadline whether the change took effect.
    case unknown(StoreError)
}

/// What became of changes that take effect together or not at all.
public enum TogetherOutcome: Equatable, Sendable {
    /// All changes took effect, exactly once.
    case applied(Durability)
    /// At least one document is not what its change was decided on; nothing was changed.
    case conflict
    /// The changes were refused, or could not be sent until the deadline; nothing was changed.
    case failed(StoreError)
    /// It could not be found out until the deadline whether the changes took effect.
    case unknown(StoreError)
}

/// How sure it is that an applied change survives a failover.
public enum Durability: Equatable, Sendable {
    /// A majority has it in its journal.
    case confirmed
    /// It is applied on the primary; the majority's confirmation did not come.
    case unconfirmed(reason: String)
}
