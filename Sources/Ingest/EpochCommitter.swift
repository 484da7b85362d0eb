package import DocumentStore
package import Feeds
package import TickStore

/// Writes epochs, one after the other: events, then bars, what was rejected and what is missing, then the checkpoint.
///
/// The order is what makes a replay exact: the checkpoint moves only behind what is confirmed. Bars are not written
/// with every epoch, and the checkpoint waits for them. Used by one task.
package final class EpochCommitter {
    private let buckets: BucketWriter
    private let candles: CandleKeeper
    private let records: RecordWriter
    private let checkpoints: CheckpointStore
    private var checkpoint: Checkpoint
    private let movesCheckpoint: Bool
    private let progress: InputProgress
    private let onCheckpoint: (TapePlace) -> Void

    /// How long until bars are to be written, with an epoch even if it is empty; nil where none wait.
    package var timeToFlush: Duration? { candles.timeToFlush }

    /// What was written so far.
    package private(set) var result = BucketWriter.Result()

    /// `movesCheckpoint` is false for a replay of some instruments only: the others are still to come.
    package init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        source: String,
        checkpoints: CheckpointStore,
        checkpoint: Checkpoint,
        candles: CandleKeeper,
        movesCheckpoint: Bool,
        progress: InputProgress,
        onCheckpoint: @escaping (TapePlace) -> Void = { _ in }
    ) {
        buckets = BucketWriter(writer: writer, operationIDs: operationIDs)
        self.candles = candles
        records = RecordWriter(writer: writer, operationIDs: operationIDs, source: source)
        self.checkpoints = checkpoints
        self.checkpoint = checkpoint
        self.movesCheckpoint = movesCheckpoint
        self.progress = progress
        self.onCheckpoint = onCheckpoint
    }

    /// Writes an epoch.
    ///
    /// After an error parts of it may be written; to write it again is harmless.
    ///
    /// - Throws: `StoreError`.
    package func commit(_ epoch: Epoch, isLast: Bool = true, completesTape: Bool) async throws(StoreError) {
        let written = try await buckets.write(epoch.buckets)
        result.stored += written.stored
        result.alreadyStored += written.alreadyStored
        result.blockBytes += written.blockBytes
        candles.add(epoch.buckets)
        if isLast || candles.timeToFlush == .zero { try await candles.flush() }
        try await records.write(epoch.rejected)
        try await records.write(epoch.gaps)
        guard movesCheckpoint, candles.isEmpty else { return }
        // A run from the start passes through places that the checkpoint has behind it.
        let advance = epoch.place.offset - checkpoint.place.offset
        guard advance >= 0 else { return }
        // With very many streams the checkpoint is large: it is written when it is small beside what it covers.
        guard isLast || advance >= epoch.trackers.count else { return }
        // A run that ended by its limit where the tape was complete has not made it less so.
        let staysComplete = checkpoint.isComplete && checkpoint.place == epoch.place && !epoch.isTruncated
        checkpoint.place = epoch.place
        checkpoint.counts = epoch.counts
        checkpoint.trackers = epoch.trackers
        checkpoint.isComplete = completesTape || staysComplete
        checkpoint.inputBytesRead = progress.compressedOffset
        checkpoint = try await checkpoints.advance(checkpoint)
        onCheckpoint(checkpoint.place)
    }
}
