import BSON
import DocumentStore
import MarketData
import TickCodec

/// Makes one segment of the sealed documents of a day.
///
/// The segment appears and the documents that it takes the place of disappear in one change of all of them: a reader
/// sees the old ones or the new one. They are marked only, and deleted after the segment was read back and found to
/// hold every one of their events.
///
/// The segment takes over their slots, which no two documents of a lane may share: whoever still believes that one of
/// those parts is to be created is refused, looks again, and finds in the segment how far the window is applied.
///
/// Holds scratch memory; used by one task at a time.
final class SegmentBuilder {
    private typealias Field = MarketDataCollection.Field

    /// Parts of segments count from here on, so that they are never those of a bucket.
    static let firstPart: Int64 = 1 << 20

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let encoder = SealedBlockWriter()

    init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Rolls documents up that are neighbours in the order of their slots, if all are still as their outlines say.
    ///
    /// - Parameter part: the part of the new segment; greater than that of any segment of the day so far.
    /// - Throws: `StoreError` where the store fails.
    func rollUp(_ members: [BucketOutline], part: Int64) async throws(StoreError) -> StepOutcome {
        guard let first = members.first, let start = first.kind.segmentStart(of: first.windowStart) else {
            return .overtaken
        }
        var blocks: [StoredBlock] = []
        for member in members {
            guard let stored = try await StoredBucket.read(member, writer) else { return .overtaken }
            do throws(StoreError) {
                blocks += try stored.blocks()
            } catch {
                return .damaged(bucket: member.id, problem: error.message)
            }
        }
        let sealed: SealedBlocks
        do throws(StoreError) {
            sealed = try encoder.join(blocks, first.kind)
        } catch {
            return .damaged(bucket: first.id, problem: error.message)
        }
        let count = members.reduce(Int64(0)) { $0 + $1.state.eventCount }
        guard Int64(sealed.eventCount) == count, try BlockContainment.holds(sealed.stored(), all: blocks) else {
            return .damaged(bucket: first.id, problem: "its events do not come back from a segment; left as it is")
        }
        let key = BucketKey(source: first.source, instrument: first.instrument, kind: first.kind, windowStart: start)
        let changes = changes(members, key, sealed, part: part)
        switch await writer.applyTogether(changes) {
        case .applied: return .done(events: sealed.eventCount)
        case .conflict, .unknown: return .overtaken
        // Another compaction works on these documents, or one that was killed holds them until the server notices: the
        // next run looks again. Where the server is gone, whatever comes next fails.
        case .failed(let error) where error.code == .duplicateKey || error.isTransient: return .overtaken
        case .failed(let error): throw error
        }
    }

    private func changes(
        _ members: [BucketOutline],
        _ key: BucketKey,
        _ sealed: SealedBlocks,
        part: Int64
    ) -> [VersionedChange] {
        let segment = key.documentKey(part: part)
        // They give their slots away before the segment takes them.
        var changes = members.map { member in
            VersionedChange(
                key: member.documentKey,
                action: .update(
                    expectedVersion: member.state.version,
                    DocumentUpdate(
                        set: [
                            (Field.replacedBy, segment.id),
                            (Field.formerSlots, .array(member.slots.map { .int64($0) })),
                        ],
                        unset: [Field.slots]
                    )
                    .bringingUp(member.state.upcast)
                ),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        }
        changes.append(
            VersionedChange(
                key: segment,
                action: .create(BSONDocument(fields(members, key, sealed, part: part).map { ($0.field, $0.value) })),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        )
        return changes
    }

    private func fields(
        _ members: [BucketOutline],
        _ key: BucketKey,
        _ sealed: SealedBlocks,
        part: Int64
    ) -> [(field: String, value: BSONValue)] {
        let slots = members.flatMap(\.slots).sorted()
        let windows = Self.windows(of: members)
        let duplicates = members.reduce(Int64(0)) { $0 + $1.duplicateCount }
        var fields: [(field: String, value: BSONValue)] = [
            (DocumentField.schemaVersion, .int64(MarketDataCollection.schemaVersion)),
            (Field.kind, .string(key.kind.name)),
            (Field.source, .string(key.source)),
            (Field.windowStart, .int64(key.windowStart)),
            (Field.windowSeconds, .int64(key.kind.segmentSeconds ?? key.kind.windowSeconds)),
            (Field.part, .int64(part)),
            (Field.isClosed, .bool(true)),
            (Field.appliedThrough, .int64(windows.map(\.appliedThrough).max() ?? .min)),
            (Field.slots, .array(slots.map { .int64($0) })),
            (Field.windows, .array(windows.map(\.value))),
        ]
        if duplicates > 0 { fields.append((Field.duplicateCount, .int64(duplicates))) }
        if let until = members.compactMap(\.keepUntil).max() {
            fields.append((Field.keepUntil, .datetime(until / 1_000_000)))
        }
        return fields + sealed.fields + (Self.summary(of: members)?.fields ?? [])
    }

    /// What the summaries of the documents come to, in the order of their slots.
    private static func summary(of members: [BucketOutline]) -> BucketSummary? {
        var summaries = members.compactMap(\.state.summary)[...]
        guard var sum = summaries.popFirst() else { return nil }
        for summary in summaries { sum.add(summary) }
        return sum
    }

    /// The windows that are in the documents, each with its last part.
    private static func windows(of members: [BucketOutline]) -> [SegmentWindow] {
        var last: [Int64: SegmentWindow] = [:]
        for window in members.flatMap(\.coveredWindows) {
            if let known = last[window.start], known.lastPart > window.lastPart { continue }
            last[window.start] = window
        }
        return last.values.sorted { $0.start < $1.start }
    }
}

// MARK: - Deleting what was replaced

extension SegmentBuilder {
    /// Deletes documents that a segment took the place of, after reading it back.
    ///
    /// - Throws: `StoreError` where the store fails.
    func removeReplaced(by segment: String, _ members: [BucketOutline]) async throws(StoreError) -> StepOutcome {
        guard let instrument = members.first?.instrument else { return .overtaken }
        guard let stored = try await StoredBucket.read(id: segment, instrument: instrument, writer) else {
            return .damaged(bucket: segment, problem: "the segment is gone; the documents that it replaced are kept")
        }
        var blocks: [StoredBlock] = []
        var versions: [BucketOutline] = []
        for member in members {
            // One that is gone was deleted by another run, which had found its events in the segment.
            guard let replaced = try await StoredBucket.read(member, writer) else { continue }
            do throws(StoreError) {
                blocks += try replaced.blocks()
            } catch {
                return .damaged(bucket: member.id, problem: error.message)
            }
            versions.append(replaced.outline)
        }
        do throws(StoreError) {
            guard try BlockContainment.holds(stored.blocks(), all: blocks) else {
                return .damaged(
                    bucket: segment,
                    problem: "the segment lacks events of documents that it replaced; those are kept"
                )
            }
        } catch {
            return .damaged(bucket: segment, problem: error.message)
        }
        return try await delete(versions)
    }

    private func delete(_ members: [BucketOutline]) async throws(StoreError) -> StepOutcome {
        let changes = members.map {
            VersionedChange(
                key: $0.documentKey,
                action: .delete(expectedVersion: $0.state.version),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        }
        for case .failed(let error) in await writer.apply(changes) { throw error }
        return .done(events: 0)
    }
}
