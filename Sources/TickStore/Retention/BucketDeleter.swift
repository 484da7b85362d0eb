import BSON
import DocumentStore

/// Deletes the events of documents whose time is over.
///
/// First the document is read back and checked, block by block; then it is copied to the archive, if there is one, and
/// the copy read back; then the deletion is written down; then one version-checked change takes the events out of the
/// document. The document stays, as a tombstone: it says which parts of which windows were there and how far they are
/// applied, so that nothing of it is ever stored a second time. Used by one task at a time.
final class BucketDeleter {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let archive: (any SegmentArchive)?
    private let ledger: DeletionLedger

    init(writer: VersionedWriter, operationIDs: OperationIDs, archive: (any SegmentArchive)?) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.archive = archive
        ledger = DeletionLedger(writer: writer, operationIDs: operationIDs)
    }

    /// Deletes the events of a document, if it is still as its outline says.
    ///
    /// - Throws: `StoreError` where the store fails.
    func delete(_ outline: BucketOutline, _ rule: RetentionRule) async throws(StoreError) -> StepOutcome {
        guard let stored = try await StoredBucket.read(outline, writer) else { return .overtaken }
        let segment: ArchivedSegment
        let file: (bytes: [UInt8], checksum: UInt32)
        do throws(ArchiveError) {
            segment = try ArchivedSegment(stored)
            file = try segment.file()
        } catch {
            return Self.kept(outline, error)
        }
        var copy: DeletionLedger.ArchivedFile?
        if let archive {
            let name = ArchiveFileName.make(segment.outline, checksum: file.checksum)
            do throws(ArchiveError) {
                try await Self.keep(file.bytes, as: name, in: archive)
            } catch {
                // The others have names of their own.
                return error.code == .differs ? Self.kept(outline, error) : .notArchived(bucket: outline.id, error)
            }
            copy = DeletionLedger.ArchivedFile(name: name, checksum: file.checksum)
        }
        guard let record = try await ledger.request(segment.outline, rule, copy) else { return .overtaken }
        let change = VersionedChange(
            key: segment.outline.documentKey,
            action: .update(expectedVersion: segment.outline.state.version, Self.emptying(segment.outline)),
            operationID: operationIDs.make(),
            conflictExcludes: [Field.blocks]
        )
        switch await writer.apply(change) {
        case .applied:
            try await ledger.complete(record)
            return .done(events: Int(segment.eventCount))
        // Whether it was made or not: the document says it, and the record is settled by it.
        case .conflict, .notFound, .unknown: return .overtaken
        case .failed(let error): throw error
        }
    }

    private static func kept(_ outline: BucketOutline, _ error: ArchiveError) -> StepOutcome {
        .damaged(bucket: outline.id, problem: "its events are not deleted: \(error.message)")
    }

    /// Copies a document to the archive, and reads the copy back as a restoration would.
    private static func keep(
        _ bytes: [UInt8],
        as name: String,
        in archive: any SegmentArchive
    ) async throws(ArchiveError) {
        try await archive.keep(bytes, as: name)
        let copy = try await archive.content(of: name)
        guard copy == bytes else {
            throw ArchiveError(.damaged, "\(name) does not come back from the archive as it was written")
        }
        _ = try ArchivedSegment(file: copy)
    }

    /// Takes the events out of a document and leaves everything that says where they were.
    private static func emptying(_ outline: BucketOutline) -> DocumentUpdate {
        DocumentUpdate(
            set: [
                (Field.blocks, .array([])),
                (Field.blockCount, .int64(0)),
                (Field.blockBytes, .int64(0)),
                (Field.eventCount, .int64(0)),
                (Field.sealedBlockCount, .int64(0)),
                (Field.checksum, .int64(0)),
                // What comes later begins a new part.
                (Field.isClosed, .bool(true)),
                (Field.deletedEventCount, .int64(outline.state.eventCount)),
                (Field.deletedBytes, .int64(outline.state.blockBytes)),
                (Field.deletedChecksum, .int64(Int64(outline.state.checksum))),
            ],
            unset: [Field.sealedTimes, Field.keepUntil] + BucketSummary.fieldNames
        )
        .bringingUp(outline.state.upcast)
    }
}
