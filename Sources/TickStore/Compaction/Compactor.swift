import BSON
public import DocumentStore
public import MarketData
import Records
private import Synchronization

/// The compaction job: seals buckets whose windows are over, rolls them up into segments of a day, and deletes the
/// events whose time is over by the rules of retention.
///
/// Everything is decided on what is stored and done by version-checked changes, so a run may be killed anywhere,
/// run twice, and run beside others and beside ingest: the next run goes on from what is stored. Safe to use from any
/// task; each run has its own memory.
public struct Compactor: Sendable {
    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let policy: CompactionPolicy
    private let archive: (any SegmentArchive)?
    private let pace: BytePace?

    /// Rounds of planning for one instrument: sealing, rolling up, deleting, and some that others made necessary.
    private static let roundsMax = 16
    private static let outlinesMax = 1_000_000
    /// What is kept in memory of what was written, for all instruments that are worked on: some forty hours of bars.
    private static let freshBytesMax = 48 << 20

    /// - Parameters:
    ///   - archive: where documents are copied to before their events are deleted; nil for nowhere.
    ///   - pace: how many bytes of blocks each worker takes per second, so that others are not disturbed; nil for all.
    public init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        policy: CompactionPolicy,
        archive: (any SegmentArchive)? = nil,
        pace: BytePace? = nil
    ) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.policy = policy
        self.archive = archive
        self.pace = pace
    }

    /// Does what is to be done for all instruments, or for those that are named.
    ///
    /// - Parameters:
    ///   - instruments: nil for all.
    ///   - workers: how many instruments, and how many steps of one, are worked on at once. The store needs as many
    ///     connections as that squared.
    ///   - progress: is told the counts so far after each step, and the instrument.
    /// - Throws: `StoreError` where the store fails for longer than the retry policy allows. What was done stays.
    public func run(
        instruments: [Instrument]? = nil,
        workers: Int = 1,
        progress: @escaping @Sendable (CompactionReport, String) -> Void = { _, _ in }
    ) async throws(StoreError) -> CompactionReport {
        let run = Run(now: try await writer.serverTime() * 1_000_000, workers: max(1, workers), progress: progress)
        var list = InstrumentList(writer, instruments)
        let outcome = await withTaskGroup(of: Result<Void, StoreError>.self) { group in
            await Result { () async throws(StoreError) in
                var running = 0
                while let instrument = try await list.next() {
                    if running == run.workers, let ended = await group.next() {
                        try ended.get()
                        running -= 1
                    }
                    group.addTask {
                        await Result { () async throws(StoreError) in try await compact(instrument, run) }
                    }
                    running += 1
                }
                for await ended in group { try ended.get() }
            }
        }
        try outcome.get()
        return run.report
    }

    /// What `run` would do first, without doing it: roll-ups follow once buckets are sealed.
    ///
    /// - Throws: `StoreError`.
    public func plan(instruments: [Instrument]? = nil) async throws(StoreError) -> [PlannedStep] {
        let run = Run(now: try await writer.serverTime() * 1_000_000, workers: 1, progress: { _, _ in })
        var list = InstrumentList(writer, instruments)
        var planned: [PlannedStep] = []
        while let instrument = try await list.next() {
            let outlines = try await outlines(instrument)
            let planner = try await planner(outlines, run)
            planned += planner.steps(outlines).map { PlannedStep($0, instrument) }
        }
        return planned
    }
}

extension Compactor {
    private typealias Field = MarketDataCollection.Field

    /// What one run knows and has done.
    ///
    /// Safe to use from any task.
    private final class Run: Sendable {
        /// The server's time when the run began, in nanoseconds.
        let now: Int64
        let workers: Int
        private let progress: @Sendable (CompactionReport, String) -> Void
        private let state = Mutex(State())

        private struct State {
            var clocks: [String: SourceClock] = [:]
            var report = CompactionReport()
            var idleWorkers: [CompactionWorker] = []
        }

        init(now: Int64, workers: Int, progress: @escaping @Sendable (CompactionReport, String) -> Void) {
            self.now = now
            self.workers = workers
            self.progress = progress
        }

        var report: CompactionReport { state.withLock { $0.report } }
        var clocks: [String: SourceClock] { state.withLock { $0.clocks } }

        func learn(_ clock: SourceClock, of source: String) {
            state.withLock { $0.clocks[source] = clock }
        }

        /// A worker that nobody uses, with the memory that it has.
        func idleWorker() -> CompactionWorker? { state.withLock { $0.idleWorkers.popLast() } }

        /// Keeps a worker for whoever needs one next; not more than as many as instruments are worked on.
        func letGo(_ worker: CompactionWorker) {
            state.withLock { state in
                if state.idleWorkers.count < workers { state.idleWorkers.append(worker) }
            }
        }

        func add(_ part: CompactionReport, _ instrument: String) {
            let total = state.withLock { state in
                state.report.add(part)
                return state.report
            }
            progress(total, instrument)
        }
    }

    /// Compacts an instrument, or leaves it to a newer program, where one has written to it: what that may mean for the
    /// documents beside those that it wrote, only that one knows.
    private func compact(_ instrument: String, _ run: Run) async throws(StoreError) {
        do throws(StoreError) {
            try await compactKnown(instrument, run)
        } catch {
            guard error.code == .newerSchema else { throw error }
            var report = CompactionReport()
            report.leave(instrument, error.message)
            run.add(report, instrument)
        }
    }

