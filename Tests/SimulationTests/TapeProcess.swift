import DocumentStore
import Feeds
import Ingest
import MarketData
import SimulatedStore
import TickStore

/// One run of a replay over a simulated store: the parts of `Replay` one after the other, without its actors, so that
/// a seed decides everything.
struct TapeProcess: Sendable {
    static let source = "sim"
    static let decoding = "sim"

    /// What one run is asked to do.
    struct Order: Sendable {
        var only: Set<String>?
        var startsOver = false
        var limit: Int?
        /// How much of the tape is there at the time.
        var byteCount: Int
    }

    let store: any DocumentStore
    let clock: SimulatedClock
    let bytes: [UInt8]
    let format: NDJSONFormat
    let seed: UInt64

    /// Runs to the end of the tape, or to the first error, which is what a crash looks like from inside.
    ///
    /// Answers how many events were stored.
    func run(_ order: Order) async throws -> Int {
        var generator = SplitMix64(seed: seed)
        // Some have so little patience that they often never learn what became of a change.
        let deadline: Duration = generator.nextIndex(below: 3) == 0 ? .milliseconds(60) : .seconds(8)
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: deadline),
            environment: clock.environment
        )
        let ids = OperationIDs(process: UInt32(truncatingIfNeeded: generator.next()), start: generator.next())
        let head = Array(bytes.prefix(order.byteCount))
        let input = try TapeInput(stream: MemorySource(head), path: "tape", name: "tape")
        let checkpoints = CheckpointStore(
            writer: writer,
            operationIDs: ids,
            source: Self.source,
            format: format.name,
            venue: SimulatedTape.venue
        )
        let checkpoint = try await checkpoints.open(head: input.head, decoding: Self.decoding)
        var sequencer = try startingSequencer(order, checkpoint)
        let start = sequencer.place
        let slabs = SlabReader(
            input.source,
            format: format,
            offset: start.offset,
            afterOpenLine: start.afterOpenLine,
            recordLimit: order.limit.map { max(0, $0 - sequencer.counts.records) },
            slabBytes: 1 << (5 + generator.nextIndex(below: 7))
        )
        if start.offset > 0 { try input.source.skip(to: start.offset) }
        // Some write bars with every epoch, others only when many wait, or in the end.
        let candles = CandleKeeper(
            writer: writer,
            operationIDs: ids,
            limits: CandleKeeper.Limits(
                interval: [.zero, .milliseconds(100), .seconds(3_600)][generator.nextIndex(below: 3)],
                barsMax: 1 + generator.nextIndex(below: 8)
            ),
            now: clock.environment.now
        )
        // Some move the checkpoint with the epochs, others beside them, as feeds that trickle in do.
        let isBeside = order.only == nil && generator.nextIndex(below: 3) == 0
        let (moves, stage) = AsyncStream.makeStream(of: CheckpointMove.self, bufferingPolicy: .bufferingNewest(1))
        let committer = EpochCommitter(
            writer: writer,
            operationIDs: ids,
            source: Self.source,
            candles: candles,
            checkpoints: isBeside || order.only != nil ? nil : CheckpointKeeper(checkpoints, checkpoint),
            stage: isBeside ? stage : nil,
            progress: input.progress
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            if isBeside {
                group.addTask {
                    let keeper = CheckpointKeeper(checkpoints, checkpoint)
                    try await CheckpointStage(candles: candles, checkpoints: keeper).run(moves)
                }
            }
            defer { stage.finish() }
            let decoders = [format.makeDecoder(), format.makeDecoder()]
            var number = 0
            let cut = 1 + generator.nextIndex(below: 6)
            while let slab = try slabs.next() {
                sequencer.apply(decoders[number % 2].decode(slab), decoder: number % 2)
                number += 1
                guard generator.nextIndex(below: cut) == 0 else { continue }
                let moves = generator.nextIndex(below: 3) > 0
                try await committer.commit(sequencer.cut(), isLast: moves, completesTape: false)
            }
            let isComplete = !slabs.endedByLimit && sequencer.truncatedAt == nil
            try await committer.commit(sequencer.cut(), completesTape: isComplete)
            stage.finish()
            try await group.waitForAll()
            return committer.result.stored
        }
    }

    /// As `Replay` begins.
    private func startingSequencer(_ order: Order, _ checkpoint: Checkpoint) throws -> Sequencer {
        guard !order.startsOver, order.only == nil, !checkpoint.trackers.isEmpty else {
            return Sequencer(source: Self.source, only: order.only)
        }
        var sequencer = Sequencer(source: Self.source, place: checkpoint.place, counts: checkpoint.counts)
        try sequencer.restore(checkpoint.trackers)
        return sequencer
    }
}
