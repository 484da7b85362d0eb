import DocumentStore
import MarketData

/// Carries steps out, one after the other.
///
/// Holds scratch memory; used by one task at a time.
final class CompactionWorker {
    private let sealer: BucketSealer
    private let segments: SegmentBuilder
    private let deleter: BucketDeleter
    private let candles: CandleFinalizer

    init(_ writer: VersionedWriter, _ operationIDs: OperationIDs, _ archive: (any SegmentArchive)?) {
        sealer = BucketSealer(writer: writer, operationIDs: operationIDs)
        segments = SegmentBuilder(writer: writer, operationIDs: operationIDs)
        deleter = BucketDeleter(writer: writer, operationIDs: operationIDs, archive: archive)
        candles = CandleFinalizer(writer: writer, operationIDs: operationIDs)
    }

    /// Carries a step out, and answers what it came to.
    ///
    /// - Parameter mayDelete: whether events may be deleted by a rule of retention; if not, they are left.
    /// - Throws: `StoreError` where the store fails.
    func carryOut(_ step: CompactionStep, mayDelete: Bool) async throws(StoreError) -> CompactionReport {
        var report = CompactionReport()
        let outcome: StepOutcome
        switch step {
        case .seal(let bucket): outcome = try await sealer.seal(bucket)
        case .rollUp(let members, let part): outcome = try await segments.rollUp(members, part: part)
        case .removeReplaced(let segment, let members):
            outcome = try await segments.removeReplaced(by: segment, members)
        case .delete(let bucket, let rule):
            guard mayDelete else { return report }
            outcome = try await deleter.delete(bucket, rule)
        case .finalizeHour(let hour):
            guard let finalized = try await finalize(hour) else { return report }
            outcome = finalized
        case .finalizeDay(let source, let instrument, let start):
            try await candles.finalizeDay(source: source, instrument: instrument, dayStart: start)
            return report
        }
        switch outcome {
        case .done(let events): Self.count(step, events, &report)
        case .overtaken: report.overtaken = 1
        case .damaged(let bucket, let problem): report.add(bucket, problem)
        case .notArchived(_, let error): report.archiveError = error
        }
        return report
    }

    /// Answers nil where the bars of the hour stay as they are.
    private func finalize(_ hour: CandleHour) async throws(StoreError) -> StepOutcome? {
        do throws(StoreError) {
            let outcome = try await candles.finalizeHour(
                source: hour.source,
                instrument: hour.instrument,
                hourStart: hour.start,
                appliedThrough: hour.appliedThrough
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
        case .rollUp(let members, _):
            report.rolledUp = members.count
            report.segments = 1
        case .delete:
            report.deleted = 1
            report.deletedEvents = events
        case .finalizeHour: report.finalizedHours = 1
        case .removeReplaced, .finalizeDay: break
        }
    }
}
