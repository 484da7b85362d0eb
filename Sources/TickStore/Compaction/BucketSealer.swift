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
    private let sealing = BlockSealing()

    init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Seals a bucket, if it is still as the outline says.
    ///
    /// - Parameter fresh: is told what was written.
    /// - Throws: `StoreError` where the store fails.
    func seal(_ outline: BucketOutline, _ fresh: FreshBuckets) async throws(StoreError) -> StepOutcome {
        guard let stored = try await StoredBucket.read(outline, writer) else { return .overtaken }
        let sealed: BlockSealing.Result
        do throws(StoreError) {
            sealed = try sealing.seal(try stored.blocks(), of: stored.outline)
        } catch {
            return .damaged(bucket: outline.id, problem: error.message)
        }
        let update = DocumentUpdate(set: Self.fields(stored.outline, sealed)).bringingUp(stored.outline.state.upcast)
        let change = VersionedChange(
            key: stored.outline.documentKey,
            action: .update(expectedVersion: stored.outline.state.version, update),
            operationID: operationIDs.make(),
            conflictExcludes: [MarketDataCollection.Field.blocks]
        )
        switch await writer.apply(change) {
        case .applied(let version, let durability):
            // What a failover may take back may become the same version of something else.
            if durability == .confirmed {
                let (blocks, checksum) = (sealed.blocks.blocks, sealed.blocks.blocks.checksum)
                fresh.add(outline.id, version: version, checksum: checksum, blocks: blocks, bars: sealed.bars)
            }
            return .done(events: sealed.blocks.eventCount + sealed.duplicates)
        // Whether it was made or not: the next plan sees what is stored.
        case .conflict, .notFound, .unknown: return .overtaken
        case .failed(let error): throw error
        }
    }

    private static func fields(
        _ outline: BucketOutline,
        _ sealed: BlockSealing.Result
    ) -> [(field: String, value: BSONValue)] {
        typealias Field = MarketDataCollection.Field
        var fields = sealed.blocks.fields + (BucketSummary(sealed.bars)?.fields ?? [])
        if sealed.duplicates > 0 {
            fields.append((Field.duplicateCount, .int64(outline.duplicateCount + Int64(sealed.duplicates))))
        }
        return fields
    }
}
