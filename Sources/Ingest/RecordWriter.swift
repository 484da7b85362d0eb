import BSON
import DocumentStore
import Feeds
import MarketData
import Records
import TickStore

/// Keeps what is not an event: rejected records and holes in sequences.
///
/// Writing the same twice changes nothing.
struct RecordWriter {
    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let source: String

    private static let changesPerBulk = 500
    private static let roundsMax = 64

    init(writer: VersionedWriter, operationIDs: OperationIDs, source: String) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.source = source
    }

    /// Writes rejected records; one that is there already was written by an earlier attempt at the same tape.
    func write(_ records: [RejectedRecord]) async throws(StoreError) {
        for start in stride(from: 0, to: records.count, by: Self.changesPerBulk) {
            let end = min(start + Self.changesPerBulk, records.count)
            let outcomes = await writer.apply(records[start..<end].map(change))
            // Whoever wrote a record of this position wrote the same: a conflict is as good as having written it.
            for case .failed(let error) in outcomes { throw error }
            for case .unknown(let error) in outcomes { throw error }
        }
    }

    private func change(_ record: RejectedRecord) -> VersionedChange {
        typealias Field = RejectsCollection.Field
        let fields: BSONDocument = [
            DocumentField.schemaVersion: .int64(RejectsCollection.schemaVersion),
            Field.position: .int64(record.position.rawValue),
            Field.line: .int64(record.position.line + 1),
            Field.rule: .string(record.rule.rawValue),
            Field.reason: .string(record.reason),
            Field.kind: record.kindName.map { .string($0) } ?? .null,
            Field.ticket: record.ticket.map { .string($0) } ?? .null,
            Field.raw: .binary(record.raw),
            Field.rawLength: .int64(Int64(record.rawLength)),
        ]
        return VersionedChange(
            key: key(RejectsCollection.name, "\(source)|\(record.position.rawValue)"),
            action: .create(fields),
            operationID: operationIDs.make(),
            conflictExcludes: [Field.raw]
        )
    }

    /// Brings the stored holes to the state that they had at the end of a stretch of the tape.
    func write(_ gaps: [GapChange]) async throws(StoreError) {
        for gap in gaps { try await write(gap) }
    }

    private func write(_ gap: GapChange) async throws(StoreError) {
        var stored: BSONDocument?
        for _ in 0..<Self.roundsMax {
            let change = change(gap, stored)
            switch await writer.apply(change) {
            case .applied: return
            case .failed(let error): throw error
            case .conflict, .notFound, .unknown: break
            }
            stored = try await writer.current(change)
            if let current = stored { stored = try GapsCollection.schema.current(current) }
            // What is stored may be of a later place of the tape: then it knows more than this change.
            let appliedThrough = stored?[GapsCollection.Field.appliedThrough]?.integer ?? .min
            if appliedThrough >= gap.position.rawValue { return }
        }
        throw StoreError(.unavailable, "a gap of '\(source)' kept changing: is another replay running?")
    }

    private func change(_ gap: GapChange, _ stored: BSONDocument?) -> VersionedChange {
        typealias Field = GapsCollection.Field
        let state: [(field: String, value: BSONValue)] = [
            (Field.missing, .int64(gap.missing)),
            (Field.isOpen, .bool(gap.missing > 0)),
            (Field.appliedThrough, .int64(gap.position.rawValue)),
        ]
        let action: VersionedChange.Action
        if let version = stored?[DocumentField.version]?.integer {
            action = .update(expectedVersion: version, DocumentUpdate(set: state))
        } else {
            let identity: [(field: String, value: BSONValue)] = [
                (DocumentField.schemaVersion, .int64(GapsCollection.schemaVersion)),
                (Field.stream, .string(gap.stream)),
                (Field.after, .int64(gap.after)),
                (Field.before, .int64(gap.before)),
            ]
            action = .create(BSONDocument((identity + state).map { ($0.field, $0.value) }))
        }
        // A stream that counts anew may have a hole behind the same number again: that is another hole.
        let numbering = gap.numbering == 0 ? "" : "|\(gap.numbering)"
        return VersionedChange(
            key: key(GapsCollection.name, "\(source)|\(gap.stream)|\(gap.after)\(numbering)"),
            action: action,
            operationID: operationIDs.make()
        )
    }

    private func key(_ collection: String, _ id: String) -> DocumentKey {
        DocumentKey(
            collection: collection,
            id: .string(id),
            shardKey: DocumentKey.ShardKey(field: RejectsCollection.Field.source, value: .string(source))
        )
    }
}
