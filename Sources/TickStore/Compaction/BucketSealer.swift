import BSON
import DocumentStore
import MarketData
import TickCodec

/// What became of a step.
enum StepOutcome: Equatable, Sendable {
    /// It was done, with so many events, or found to be done.
    case done(events: Int)
    /// Somebody else changed a document meanwhile: plan again.
    case overtaken
    /// A document is damaged, and was left as it is.
    case damaged(bucket: String, problem: String)
    /// The archive did not take a copy of the document, so nothing of it was deleted.
    case notArchived(bucket: String, ArchiveError)
}

/// Makes sealed buckets of hot ones.
///
/// The events are merged into the order of event time, then position, encoded for size, decoded again and compared
/// with what went in, and only then written, in one version-checked change: a reader sees the blocks before or the
/// blocks behind it. Holds scratch memory; used by one task at a time.
final class BucketSealer {
    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let encoder = SealedBlockWriter()
    /// The events of the bucket, in memory that is used for the next one as well.
    private var merged = MergedEvents()

    init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Seals a bucket, if it is still as the outline says.
    ///
    /// - Throws: `StoreError` where the store fails.
    func seal(_ outline: BucketOutline) async throws(StoreError) -> StepOutcome {
        guard let stored = try await StoredBucket.read(outline, writer) else { return .overtaken }
        let blocks: [StoredBlock]
        do throws(StoreError) {
            blocks = try stored.blocks()
            try merge(blocks)
        } catch {
            return .damaged(bucket: outline.id, problem: error.message)
        }
        let count = merged.events.count
        let claimed = blocks.reduce(0) { $0 + $1.header.count }
        guard count == claimed, claimed == Int(stored.outline.state.eventCount) else {
            return .damaged(bucket: outline.id, problem: "event_count does not match the blocks")
        }
        let duplicates = merged.removeDuplicates()
        var sealed = SealedBlocks()
        encoder.append(merged, outline.kind, to: &sealed)
        guard try sealed.holds(merged) else {
            return .damaged(
                bucket: outline.id,
                problem: "its events do not come back from sealed blocks; left as it is"
            )
        }
        let summary = BucketSummary(merged.events)
        let update = DocumentUpdate(set: Self.fields(stored.outline, sealed, summary, duplicates: duplicates))
            .bringingUp(stored.outline.state.upcast)
        let change = VersionedChange(
            key: stored.outline.documentKey,
            action: .update(expectedVersion: stored.outline.state.version, update),
            operationID: operationIDs.make(),
            conflictExcludes: [MarketDataCollection.Field.blocks]
        )
        switch await writer.apply(change) {
        case .applied: return .done(events: count)
        // Whether it was made or not: the next plan sees what is stored.
        case .conflict, .notFound, .unknown: return .overtaken
        case .failed(let error): throw error
        }
    }

    private func merge(_ blocks: [StoredBlock]) throws(StoreError) {
        merged.removeAll()
        merged.events.reserveCapacity(blocks.reduce(0) { $0 + $1.header.count })
        let merge = EventMerge()
        merge.add(blocks)
        while try merge.appendNext(to: &merged) {}
    }

    private static func fields(
        _ outline: BucketOutline,
        _ sealed: SealedBlocks,
        _ summary: BucketSummary?,
        duplicates: Int
    ) -> [(field: String, value: BSONValue)] {
        typealias Field = MarketDataCollection.Field
        var fields = sealed.fields + (summary?.fields ?? [])
        if duplicates > 0 {
            fields.append((Field.duplicateCount, .int64(outline.duplicateCount + Int64(duplicates))))
        }
        return fields
    }
}
