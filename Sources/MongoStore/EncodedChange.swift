import BSON
import DocumentStore
import MongoRuntime

/// The kinds of change, in the order in which a batch sends them.
enum ChangeKind: Int, CaseIterable, Sendable {
    case create
    case update
    case delete
}

/// A change as MongoDB takes it.
struct EncodedChange: Sendable {
    /// MongoDB's bound for one document, which holds for the description of an update as well.
    static let documentBytesMax = 16 << 20

    let kind: ChangeKind
    let bulkOperation: MongoBulkOperation
    /// How much of a message it takes, roughly from above.
    let bytes: Int
    private let documentBytes: Int

    init(_ change: VersionedChange) {
        kind = change.kind
        switch change.action {
        case .create(let fields):
            let document = Self.document(change, fields)
            bulkOperation = .insert(document)
            documentBytes = document.bytes.count
            bytes = documentBytes
        case .update(let expectedVersion, let update):
            let filter = Self.filter(change, version: expectedVersion)
            let update = Self.update(update, change)
            bulkOperation = .update(filter: filter, update: update)
            documentBytes = update.bytes.count
            // The fields around the two: q, u, upsert, multi.
            bytes = documentBytes + filter.bytes.count + 64
        case .delete(let expectedVersion):
            let filter = Self.filter(change, version: expectedVersion)
            bulkOperation = .delete(filter: filter)
            documentBytes = filter.bytes.count
            bytes = documentBytes + 64
        }
    }

    /// Why the change cannot even be sent.
    var refusal: StoreError? {
        guard documentBytes > Self.documentBytesMax else { return nil }
        return StoreError(.tooLarge, "a change of \(documentBytes) bytes exceeds the 16 MB of a MongoDB document")
    }

    private static func document(_ change: VersionedChange, _ fields: BSONDocument) -> BSONDocument {
        BSONDocument { writer in
            writer.append(DocumentField.id, change.key.id)
            if let shardKey = change.key.shardKey {
                writer.append(shardKey.field, shardKey.value)
            }
            for (key, value) in fields.fields {
                writer.append(key, value)
            }
            writer.append(DocumentField.version, .int64(1))
            writer.append(DocumentField.lastOperationID, .objectID(change.operationID))
            if let epoch = change.epoch { writer.append(DocumentField.epoch, .int64(epoch)) }
        }
    }

    private static func filter(_ change: VersionedChange, version: Int64) -> BSONDocument {
        let key = change.key
        return BSONDocument { writer in
            writer.append(DocumentField.id, key.id.asEquality)
            if let shardKey = key.shardKey {
                writer.append(shardKey.field, shardKey.value.asEquality)
            }
            writer.append(DocumentField.version, .int64(version))
            // Documents that were never written under a lease have no epoch.
            if let epoch = change.epoch {
                writer.append(DocumentField.epoch, ["$not": ["$gt": .int64(epoch)]])
            }
        }
    }

    private static func update(_ update: DocumentUpdate, _ change: VersionedChange) -> BSONDocument {
        BSONDocument { writer in
            writer.appendDocument("$set") { writer in
                for (field, value) in update.set {
                    writer.append(field, value)
                }
                writer.append(DocumentField.lastOperationID, .objectID(change.operationID))
                if let epoch = change.epoch { writer.append(DocumentField.epoch, .int64(epoch)) }
            }
            if !update.push.isEmpty {
                writer.appendDocument("$push") { writer in
                    for (field, values) in update.push {
                        writer.appendDocument(field) { $0.append("$each", .array(values)) }
                    }
                }
            }
            if !update.unset.isEmpty {
                writer.appendDocument("$unset") { writer in
                    for field in update.unset {
                        writer.append(field, .bool(true))
                    }
                }
            }
            writer.appendDocument("$inc") { $0.append(DocumentField.version, .int64(1)) }
        }
    }
}

extension VersionedChange {
    var kind: ChangeKind {
        switch action {
        case .create: .create
        case .update: .update
        case .delete: .delete
        }
    }
}

extension BSONValue {
    /// The value in a filter: a document could be taken for operators, so that says what it is.
    var asEquality: BSONValue {
        if case .document = self { ["$eq": self] } else { self }
    }
}
