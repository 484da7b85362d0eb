package import DocumentStore
package import Feeds
import TickStore

/// Applies one tape to the store: reads, decodes, orders, and writes, each stage beside the others.
package struct Replay: Sendable {
    /// What is replayed, and how.
    package struct Options: Sendable {
        package var source: String
        package var venue: String
        /// How the tape is decoded, in words that are the same whenever it is decoded in the same way.
        package var decoding: String
        package var only: Set<String>?
        /// Times the original pace; nil for as fast as possible.
        package var speed: Double?
        package var startsOver = false
        /// Where a live tape begins, as far as it is still there; nil for a recording, which has an end.
        package var liveTapeStart: TapePlace?
        /// Whose sequences a tape goes on with that was begun because another instance had the source before; nil where
        /// it goes on with those of its own source.
        package var predecessor: Predecessor?
        package var rules = OrderRules()
        package var limits = EpochCollector.Limits(workMin: 65_536, workMax: 163_840)
        /// How long changes of bars may wait.
        package var candleLimits = CandleKeeper.Limits()
        /// Slabs are decoded by this many decoders at the same time.
        package var decoderCount = 2

        package init(source: String, venue: String, decoding: String) {
            self.source = source
            self.venue = venue
            self.decoding = decoding
        }
    }

    /// Another source whose sequences a tape goes on with.
    package struct Predecessor: Equatable, Sendable {
        package let source: String
        /// Whether some of what it received may not be stored, or not be in its checkpoint, yet.
        package let mayStoreMore: Bool

        package init(source: String, mayStoreMore: Bool) {
            self.source = source
            self.mayStoreMore = mayStoreMore
        }
    }

    /// Where written data goes; nil in a dry run.
    package struct Target: Sendable {
        package let writer: VersionedWriter
        package let operationIDs: OperationIDs

        package init(writer: VersionedWriter, operationIDs: OperationIDs) {
            self.writer = writer
            self.operationIDs = operationIDs
        }
    }

    private let options: Options
    private let format: any RecordFormat
    private let target: Target?
    private let environment: RetryEnvironment
    private let onProgress: @Sendable (ReplayProgress) -> Void
    private let onCheckpoint: @Sendable (TapePlace) -> Void

    /// - Parameter onCheckpoint: is told up to where everything is confirmed, at the beginning and whenever that moves:
    ///   what is before is not needed again.
    package init(
        _ options: Options,
        format: any RecordFormat,
        target: Target?,
        environment: RetryEnvironment,
        onProgress: @escaping @Sendable (ReplayProgress) -> Void = { _ in },
        onCheckpoint: @escaping @Sendable (TapePlace) -> Void = { _ in }
    ) {
        self.options = options
        self.format = format
        self.target = target
        self.environment = environment
        self.onProgress = onProgress
        self.onCheckpoint = onCheckpoint
    }
}

/// How far a replay is, after a commit.
package struct ReplayProgress: Sendable {
    package let stored: Int
    package let offset: Int64
    /// Everything of the source that was looked at so far.
    package let counts: ReplayCounts
    /// Holes that are open.
    package let openGaps: Int
    /// Holes that opened or changed with the last commit.
    package let gaps: [GapChange]
    /// Events of the last commit.
    package let committedEvents: Int
    /// How long the last commit took.
    package let commitTime: Duration

    package var records: Int { counts.records }
}

/// How the reading of a tape ended.
package enum TapeEnd: Equatable, Sendable {
    /// Everything was read.
    case whole
    /// As many records were read as were asked for.
    case limit
    /// The input is damaged or ends early; what was read before is good.
    case failure(InputError)
}

