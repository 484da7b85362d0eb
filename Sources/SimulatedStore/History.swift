public import BSON
public import DocumentStore

/// One change that took effect in the store.
public struct AppliedChange: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        case create, update, delete
    }

    public let key: DocumentKey
    public let kind: Kind
    /// The version that the change made; for a delete, the one that it would have made.
    public let version: Int64
    public let operationID: ObjectID
    /// Whether the request arrived after its outcome had been answered as unknown.
    public let late: Bool

    public init(key: DocumentKey, kind: Kind, version: Int64, operationID: ObjectID, late: Bool) {
        self.key = key
        self.kind = kind
        self.version = version
        self.operationID = operationID
        self.late = late
    }
}

extension AppliedChange {
    init(_ change: VersionedChange, late: Bool) {
        let kind: Kind =
            switch change.action {
            case .create: .create
            case .update: .update
            case .delete: .delete
            }
        self.init(
            key: change.key,
            kind: kind,
            version: change.resultingVersion,
            operationID: change.operationID,
            late: late
        )
    }
}

/// Checks what a history of changes must obey, whatever happened.
public enum HistoryChecker {
    /// What is wrong with the history, one line each; empty when nothing is.
    ///
    /// The versions of each document are 1, 2, 3 and so on, a deleted document may only be created anew, and each
    /// operation takes effect at most once.
    public static func violations(of history: [AppliedChange]) -> [String] {
        var violations: [String] = []
        var versions: [BSONDocument: Int64] = [:]
        var operations = Set<ObjectID>()
        for change in history {
            let document = BSONDocument([
                ("collection", .string(change.key.collection)), ("id", BSONOrder.canonical(change.key.id)),
            ])
            let before = versions[document] ?? 0
            if (change.kind == .create) != (before == 0) {
                violations.append("\(change.kind) of \(change.key.id) found version \(before)")
            }
            if change.version != before + 1 {
                violations.append("version \(change.version) of \(change.key.id) follows version \(before)")
            }
            if !operations.insert(change.operationID).inserted {
                violations.append("operation \(change.operationID) took effect twice")
            }
            versions[document] = change.kind == .delete ? nil : change.version
        }
        return violations
    }
}
