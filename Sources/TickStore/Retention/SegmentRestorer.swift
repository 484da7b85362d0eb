import BSON
public import DocumentStore
import MarketData

/// What became of a file that was to be restored.
public enum RestoreOutcome: Equatable, Sendable {
    /// Its events are back.
    case restored
    /// Its events were there already.
    case alreadyThere
    /// Something else is in their place; nothing was changed.
    case refused(reason: String)
}

/// Brings deleted events back from files of an archive.
///
/// A tombstone of the same document gets its blocks again; where there is no such document, as in another database, it
/// is created, if no other one holds its parts of windows. Safe to use from any task.
public struct SegmentRestorer: Sendable {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let keep: Duration
    private let ledger: DeletionLedger

    /// How long a restored document is kept at least, whatever rules say: a month.
    public static let keepDefault = Duration.seconds(30 * 86_400)
    /// So often the document may change under the hands of a restoration.
    private static let attemptsMax = 16
    private static let outlinesMax = 100_000

    /// - Parameter keep: how long from now the events are kept at least.
    public init(writer: VersionedWriter, operationIDs: OperationIDs, keep: Duration = keepDefault) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.keep = keep
        ledger = DeletionLedger(writer: writer, operationIDs: operationIDs)
    }

    /// Restores a document, or finds that there is nothing to do.
    ///
    /// - Throws: `StoreError` where the store fails; to restore it again is harmless.
    public func restore(_ segment: ArchivedSegment) async throws(StoreError) -> RestoreOutcome {
        // A change of which nobody can tell whether it was made is ours if it turns out to be made.
        var isInDoubt = false
        for _ in 0..<Self.attemptsMax {
            guard let change = try await decide(segment) else {
                try await noteRestored(segment)
                return isInDoubt ? .restored : .alreadyThere
            }
            if case .refuse(let reason) = change { return .refused(reason: reason) }
            guard case .make(let action) = change else { continue }
            let outcome = await writer.apply(
                VersionedChange(
                    key: segment.outline.documentKey,
                    action: action,
                    operationID: operationIDs.make(),
                    conflictExcludes: [Field.blocks]
                )
            )
            switch outcome {
            case .applied:
                try await noteRestored(segment)
                return .restored
            case .conflict, .notFound: break
            case .unknown: isInDoubt = true
            // Another document took a part of a window meanwhile: the next look names it.
            case .failed(let error) where error.code == .duplicateKey: break
            case .failed(let error): throw error
            }
        }
        throw StoreError(.unavailable, "document '\(segment.id)' kept changing; restore it again")
    }
}

extension SegmentRestorer {
    private enum Decision {
        case make(VersionedChange.Action)
        case refuse(String)
    }

    /// What is to be done about the document as it is now; nil where its events are there.
    private func decide(_ segment: ArchivedSegment) async throws(StoreError) -> Decision? {
        guard let current = try await outlines(segment, [.equals(DocumentField.id, .string(segment.id))]).first else {
            if let holder = try await holder(segment) {
                return .refuse("'\(holder)' holds events of the same parts of windows")
            }
            return .make(.create(BSONDocument(try await fields(segment).map { ($0.field, $0.value) })))
        }
        let (state, archived) = (current.state, segment.outline.state)
        if let segment = current.replacedBy { return .refuse("its events went into '\(segment)'") }
        if let deleted = current.deleted {
            let isSame =
                deleted == .init(segment.outline.state) && current.slots == segment.outline.slots
                && current.windows == segment.outline.windows
            guard isSame else { return .refuse("other events than these were deleted from it") }
            // The deletion is complete before it is undone, or its record would look as if it had never been made.
            for record in try await ledger.records(segment.id, source: current.source)
            where record.documentVersion == state.version - 1 && !record.isCompleted {
                try await ledger.complete(record)
            }
            let update = DocumentUpdate(
                set: try await fields(segment),
                unset: [Field.deletedEventCount, Field.deletedBytes, Field.deletedChecksum]
            )
            .bringingUp(state.upcast)
            return .make(.update(expectedVersion: state.version, update))
        }
        let isSame =
            state.eventCount == archived.eventCount && state.blockBytes == archived.blockBytes
            && state.checksum == archived.checksum
        return isSame ? nil : .refuse("the document holds other events than the file")
    }

    /// The document that holds one of the parts of windows that the segment wants, if there is one.
    private func holder(_ segment: ArchivedSegment) async throws(StoreError) -> String? {
        let outline = segment.outline
        let wanted = Set(outline.slots)
        // A segment that reaches into the window may begin before it.
        let start = outline.kind.segmentStart(of: outline.windowStart) ?? outline.windowStart
        let found = try await outlines(
            segment,
            [
                .equals(Field.kind, .string(outline.kind.name)), .equals(Field.source, .string(outline.source)),
                .greaterOrEqual(Field.windowStart, .int64(start)), .less(Field.windowStart, .int64(outline.windowEnd)),
            ]
        )
        return found.first { $0.replacedBy == nil && !wanted.isDisjoint(with: $0.slots) }?.id
    }

    private func outlines(
        _ segment: ArchivedSegment,
        _ conditions: [DocumentQuery.Condition]
    ) async throws(StoreError) -> [BucketOutline] {
        let instrument = DocumentQuery.Condition.equals(
            Field.instrumentSymbol,
            .string(segment.instrument.description)
        )
        let query = DocumentQuery(
            MarketDataCollection.name,
            where: [instrument] + conditions,
            fields: .only(BucketOutline.fields),
            limit: Self.outlinesMax
        )
        var outlines: [BucketOutline] = []
        for document in try await writer.find(query) { outlines.append(try BucketOutline(document)) }
        return outlines
    }

    /// The fields of the document with its events, but for those that every change sets.
    private func fields(_ segment: ArchivedSegment) async throws(StoreError) -> [(field: String, value: BSONValue)] {
        let reserved: Set<String> = [DocumentField.id, DocumentField.version, Field.instrumentSymbol, Field.isClosed]
        let until = try await writer.serverTime() + keep.milliseconds
        return segment.document.fields.filter { !reserved.contains($0.key) }.map { ($0.key, $0.value) }
            + [
                // What comes later begins a new part, as it does while the events are away.
                (Field.isClosed, .bool(true)),
                (Field.blocks, .array(segment.blocks.map { .binary($0) })),
                (Field.keepUntil, .datetime(until)),
            ]
    }

    /// Notes in the records of deletions that they are undone: where the events are there, all of them are.
    private func noteRestored(_ segment: ArchivedSegment) async throws(StoreError) {
        for record in try await ledger.records(segment.id, source: segment.outline.source)
        where record.isCompleted && !record.isRestored { try await ledger.noteRestored(record) }
    }
}