/// What a replay came to.
package struct ReplayReport: Sendable {
    package var counts = ReplayCounts()
    /// Events that this run stored.
    package var stored = 0
    package var blockBytes = 0
    package var gaps: [GapChange] = []
    package var place = TapePlace()
    /// Where this run began.
    package var startedAt = TapePlace()
    package var recordsBefore = 0
    package var eventsBefore = 0
    /// Streams beyond those that are followed: no gaps and duplicates are seen in them.
    package var unfollowedStreams = 0
    /// The first records that this run rejected.
    package var rejectedSamples: [RejectedRecord] = []
    package var truncatedAt: TapePlace?
    /// How reading ended.
    package var end = TapeEnd.limit
    /// Whether the tape was applied to its end.
    package var isComplete: Bool { end == .whole && truncatedAt == nil }

    package var alreadyStored: Int { counts.eventTotal - stored - counts.rejectedEvents }
}

extension Replay {
    /// Runs to the end of the tape, or to the end of `recordLimit` records from its beginning.
    ///
    /// - Throws: `StoreError` where the store fails for longer than the retry policy allows. What was confirmed
    ///   before stays, and the next run goes on from there.
    package func run(_ input: sending TapeInput, recordLimit: Int? = nil) async throws -> ReplayReport {
        var checkpoint = Checkpoint(identity: TapeIdentity(head: input.head), decoding: options.decoding)
        var checkpoints: CheckpointStore?
        if let target {
            let store = checkpointStore(of: options.source, target)
            checkpoints = store
            checkpoint = try await store.open(
                head: input.head,
                decoding: options.decoding,
                beginningAt: options.liveTapeStart
            )
            onCheckpoint(checkpoint.place)
        }
        let sequencer = try await startingSequencer(checkpoint)
        let start = sequencer.place
        let recordsBefore = sequencer.counts.records
        let eventsBefore = sequencer.counts.eventTotal
        let slabs = SlabReader(
            input.source,
            format: format,
            offset: start.offset,
            afterOpenLine: start.afterOpenLine,
            recordLimit: recordLimit.map { max(0, $0 - recordsBefore) },
            recordsPerSlab: options.speed == nil ? nil : 1
        )
        let limits = limits(for: input)
        if start.offset > 0 { try input.source.skip(to: start.offset) }
        checkpoint.inputBytes = input.totalBytes ?? 0
        let progress = input.progress
        onProgress(
            ReplayProgress(
                stored: 0,
                offset: start.offset,
                counts: sequencer.counts,
                openGaps: sequencer.openGaps.count,
                gaps: sequencer.openGaps,
                committedEvents: 0,
                commitTime: .zero
            )
        )
        let collector = EpochCollector(sequencer: sequencer, limits: limits)
        let storing = target.flatMap { target in
            checkpoints.map { Storing(target: target, checkpoints: $0, checkpoint: checkpoint, progress: progress) }
        }
        var report = try await run(TapeReader(slabs), collector, progress, storing)
        report.startedAt = start
        report.recordsBefore = recordsBefore
        report.eventsBefore = eventsBefore
        return report
    }

    private func checkpointStore(of source: String, _ target: Target) -> CheckpointStore {
        CheckpointStore(
            writer: target.writer,
            operationIDs: target.operationIDs,
            source: source,
            format: format.name,
            venue: options.venue
        )
    }

    /// The state of the instance that had the source before; nil where the tape goes on with its own.
    private func inheritedTrackers(_ checkpoint: Checkpoint) async throws(StoreError) -> [UInt8]? {
        guard let predecessor = options.predecessor, predecessor.source != options.source, checkpoint.precedesTape,
            let target
        else { return nil }
        return try await checkpointStore(of: predecessor.source, target).load()?.trackers
    }

