import Console
import Feeds
import Ingest
import JSONOutput
import MarketData

/// What a replay came to, for people and for programs.
struct ReplaySummary {
    let source: String
    let format: String
    let report: ReplayReport
    let isDryRun: Bool

    /// Whether the tape held tickets.
    var isTickets: Bool { FormatName(rawValue: format)?.isTickets ?? false }

    /// The kinds of events that are listed, each also where there were none.
    private var kinds: [String] {
        isTickets ? ["create", "comment", "change", "snapshot"] : EventKind.allCases.map(\.name)
    }

    /// Events that this run looked at.
    private func eventsPerSecond(_ seconds: Double) -> Double {
        let events = report.counts.eventTotal - report.eventsBefore
        return seconds > 0 ? (Double(events) / seconds).rounded() : 0
    }

    func json(seconds: Double) -> JSONText {
        let counts = report.counts
        var fields: [(String, JSONText)] = [
            ("source", .string(source)),
            ("format", .string(format)),
            ("records", .integer(counts.records)),
            (
                "events",
                .object(kinds.map { ($0, .integer(counts.events[$0] ?? 0)) })
            ),

            ("ignored", .counts(counts.ignored)),
            ("stored", .integer(report.stored)),
            ("already_stored", .integer(report.alreadyStored)),
            ("flagged", .counts(counts.flagged)),
            ("rejected", .counts(counts.rejected)),
            ("gaps", .array(report.gaps.map(Self.gap))),
            ("bytes", .integer(Int(report.place.offset))),
            ("seconds", .number((seconds * 1_000_000).rounded() / 1_000_000)),
            ("events_per_second", .number(eventsPerSecond(seconds))),
            ("complete", .bool(report.isComplete)),
        ]
        if isTickets { fields.append(("tickets", .integer(counts.tickets))) }
        return .object(fields)
    }

    private static func gap(_ gap: GapChange) -> JSONText {
        .object([
            ("stream", .string(gap.stream)), ("after", .integer(Int(gap.after))),
            ("before", .integer(Int(gap.before))), ("missing", .integer(Int(gap.missing))),
        ])
    }

    func text(seconds: Double) -> String {
        let counts = report.counts
        var lines: [String] = []
        let state = report.isComplete ? "complete" : "NOT complete"
        lines.append("\(source) (\(format)): \(state)\(isDryRun ? ", dry run: nothing was written" : "")")
        lines.append(row("records", counts.records, report.recordsBefore > 0 ? resumed : ""))
        let named = kinds.compactMap { kind in counts.events[kind].map { "\($0.grouped) \(kind)s" } }
        lines.append(row("events", counts.eventTotal, named.joined(separator: ", ")))
        if isTickets { lines.append(row("tickets", counts.tickets, "")) }
        lines.append(row(isDryRun ? "would store" : "stored", report.stored, rate(seconds)))
        if report.alreadyStored > 0 {
            lines.append(row("already stored", report.alreadyStored, "by an earlier run, or sent twice by the feed"))
        }
        if !counts.ignored.isEmpty { lines.append(row("ignored", total(counts.ignored), list(counts.ignored))) }
        if !counts.flagged.isEmpty { lines.append(row("flagged", total(counts.flagged), list(counts.flagged))) }
        lines.append(row("rejected", total(counts.rejected), list(counts.rejected)))
        let missing = report.gaps.reduce(0) { $0 + Int($1.missing) }
        lines.append(row("gaps", report.gaps.count, missing > 0 ? "\(missing.grouped) sequence numbers missing" : ""))
        if report.stored > 0, !isDryRun, !isTickets {
            let bytes = Double(report.blockBytes) / Double(report.stored)
            lines.append("  bytes per event  \(bytes.fixed(2)) in MongoDB before its own compression")
        }
        return lines.joined(separator: "\n")
    }

    private var resumed: String { "went on behind record \(report.recordsBefore.grouped)" }

    private func rate(_ seconds: Double) -> String {
        "in \(seconds.fixed(2)) s, \(Int(eventsPerSecond(seconds)).grouped) events/s"
    }

    private func row(_ name: String, _ count: Int, _ note: String) -> String {
        let label = name.padded(to: 15)
        let number = count.grouped
        return "  \(label)  \(String(repeating: " ", count: max(0, 12 - number.count)))\(number)"
            + (note.isEmpty ? "" : "  \(note)")
    }

    private func total(_ counts: [String: Int]) -> Int { counts.values.reduce(0, +) }

    private func list(_ counts: [String: Int]) -> String {
        counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
            .map { "\($0.value.grouped) \($0.key)" }.joined(separator: ", ")
    }
}
