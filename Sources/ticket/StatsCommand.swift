import ArgumentParser
import Console
import JSONOutput
import Tickets

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Count tickets by status and priority, and those that nobody has or that are late."
    )

    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let session = try await run.connect(options, connections: TicketCounts.queriesAtOnce)
            let counts = try await TicketCounts.load(session.desk)
            Terminal.output(options.json ? counts.json.text : counts.text)
            return ExitStatus.done
        }
    }
}

/// How many tickets there are of which kind.
///
/// Each number is exact when it is counted; changes that come while others are counted may show in some only.
struct TicketCounts {
    static let queriesAtOnce = 4

    private enum Kind: Hashable {
        case status(TicketStatus)
        case priority(TicketPriority)
        case unassigned
        case overdue

        static let all: [Kind] =
            TicketStatus.allCases.map(Kind.status) + TicketPriority.allCases.map(Kind.priority) + [
                .unassigned, .overdue,
            ]

        func query(now: Int64) -> TicketQuery {
            var query = TicketQuery(limit: 1)
            switch self {
            case .status(let status): query.statuses = [status]
            case .priority(let priority): query.priorities = [priority]
            case .unassigned:
                query.isUnassigned = true
                query.statuses = TicketStatus.allCases.filter { !$0.isSettled }
            case .overdue: query.dueBefore = now
            }
            return query
        }
    }

    private var counts: [Kind: Int] = [:]

    /// Counts with few queries at once.
    ///
    /// - Throws: `StoreError`.
    static func load(_ desk: TicketDesk) async throws -> TicketCounts {
        let now = try await desk.now()
        return try await withThrowingTaskGroup(of: (Kind, Int).self) { group in
            var counts = TicketCounts()
            var waiting = Kind.all[...]
            let addNext = { (group: inout ThrowingTaskGroup<(Kind, Int), any Error>) in
                guard let kind = waiting.popFirst() else { return }
                group.addTask { (kind, try await desk.count(kind.query(now: now))) }
            }
            for _ in 0..<queriesAtOnce { addNext(&group) }
            while let (kind, count) = try await group.next() {
                counts.counts[kind] = count
                addNext(&group)
            }
            return counts
        }
    }

    private func count(_ kind: Kind) -> Int { counts[kind] ?? 0 }

    private var total: Int { TicketStatus.allCases.reduce(0) { $0 + count(.status($1)) } }

    private var unresolved: Int {
        TicketStatus.allCases.filter { !$0.isSettled }.reduce(0) { $0 + count(.status($1)) }
    }

    private var byStatus: [(name: String, count: Int)] {
        TicketStatus.allCases.map { ($0.rawValue, count(.status($0))) }
    }

    private var byPriority: [(name: String, count: Int)] {
        let named = TicketPriority.allCases.map { ($0.rawValue, count(.priority($0))) }
        return named + [("none", max(0, total - named.reduce(0) { $0 + $1.1 }))]
    }

    /// `total, by_status, by_priority, unassigned, overdue, unresolved`; unassigned are those that are unresolved.
    var json: JSONText {
        let object = { (rows: [(name: String, count: Int)]) in
            JSONText.object(rows.map { ($0.name, .integer($0.count)) })
        }
        return .object([
            ("total", .integer(total)), ("by_status", object(byStatus)), ("by_priority", object(byPriority)),
            ("unassigned", .integer(count(.unassigned))), ("overdue", .integer(count(.overdue))),
            ("unresolved", .integer(unresolved)),
        ])
    }

    var text: String {
        let rows =
            [("tickets", total), ("unresolved", unresolved), ("overdue", count(.overdue))]
            + [("unassigned", count(.unassigned))]
        let sections = [("", rows), ("by status", byStatus), ("by priority", byPriority)]
        let numberWidth = total.grouped.count
        return sections.map { title, rows in
            let lines = rows.map { row in
                let number = row.1.grouped
                return "  \(row.0.padded(to: 11)) "
                    + String(repeating: " ", count: max(0, numberWidth - number.count)) + number
            }
            return ((title.isEmpty ? [] : [title]) + lines).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}