    private func startingSequencer(_ checkpoint: Checkpoint) async throws(StoreError) -> Sequencer {
        let inherited = try await inheritedTrackers(checkpoint)
        let trackers = inherited ?? checkpoint.trackers
        // A replay of some instruments has no checkpoint: its buckets alone tell what is stored.
        guard !options.startsOver, options.only == nil, !trackers.isEmpty else {
            return Sequencer(
                source: options.source,
                only: options.only,
                rules: options.rules,
                place: options.liveTapeStart ?? TapePlace()
            )
        }
        var place = checkpoint.place
        // What is missing in between is gone; sequences of the venue tell what it was.
        if let start = options.liveTapeStart, start.offset > place.offset { place = start }
        var sequencer = Sequencer(
            source: options.source,
            rules: options.rules,
            place: place,
            counts: checkpoint.counts
        )
        do {
            try sequencer.restore(trackers)
            if inherited != nil, options.predecessor?.mayStoreMore == true { sequencer.takeOver() }
        } catch {
            throw StoreError(
                .unreadable,
                "the checkpoint of '\(options.source)' cannot be read (\(error)); --from-start does without it"
            )
        }
        return sequencer
    }

    private func limits(for input: TapeInput) -> EpochCollector.Limits {
        // What trickles in is written as it comes.
        let trickles = input.source is any IncrementalSource || options.speed != nil
        return trickles ? EpochCollector.Limits(workMin: 1, workMax: options.limits.workMax) : options.limits
    }
}

extension Replay {
    private enum Stage: Sendable {
        case read(TapeEnd)
        case written(BucketWriter.Result)
        case checkpointed
    }

    /// What writing needs.
    private struct Storing: Sendable {
        let target: Target
        let checkpoints: CheckpointStore
        let checkpoint: Checkpoint
        let progress: InputProgress
    }

    private func run(
        _ reader: TapeReader,
        _ collector: EpochCollector,
        _ progress: InputProgress,
        _ storing: Storing?
    ) async throws -> ReplayReport {
        var report = ReplayReport()
        let (moves, stage) = AsyncStream.makeStream(of: CheckpointMove.self, bufferingPolicy: .bufferingNewest(1))
        let candles = storing.map { storing in
            CandleKeeper(
                writer: storing.target.writer,
                operationIDs: storing.target.operationIDs,
                limits: options.candleLimits,
                now: environment.now
            )
        }
        try await withThrowingTaskGroup(of: Stage.self) { group in
            group.addTask {
                // Where writing failed, nobody waits for what a quiet pipe may still bring.
                try await withTaskCancellationHandler {
                    .read(try await feed(reader, collector))
                } onCancel: {
                    progress.cancel()
                }
            }
            group.addTask {
                defer { stage.finish() }
                return .written(try await write(collector, committer(storing, candles, stage)))
            }
            if isLive, let storing, let candles {
                group.addTask {
                    let keeper = CheckpointKeeper(
                        storing.checkpoints,
                        storing.checkpoint,
                        onCheckpoint: onCheckpoint
                    )
                    try await CheckpointStage(candles: candles, checkpoints: keeper).run(moves)
                    return .checkpointed
                }
            }
            do {
                for try await stage in group {
                    switch stage {
                    case .read(let end): report.end = end
                    case .written(let result):
                        report.stored = result.stored
                        report.blockBytes = result.blockBytes
                    case .checkpointed: break
                    }
                }
            } catch {
                await collector.close()
                group.cancelAll()
                throw error
            }
        }
        let state = await collector.state
        report.counts = state.counts
        report.gaps = state.openGaps
        report.place = state.place
        report.truncatedAt = state.truncatedAt
        report.rejectedSamples = state.rejectedSamples
        report.unfollowedStreams = state.unfollowedStreams
        return report
    }

    /// Whether the tape is being written, and its checkpoint is moved beside the epochs.
    private var isLive: Bool { options.liveTapeStart != nil && options.only == nil }

