package import DocumentStore
package import Feeds
package import TickStore

/// Writes epochs, one after the other: events, then bars, what was rejected and what is missing, then the checkpoint.
///
/// The order is what makes a replay exact: the checkpoint moves only behind what is confirmed. Bars are not written
/// with every epoch, and the checkpoint waits for them; for feeds that trickle in both are written beside the next
/// epochs, by a `CheckpointStage`, so that nothing waits for them. Used by one task.
package final class EpochCommitter {
    private let buckets: BucketWriter
    private let candles: CandleKeeper
    private let records: RecordWriter
    private let checkpoints: CheckpointKeeper?
    private let stage: AsyncStream<CheckpointMove>.Continuation?
    private let progress: InputProgress

    /// How long until bars are to be written, with an epoch even if it is empty; nil where none wait.
    package var timeToFlush: Duration? { candles.timeToFlush }

    /// What was written so far.
    package private(set) var result = BucketWriter.Result()

    /// - Parameters:
    ///   - checkpoints: moves the checkpoint with the epochs; nil where that is done beside them, or not at all, as for
    ///     a replay of some instruments only: the others are still to come.
    ///   - stage: takes the moves of the checkpoint where that is done beside the epochs.
    package init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        source: String,
        candles: CandleKeeper,
        checkpoints: CheckpointKeeper?,
        stage: AsyncStream<CheckpointMove>.Continuation? = nil,
        progress: InputProgress
    ) {
        buckets = BucketWriter(writer: writer, operationIDs: operationIDs)
        self.candles = candles
        records = RecordWriter(writer: writer, operationIDs: operationIDs, source: source)
        self.checkpoints = checkpoints
        self.stage = stage
        self.progress = progress
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
        let isDue = isLast || candles.timeToFlush == .zero
        if stage == nil, isDue { try await candles.flush() }
        try await records.write(epoch.rejected)
        try await records.write(epoch.gaps)
        let move = CheckpointMove(
            epoch,
            isLast: isLast,
            completesTape: completesTape,
            inputBytesRead: progress.compressedOffset
        )
        if let stage {
            // Nothing waits for the bars of quiet feeds: what was rejected moves the checkpoint too.
            if isDue || candles.isEmpty { stage.yield(move) }
        } else if candles.isEmpty {
            try await checkpoints?.apply(move)
        }
    }
}

/// Up to where everything is confirmed, once the bars that wait are written.
package struct CheckpointMove: Sendable {
    let place: TapePlace
    let isTruncated: Bool
    let counts: ReplayCounts
    let trackers: [UInt8]
    let isLast: Bool
    let completesTape: Bool
    let inputBytesRead: Int64

    init(_ epoch: Epoch, isLast: Bool, completesTape: Bool, inputBytesRead: Int64) {
        place = epoch.place
        isTruncated = epoch.isTruncated
        counts = epoch.counts
        trackers = epoch.trackers
        self.isLast = isLast
        self.completesTape = completesTape
        self.inputBytesRead = inputBytesRead
    }
}

/// Moves the checkpoint of one source.
///
/// Used by one task at a time.
package final class CheckpointKeeper {
    private let store: CheckpointStore
    private var checkpoint: Checkpoint
    private let onCheckpoint: (TapePlace) -> Void

    package init(
        _ store: CheckpointStore,
        _ checkpoint: Checkpoint,
        onCheckpoint: @escaping (TapePlace) -> Void = { _ in }
    ) {
        self.store = store
        self.checkpoint = checkpoint
        self.onCheckpoint = onCheckpoint
    }

    /// Moves the checkpoint, where that is forwards and worth it.
    ///
    /// - Throws: `StoreError`.
    func apply(_ move: CheckpointMove) async throws(StoreError) {
        // A run from the start passes through places that the checkpoint has behind it.
        let advance = move.place.offset - checkpoint.place.offset
        guard advance >= 0 else { return }
        // With very many streams the checkpoint is large: it is written when it is small beside what it covers.
        guard move.isLast || advance >= move.trackers.count else { return }
        // A run that ended by its limit where the tape was complete has not made it less so.
        let staysComplete = checkpoint.isComplete && checkpoint.place == move.place && !move.isTruncated
        checkpoint.place = move.place
        checkpoint.counts = move.counts
        checkpoint.trackers = move.trackers
        checkpoint.isComplete = move.completesTape || staysComplete
        checkpoint.inputBytesRead = move.inputBytesRead
        checkpoint = try await store.advance(checkpoint)
        onCheckpoint(checkpoint.place)
    }
}

/// Writes bars, and then moves the checkpoint, beside the epochs of a feed that trickles in.
package struct CheckpointStage {
    private let candles: CandleKeeper
    private let checkpoints: CheckpointKeeper

    package init(candles: CandleKeeper, checkpoints: CheckpointKeeper) {
        self.candles = candles
        self.checkpoints = checkpoints
    }

    /// Works until the moves end.
    ///
    /// Bars are taken when a move is: those of its epoch are among them, so the checkpoint is never ahead of any bar.
    ///
    /// - Throws: `StoreError`.
    package func run(_ moves: AsyncStream<CheckpointMove>) async throws(StoreError) {
        for await move in moves {
            try await candles.flush()
            try await checkpoints.apply(move)
        }
    }
}
