import BSON
import DocumentStore
import MarketData

/// Writes the audit of retention.
///
/// A record is written before the deletion that it is about, with a fixed id, and completed after it. So a deletion is
/// never without a record, and whoever finds one that is not completed sees by the document whether the deletion was
/// made: a document of the version behind it, without its events, is what the deletion left.
struct DeletionLedger {
    private typealias Field = DeletionsCollection.Field

    /// A record in one version.
    struct Record {
        fileprivate let key: DocumentKey
        fileprivate let version: Int64
        fileprivate let document: String
        let documentVersion: Int64
        let isCompleted: Bool
        let isRestored: Bool
    }

    /// What a copy in an archive is called.
    struct ArchivedFile {
        let name: String
        let checksum: UInt32
    }

    private static let recordsPerQuery = 1_000

    let writer: VersionedWriter
    let operationIDs: OperationIDs

    /// Writes down what is about to be deleted.
    ///
    /// - Returns: nil where it was deleted by somebody else, or another run changed the record at the same time.
    /// - Throws: `StoreError`.
    func request(
        _ outline: BucketOutline,
        _ rule: RetentionRule,
        _ file: ArchivedFile?
    ) async throws(StoreError) -> Record? {
        let key = Self.key(outline.id, outline.state.version, source: outline.source)
        let now = try await writer.serverTime()
        var how: [(field: String, value: BSONValue)] = [(Field.rule, .string(rule.description))]
        let archive = file.map { file -> BSONValue in
            [
                Field.archiveFile: .string(file.name), Field.archiveChecksum: .int64(Int64(file.checksum)),
            ]
        }
        let fields =
            Self.fields(outline) + how + [
                (Field.archive, archive ?? .null), (Field.requestedAt, .datetime(now)), (Field.completedAt, .null),
                (Field.restoredAt, .null),
            ]
        let create = change(key, .create(BSONDocument(fields.map { ($0.field, $0.value) })))
        switch await writer.apply(create) {
        case .applied(let version, _): return Record(key, version, outline)
        case .conflict(let current):
            // A run that was killed, or one that is at it now, wrote it down already.
            guard let record = try Record.read(current), !record.isCompleted else { return nil }
            if let archive { how.append((Field.archive, archive)) }
            if how.allSatisfy({ current[$0.field] == $0.value }) { return record }
            return try await update(record, how)
        case .notFound, .unknown: return nil
        case .failed(let error): throw error
        }
    }

    /// Says of a deletion that it is made.
    ///
    /// - Returns: nil where somebody else said it.
    /// - Throws: `StoreError`.
    @discardableResult
    func complete(_ record: Record) async throws(StoreError) -> Record? {
        let now = try await writer.serverTime()
        return try await update(record, [(Field.completedAt, .datetime(now))])
    }

    /// Says of a deletion that its events were brought back.
    ///
    /// - Throws: `StoreError`.
    func noteRestored(_ record: Record) async throws(StoreError) {
        let now = try await writer.serverTime()
        _ = try await update(record, [(Field.restoredAt, .datetime(now))])
    }

    /// The records of the deletions of a document.
    ///
    /// - Throws: `StoreError`.
    func records(_ document: String, source: String) async throws(StoreError) -> [Record] {
        let query = DocumentQuery(
            DeletionsCollection.name,
            where: [
                .startsWith(DocumentField.id, document + "|"), .equals(Field.source, .string(source)),
                .equals(Field.document, .string(document)),
            ],
            limit: Self.recordsPerQuery
        )
        return try Record.all(in: try await writer.find(query))
    }
}

// MARK: - Records of killed runs

extension DeletionLedger {
    /// Completes the records of an instrument whose deletions were made.
    ///
    /// Those whose deletion never can be made, because the document went on without it, are removed; what may still be
    /// made is left.
    ///
    /// - Throws: `StoreError`.
    func settle(_ instrument: String) async throws(StoreError) {
        let stored = try await writer.find(
            DocumentQuery(
                DeletionsCollection.name,
                where: [.equals(Field.instrumentSymbol, .string(instrument)), .equals(Field.completedAt, .null)],
                limit: Self.recordsPerQuery
            )
        )
        let pending = try Record.all(in: stored)
        guard !pending.isEmpty else { return }
        // Read after the records: a document that is gone now was there when its record was written.
        let documents = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                where: [
                    .isIn(DocumentField.id, pending.map { .string($0.document) }),
                    .equals(MarketDataCollection.Field.instrumentSymbol, .string(instrument)),
                ],
                fields: .only(BucketOutline.fields),
                limit: Self.recordsPerQuery
            )
        )
        var outlines: [String: BucketOutline] = [:]
        for document in documents {
            let outline = try BucketOutline(document)
            outlines[outline.id] = outline
        }
        for record in pending { try await settle(record, outlines[record.document]) }
    }

    private func settle(_ record: Record, _ outline: BucketOutline?) async throws(StoreError) {
        if let outline {
            if outline.state.version <= record.documentVersion { return }
            if outline.deleted != nil, outline.state.version == record.documentVersion + 1 {
                try await complete(record)
                return
            }
        }
        let removal = change(record.key, .delete(expectedVersion: record.version))
        if case .failed(let error) = await writer.apply(removal) { throw error }
    }
}