    private func committer(
        _ storing: Storing?,
        _ candles: CandleKeeper?,
        _ stage: AsyncStream<CheckpointMove>.Continuation
    ) -> EpochCommitter? {
        guard let storing, let candles else { return nil }
        // The other instruments of a replay of some are still to come: the checkpoint stays.
        let movesHere = options.only == nil && !isLive
        return EpochCommitter(
            writer: storing.target.writer,
            operationIDs: storing.target.operationIDs,
            source: options.source,
            candles: candles,
            checkpoints: movesHere
                ? CheckpointKeeper(storing.checkpoints, storing.checkpoint, onCheckpoint: onCheckpoint) : nil,
            stage: isLive ? stage : nil,
            progress: storing.progress
        )
    }

    private enum FeedStep: Sendable {
        case slab(Slab)
        case end(TapeEnd)
        case batch(Int, EventBatch)
    }

    /// Reads and decodes slabs, several at a time, and adds them to the collector in their order.
    private func feed(_ reader: TapeReader, _ collector: EpochCollector) async throws -> TapeEnd {
        let workers = (0..<options.decoderCount).map { _ in DecodeWorker(format) }
        let depth = options.decoderCount * 2
        var end = TapeEnd.whole
        try await withThrowingTaskGroup(of: FeedStep.self) { group in
            var started = 0
            var finished = 0
            var isReading = false
            var isAtEnd = false
            var early: [Int: EventBatch] = [:]
            var pacer = options.speed.map { Pacer(speed: $0, environment: environment) }
            while true {
                // One read at a time, beside all else: on a quiet pipe it takes until somebody sends something.
                if !isAtEnd, !isReading, started - finished < depth {
                    isReading = true
                    group.addTask { await read(reader) }
                }
                guard let step = try await group.next() else { break }
                switch step {
                case .slab(let slab):
                    isReading = false
                    let number = started
                    let worker = workers[number % workers.count]
                    group.addTask { .batch(number, await worker.decode(slab)) }
                    started += 1
                case .end(let reached):
                    isReading = false
                    isAtEnd = true
                    end = reached
                case .batch(let number, let batch):
                    early[number] = batch
                    while let next = early.removeValue(forKey: finished) {
                        try await pacer?.wait(for: next)
                        try await collector.add(next, decoder: finished % workers.count)
                        finished += 1
                    }
                }
            }
        }
        let isTruncated = await collector.state.truncatedAt != nil
        await collector.finish(isComplete: end == .whole && !isTruncated && options.liveTapeStart == nil)
        return end
    }

    private func read(_ reader: TapeReader) async -> FeedStep {
        do throws(InputError) {
            if let slab = try await reader.next() { return .slab(slab) }
            return .end(await reader.endedByLimit ? .limit : .whole)
        } catch {
            // What was read before is good: it is applied, and the report says that the rest is missing.
            return .end(.failure(error))
        }
    }

    /// Writes stretch after stretch until all is written.
    private func write(_ collector: EpochCollector, _ committer: EpochCommitter?) async throws -> BucketWriter.Result {
        var counted = BucketWriter.Result()
        while let (epoch, isLast, completesTape) = try await take(collector, within: committer?.timeToFlush) {
            let began = environment.now()
            if let committer {
                try await committer.commit(epoch, isLast: isLast, completesTape: completesTape)
                counted = committer.result
            } else {
                counted.stored += epoch.eventCount
            }
            let progress = ReplayProgress(
                stored: counted.stored,
                offset: epoch.place.offset,
                counts: epoch.counts,
                openGaps: epoch.openGapCount,
                gaps: epoch.gaps,
                committedEvents: epoch.eventCount,
                commitTime: environment.now() - began
            )
            onProgress(progress)
        }
        return counted
    }

    /// Takes the next stretch; when `limit` is over, with bars to be written, whatever there is of it.
    private func take(
        _ collector: EpochCollector,
        within limit: Duration?
    ) async throws -> (epoch: Epoch, isLast: Bool, completesTape: Bool)? {
        guard let limit else { return try await collector.take() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await environment.sleep(limit)
                await collector.nudge()
            }
            defer { group.cancelAll() }
            return try await collector.take()
        }
    }
}
