import Console
import JSONOutput
import Synchronization
import TickStore

/// What a run of compaction came to, for people and for programs.
struct CompactionSummary {
    let report: CompactionReport
    let seconds: Double

    var json: JSONText {
        .object([
            ("sealed", .integer(report.sealed)),
            ("rolled_up", .integer(report.rolledUp)),
            ("deleted", .integer(report.deleted)),
            ("left", .integer(report.leftCount)),
            ("events", .integer(report.events)),
            ("bytes_before", .integer(Int(report.bytesBefore))),
            ("bytes_after", .integer(Int(report.bytesAfter))),
            ("seconds", .number((seconds * 1_000_000).rounded() / 1_000_000)),
        ])
    }

    var text: String {
        guard report.sealed + report.rolledUp + report.deleted > 0 else {
            return "Nothing to do: \(report.bytesAfter.grouped) bytes of blocks." + overtaken
        }
        let rate = seconds > 0 ? Int(Double(report.events) / seconds).grouped : "0"
        let share =
            report.bytesBefore > 0
            ? " (\((100 * Double(report.bytesAfter) / Double(report.bytesBefore)).fixed(1)) %)" : ""
        let deleted = "deleted \(report.deletedEvents.grouped) events of \(report.deleted.grouped)"
        return "Sealed \(report.sealed.grouped) buckets with \(report.events.grouped) events, rolled "
            + "\(report.rolledUp.grouped) up into \(report.segments.grouped) segments, \(deleted). "
            + "\(report.bytesBefore.grouped) bytes of blocks became \(report.bytesAfter.grouped)\(share), in "
            + "\(seconds.fixed(2)) s, \(rate) events/s." + overtaken
    }

    private var overtaken: String {
        guard report.overtaken > 0 else { return "" }
        return " \(report.overtaken.grouped) steps met changes by others; the next run looks at those again."
    }

    static func document(_ step: PlannedStep) -> JSONText {
        let rule = step.rule.map { [("rule", JSONText.string($0))] } ?? []
        return .object(
            [
                ("action", .string(step.action.rawValue)), ("instrument", .string(step.instrument)),
                ("buckets", .array(step.buckets.map(JSONText.string))), ("events", .integer(step.events)),
                ("bytes", .integer(Int(step.bytes))),
            ] + rule
        )
    }

    static func line(_ step: PlannedStep) -> String {
        let action =
            switch step.action {
            case .seal: "seal"
            case .rollUp: "roll up"
            case .removeReplaced: "remove what was rolled up"
            case .delete: "delete"
            case .finalizeCandles: "make candles final"
            }
        if step.action == .finalizeCandles { return "\(action)  \(step.instrument)" }
        let what = step.buckets.count == 1 ? step.buckets[0] : "\(step.buckets.count.grouped) of \(step.instrument)"
        let why = step.rule.map { ", by the rule \($0)" } ?? ""
        return "\(action)  \(what)  \(step.events.grouped) events, \(step.bytes.grouped) bytes\(why)"
    }
}

/// One line on a terminal that tells how far a compaction is.
///
/// Safe to use from any task.
final class CompactionMeter: Sendable {
    private let lastShown = Mutex(ContinuousClock.now)

    func show(_ report: CompactionReport, _ instrument: String) {
        let now = ContinuousClock.now
        let isDue = lastShown.withLock { last in
            guard now - last >= .milliseconds(100) else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        Terminal.progress(
            "\(instrument): \(report.sealed.grouped) sealed, \(report.rolledUp.grouped) rolled up, "
                + "\(report.events.grouped) events, \(report.deleted.grouped) deleted"
        )
    }
}
