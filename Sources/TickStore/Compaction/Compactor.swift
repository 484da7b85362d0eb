import BSON
public import DocumentStore
public import MarketData
import Records

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

    /// Rounds of planning for one instrument: sealing, rolling up, deleting, and some that others made necessary.
    private static let roundsMax = 16
    private static let outlinesMax = 1_000_000

    /// - Parameter archive: where documents are copied to before their events are deleted; nil for nowhere.
    public init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        policy: CompactionPolicy,
        archive: (any SegmentArchive)? = nil
    ) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.policy = policy
        self.archive = archive
    }

    /// Does what is to be done for all instruments, or for those that are named.
    ///
    /// - Parameters:
    ///   - instruments: nil for all.
    ///   - progress: is told the counts so far after each step, and the instrument.
    /// - Throws: `StoreError` where the store fails for longer than the retry policy allows. What was done stays.
    public func run(
        instruments: [Instrument]? = nil,
        progress: (CompactionReport, String) -> Void = { _, _ in }
    ) async throws(StoreError) -> CompactionReport {
        var run = Run(now: try await writer.serverTime() * 1_000_000)
        var list = InstrumentList(writer, instruments)
        while let instrument = try await list.next() {
            try await compact(instrument, &run) { progress($0, instrument) }
        }
        return run.report
    }

    /// What `run` would do first, without doing it: roll-ups follow once buckets are sealed.
    ///
    /// - Throws: `StoreError`.
    public func plan(instruments: [Instrument]? = nil) async throws(StoreError) -> [PlannedStep] {
        var run = Run(now: try await writer.serverTime() * 1_000_000)
        var list = InstrumentList(writer, instruments)
        var planned: [PlannedStep] = []
        while let instrument = try await list.next() {
            let outlines = try await outlines(instrument)
            let planner = try await planner(outlines, &run)
            planned += planner.steps(outlines).map { PlannedStep($0, instrument) }
        }
        return planned
    }
}

extension Compactor {
    private typealias Field = MarketDataCollection.Field

    /// What one run knows and has done.
    private struct Run {
        /// The server's time when the run began, in nanoseconds.
        let now: Int64
        var clocks: [String: SourceClock] = [:]
        var report = CompactionReport()
    }

    private func compact(
        _ instrument: String,
        _ run: inout Run,
        progress: (CompactionReport) -> Void
    ) async throws(StoreError) {
        var tried = Set<String>()
        var outlines = try await outlines(instrument)
        run.report.bytesBefore += Self.bytes(outlines)
        let worker = Worker(writer: writer, operationIDs: operationIDs, archive: archive)
        for _ in 0..<Self.roundsMax {
            let steps = try await planner(outlines, &run).steps(outlines).filter { !tried.contains($0.identity) }
            if steps.isEmpty { break }
            for step in steps {
                tried.insert(step.identity)
                try await worker.carryOut(step, &run.report)
                progress(run.report)
            }
            outlines = try await self.outlines(instrument)
        }
        try await worker.deleter.settle(instrument)
        run.report.bytesAfter += Self.bytes(outlines)
    }

    private static func bytes(_ outlines: [BucketOutline]) -> Int64 {
        outlines.reduce(0) { $0 + ($1.replacedBy == nil ? $1.state.blockBytes : 0) }
    }

    private func outlines(_ instrument: String) async throws(StoreError) -> [BucketOutline] {
        var query = DocumentQuery(
            MarketDataCollection.name,
            where: [.equals(Field.instrumentSymbol, .string(instrument))],
            fields: .only(BucketOutline.fields),
            limit: Self.outlinesMax
        )
        query.isSnapshot = true
        var outlines: [BucketOutline] = []
        for document in try await writer.find(query) { outlines.append(try BucketOutline(document)) }
        return outlines
    }

    private func planner(_ outlines: [BucketOutline], _ run: inout Run) async throws(StoreError) -> CompactionPlanner {
        for source in Set(outlines.map(\.source)) where run.clocks[source] == nil {
            run.clocks[source] = try await clock(of: source)
        }
        var clocks = run.clocks
        for outline in outlines {
            let newest = outline.state.eventCount > 0 ? outline.state.lastEventTime : .min
            var clock = clocks[outline.source] ?? SourceClock()
            clock.newestEventTime = max(clock.newestEventTime, newest)
            clocks[outline.source] = clock
        }
        return CompactionPlanner(policy: policy, clocks: clocks, now: run.now)
    }

    /// What the checkpoint of a source says about its tape; a source without one has no clock yet.
    private func clock(of source: String) async throws(StoreError) -> SourceClock {
        typealias Field = CheckpointsCollection.Field
        let query = DocumentQuery(
            CheckpointsCollection.name,
            where: [.equals(DocumentField.id, .string(source))],
            fields: .only([Field.lastEventTime, Field.isComplete]),
            limit: 1
        )
        guard let checkpoint = try await writer.find(query).first else { return SourceClock() }
        return SourceClock(
            newestEventTime: checkpoint[Field.lastEventTime]?.integer ?? .min,
            isComplete: checkpoint[Field.isComplete]?.bool ?? false
        )
    }
}

/// Carries steps out, one after the other.
private final class Worker {
    private let sealer: BucketSealer
    private let segments: SegmentBuilder
    let deleter: BucketDeleter

    init(writer: VersionedWriter, operationIDs: OperationIDs, archive: (any SegmentArchive)?) {
        sealer = BucketSealer(writer: writer, operationIDs: operationIDs)
        segments = SegmentBuilder(writer: writer, operationIDs: operationIDs)
        deleter = BucketDeleter(writer: writer, operationIDs: operationIDs, archive: archive)
    }

    func carryOut(_ step: CompactionStep, _ report: inout CompactionReport) async throws(StoreError) {
        let outcome: StepOutcome
        switch step {
        case .seal(let bucket): outcome = try await sealer.seal(bucket)
        case .rollUp(let members, let part): outcome = try await segments.rollUp(members, part: part)
        case .removeReplaced(let segment, let members):
            outcome = try await segments.removeReplaced(by: segment, members)
        case .delete(let bucket, let rule):
            // An archive that refused one document is not asked for the others.
            guard report.archiveError == nil else { return }
            outcome = try await deleter.delete(bucket, rule)
        }
        switch outcome {
        case .done(let events): Self.count(step, events, &report)
        case .overtaken: report.overtaken += 1
        case .damaged(let bucket, let problem): report.add(bucket, problem)
        case .notArchived(_, let error): report.archiveError = error
        }
    }

    private static func count(_ step: CompactionStep, _ events: Int, _ report: inout CompactionReport) {
        switch step {
        case .seal:
            report.sealed += 1
            report.events += events
        case .rollUp(let members, _):
            report.rolledUp += members.count
            report.segments += 1
        case .removeReplaced: break
        case .delete:
            report.deleted += 1
            report.deletedEvents += events
        }
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

extension PlannedStep {
    fileprivate init(_ step: CompactionStep, _ instrument: String) {
        action =
            switch step {
            case .seal: .seal
            case .rollUp: .rollUp
            case .removeReplaced: .removeReplaced
            case .delete: .delete
            }
        rule = if case .delete(_, let rule) = step { rule.description } else { nil }
        self.instrument = instrument
        buckets = step.members.map(\.id)
        events = step.members.reduce(0) { $0 + Int($1.state.eventCount) }
        bytes = step.members.reduce(0) { $0 + $1.state.blockBytes }
    }
}