    private func compactKnown(_ instrument: String, _ run: Run) async throws(StoreError) {
        let fresh = FreshBuckets(bytesMax: Self.freshBytesMax / run.workers)
        var tried = Set<String>()
        var outlines = try await outlines(instrument)
        var sizes = CompactionReport()
        sizes.bytesBefore = Self.bytes(outlines)
        for _ in 0..<Self.roundsMax {
            var planner = try await planner(outlines, run)
            planner.tried = tried
            let steps = planner.steps(outlines)
            if steps.isEmpty { break }
            tried.formUnion(steps.map(\.identity))
            try await carryOut(steps, instrument, fresh, run)
            outlines = try await self.outlines(instrument)
        }
        // What runs that were killed left.
        try await DeletionLedger(writer: writer, operationIDs: operationIDs).settle(instrument)
        sizes.bytesAfter = Self.bytes(outlines)
        run.add(sizes, instrument)
    }

    /// Carries steps out that do not depend on each other.
    private func carryOut(
        _ steps: [CompactionStep],
        _ instrument: String,
        _ fresh: FreshBuckets,
        _ run: Run
    ) async throws(StoreError) {
        let lanes = min(run.workers, steps.count)
        let outcome = await withTaskGroup(of: Result<Void, StoreError>.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    await Result { () async throws(StoreError) in
                        let worker = run.idleWorker() ?? newWorker()
                        defer { run.letGo(worker) }
                        for index in stride(from: lane, to: steps.count, by: lanes) {
                            // An archive that refused one document is not asked for the others.
                            let mayDelete = run.report.archiveError == nil
                            let report = try await worker.carryOut(steps[index], fresh: fresh, mayDelete: mayDelete)
                            run.add(report, instrument)
                            try await pace?.wait(afterReading: steps[index].costInBytes)
                        }
                    }
                }
            }
            return await Result { () async throws(StoreError) in
                for await ended in group { try ended.get() }
            }
        }
        try outcome.get()
    }

    private func newWorker() -> CompactionWorker {
        CompactionWorker(writer, operationIDs, archive, segmentBytesMax: policy.segmentBytesMax)
    }

    private static func bytes(_ outlines: [BucketOutline]) -> Int64 {
        outlines.reduce(0) { $0 + ($1.replacedBy == nil ? $1.state.blockBytes : 0) }
    }

    private func outlines(_ instrument: String) async throws(StoreError) -> [BucketOutline] {
        var query = DocumentQuery(
            MarketDataCollection.name,
            where: [.equals(Field.instrumentSymbol, .string(instrument))],
            // All others, so that fields are seen which this program does not know.
            fields: .excluding([Field.blocks, Field.sealedTimes]),
            limit: Self.outlinesMax
        )
        query.isSnapshot = true
        var outlines: [BucketOutline] = []
        for document in try await writer.find(query) { outlines.append(try BucketOutline(document)) }
        return outlines
    }

    private func planner(_ outlines: [BucketOutline], _ run: Run) async throws(StoreError) -> CompactionPlanner {
        for source in Set(outlines.map(\.source)).sorted() where run.clocks[source] == nil {
            run.learn(try await clock(of: source), of: source)
        }
        var clocks = run.clocks
        for outline in outlines {
            let newest = outline.state.eventCount > 0 ? outline.state.lastEventTime : .min
            var clock = clocks[outline.source] ?? SourceClock()
            clock.newestEventTime = max(clock.newestEventTime, newest)
            clocks[outline.source] = clock
        }
        var planner = CompactionPlanner(policy: policy, clocks: clocks, now: run.now)
        if let instrument = outlines.first(where: { $0.kind == .trade })?.instrument {
            planner.candles = try await CandleMarks.load(writer, instrument)
        }
        return planner
    }

    /// What the checkpoint of a source says about its tape; a source without one has no clock yet.
    private func clock(of source: String) async throws(StoreError) -> SourceClock {
        typealias Field = CheckpointsCollection.Field
        let query = DocumentQuery(
            CheckpointsCollection.name,
            where: [.equals(DocumentField.id, .string(source))],
            fields: .only(CheckpointsCollection.schema.fields + [Field.lastEventTime, Field.isComplete]),
            limit: 1
        )
        guard let stored = try await writer.find(query).first else { return SourceClock() }
        let checkpoint = try CheckpointsCollection.schema.current(stored)
        return SourceClock(
            newestEventTime: checkpoint[Field.lastEventTime]?.integer ?? .min,
            isComplete: checkpoint[Field.isComplete]?.bool ?? false
        )
    }
}

/// The instruments that have market data, one after the other, by name.
struct InstrumentList {
    private let writer: VersionedWriter
    private var named: [String]?
    private var last: String?

    /// - Parameter instruments: these only; nil for all that there are.
    init(_ writer: VersionedWriter, _ instruments: [Instrument]?) {
        self.writer = writer
        named = instruments.map { Set($0.map(\.description)).sorted().reversed() }
    }

    /// The next instrument; nil behind the last.
    ///
    /// - Throws: `StoreError`.
    mutating func next() async throws(StoreError) -> String? {
        if named != nil { return named?.popLast() }
        let field = MarketDataCollection.Field.instrumentSymbol
        let query = DocumentQuery(
            MarketDataCollection.name,
            where: last.map { [.greater(field, .string($0))] } ?? [],
            order: [.init(field)],
            fields: .only([field]),
            limit: 1
        )
        last = try await writer.find(query).first?[field]?.string
        return last
    }
}

extension Result where Failure == StoreError {
    /// What an asynchronous piece of work came to.
    fileprivate init(_ work: () async throws(StoreError) -> Success) async {
        do throws(StoreError) {
            self = .success(try await work())
        } catch {
            self = .failure(error)
        }
    }
}
