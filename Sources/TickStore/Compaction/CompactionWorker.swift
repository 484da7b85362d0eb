import DocumentStore
import MarketData

/// Carries steps out, one after the other.
///
/// Holds scratch memory. Handed from task to task, and used by one at a time.
final class CompactionWorker: @unchecked Sendable {
    private let sealer: BucketSealer
    private let segments: SegmentBuilder
    private let deleter: BucketDeleter
    private let candles: CandleFinalizer

    init(
        _ writer: VersionedWriter,
        _ operationIDs: OperationIDs,
        _ archive: (any SegmentArchive)?,
        segmentBytesMax: Int64
    ) {
        sealer = BucketSealer(writer: writer, operationIDs: operationIDs)
        segments = SegmentBuilder(writer: writer, operationIDs: operationIDs, bytesMax: segmentBytesMax)
        deleter = BucketDeleter(writer: writer, operationIDs: operationIDs, archive: archive)
        candles = CandleFinalizer(writer: writer, operationIDs: operationIDs)
    }

    /// Carries a step out, and answers what it came to.
    ///
    /// - Parameters:
    ///   - fresh: what the steps before wrote of the instrument.
    ///   - mayDelete: whether events may be deleted by a rule of retention; if not, they are left.
    /// - Throws: `StoreError` where the store fails.
    func carryOut(
        _ step: CompactionStep,
        fresh: FreshBuckets,
        mayDelete: Bool
    ) async throws(StoreError) -> CompactionReport {
        var report = CompactionReport()
        let outcome: StepOutcome
        switch step {
        case .seal(let bucket): outcome = try await sealer.seal(bucket, fresh)
        case .rollUp(let members, let part):
            try await rollUp(members, part: part, fresh, &report)
            return report
        case .removeReplaced(let segment, let members):
            outcome = try await segments.removeReplaced(by: segment, members, fresh)
        case .delete(let bucket, let rule):
            guard mayDelete else { return report }
            outcome = try await deleter.delete(bucket, rule)
        case .finalizeHour(let hour):
            guard let finalized = try await finalize(hour, fresh) else { return report }
            outcome = finalized
        case .finalizeDay(let source, let instrument, let start):
            try await candles.finalizeDay(source: source, instrument: instrument, dayStart: start)
            return report
        }
        if case .done(let events) = outcome { Self.count(step, events, &report) } else { report.add(outcome) }
        return report
    }

    /// Rolls documents up, and removes them as soon as the segment is found to hold their events.
    private func rollUp(
        _ members: [BucketOutline],
        part: Int64,
        _ fresh: FreshBuckets,
        _ report: inout CompactionReport
    ) async throws(StoreError) {
        let (outcome, taken) = try await segments.rollUp(members, part: part, fresh)
        guard case .done = outcome, let segment = taken.first?.segmentID(part: part) else {
            // Buckets that do not get into a segment at once are sealed one by one, and tell then what is damaged.
            if case .damaged = outcome, !members.allSatisfy(\.isSealed) { return }
            report.add(outcome)
            return
        }
        let unsealed = taken.filter { !$0.isSealed }
        report.sealed += unsealed.count
        report.events += unsealed.reduce(0) { $0 + Int($1.state.eventCount) }
        report.rolledUp += taken.count
        report.segments += 1
        let removal = try await segments.removeReplaced(by: segment, taken.map(\.afterMark), fresh)
        // What is damaged is found once more, and told, by the step that the next plan has for it.
        if case .damaged = removal { return }
        report.add(removal)
    }

    /// Answers nil where the bars of the hour stay as they are.
    private func finalize(
        _ hour: CandleHour,
        _ fresh: FreshBuckets
    ) async throws(StoreError) -> StepOutcome? {
        do throws(StoreError) {
            let outcome = try await candles.finalizeHour(
                source: hour.source,
                instrument: hour.instrument,
                hourStart: hour.start,
                appliedThrough: hour.appliedThrough,
                fresh: fresh
            )
            return switch outcome {
            case .finalized: .done(events: 0)
            case .movedOn: .overtaken
            case .withoutTrades: nil
            }
        } catch {
            guard error.code == .unreadable else { throw error }
            return .damaged(bucket: hour.name, problem: "its candles are not final: \(error.message)")
        }
    }

    private static func count(_ step: CompactionStep, _ events: Int, _ report: inout CompactionReport) {
        switch step {
        case .seal:
            report.sealed = 1
            report.events = events
        case .delete:
            report.deleted = 1
            report.deletedEvents = events
        case .finalizeHour: report.finalizedHours = 1
        case .rollUp, .removeReplaced, .finalizeDay: break
        }
    }
}

extension CompactionReport {
    /// Adds what kept a step from being done; nothing where it was.
    fileprivate mutating func add(_ outcome: StepOutcome) {
        switch outcome {
        case .done: break
        case .overtaken: overtaken += 1
        case .damaged(let bucket, let problem): add(bucket, problem)
        case .notArchived(_, let error): archiveError = error
        }
    }
}