// MARK: - Documents

extension DeletionLedger {
    private func update(
        _ record: Record,
        _ fields: [(field: String, value: BSONValue)]
    ) async throws(StoreError) -> Record? {
        let update = VersionedChange.Action.update(expectedVersion: record.version, DocumentUpdate(set: fields))
        switch await writer.apply(change(record.key, update)) {
        case .applied(let version, _): return Record(record, version)
        case .conflict, .notFound, .unknown: return nil
        case .failed(let error): throw error
        }
    }

    private func change(_ key: DocumentKey, _ action: VersionedChange.Action) -> VersionedChange {
        VersionedChange(key: key, action: action, operationID: operationIDs.make())
    }

    private static func key(_ document: String, _ version: Int64, source: String) -> DocumentKey {
        DocumentKey(
            collection: DeletionsCollection.name,
            id: .string("\(document)|\(version)"),
            shardKey: .init(field: Field.source, value: .string(source))
        )
    }

    private static func fields(_ outline: BucketOutline) -> [(field: String, value: BSONValue)] {
        [
            (DocumentField.schemaVersion, .int64(DeletionsCollection.schemaVersion)),
            (Field.document, .string(outline.id)),
            (Field.documentVersion, .int64(outline.state.version)),
            (Field.instrumentSymbol, .string(outline.instrument.description)),
            (Field.kind, .string(outline.kind.name)),
            (Field.windowStart, .int64(outline.windowStart)),
            (Field.windowSeconds, .int64(outline.windowSeconds)),
            (Field.events, .int64(outline.state.eventCount)),
            (Field.bytes, .int64(outline.state.blockBytes)),
            (Field.checksum, .int64(Int64(outline.state.checksum))),
            (Field.firstEventTime, .int64(outline.state.firstEventTime)),
            (Field.lastEventTime, .int64(outline.state.lastEventTime)),
        ]
    }
}

extension DeletionLedger.Record {
    private typealias Field = DeletionsCollection.Field

    /// The record that was just created for a document.
    fileprivate init(_ key: DocumentKey, _ version: Int64, _ outline: BucketOutline) {
        self.key = key
        self.version = version
        document = outline.id
        documentVersion = outline.state.version
        isCompleted = false
        isRestored = false
    }

    /// A later version of a record.
    fileprivate init(_ record: Self, _ version: Int64) {
        key = record.key
        self.version = version
        document = record.document
        documentVersion = record.documentVersion
        isCompleted = record.isCompleted
        isRestored = record.isRestored
    }

    /// Reads records; those that are of no layout are left out.
    ///
    /// - Throws: `StoreError` of code `newerSchema`.
    fileprivate static func all(in stored: [BSONDocument]) throws(StoreError) -> [Self] {
        var records: [Self] = []
        for document in stored {
            if let record = try read(document) { records.append(record) }
        }
        return records
    }

    /// Reads a record; nil where it is of no layout.
    ///
    /// - Throws: `StoreError` of code `newerSchema`.
    fileprivate static func read(_ stored: BSONDocument) throws(StoreError) -> Self? {
        do throws(StoreError) {
            return Self(try DeletionsCollection.schema.current(stored))
        } catch {
            guard error.code == .newerSchema else { return nil }
            throw error
        }
    }

    private init?(_ stored: BSONDocument) {
        guard let id = stored[DocumentField.id], let source = stored[Field.source],
            let version = stored[DocumentField.version]?.integer, let document = stored[Field.document]?.string,
            let documentVersion = stored[Field.documentVersion]?.integer
        else { return nil }
        key = DocumentKey(
            collection: DeletionsCollection.name,
            id: id,
            shardKey: .init(field: Field.source, value: source)
        )
        self.version = version
        self.document = document
        self.documentVersion = documentVersion
        isCompleted = stored[Field.completedAt].map { $0 != .null } ?? false
        isRestored = stored[Field.restoredAt].map { $0 != .null } ?? false
    }
}
