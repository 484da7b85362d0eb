import BSON
import Tickets

/// The fields that the load changes.
enum LoadField: String, CaseIterable, Sendable {
    case subject
    case status
    case priority
    case assignee
    case group

    var ticketField: TicketField {
        switch self {
        case .subject: .subject
        case .status: .status
        case .priority: .priority
        case .assignee: .assignee
        case .group: .group
        }
    }
}

/// The values of those fields that have one.
typealias FieldValues = [LoadField: String]

/// What an agent of the load wants of a ticket, in plain values: the checks know no other.
struct PlannedChange: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case comment(String)
        case set(LoadField, String)
    }

    /// The name of the step in a ticket's history.
    let operation: String
    let content: Content

    var field: LoadField? {
        if case .set(let field, _) = content { field } else { nil }
    }

    var value: String {
        switch content {
        case .comment(let text): text
        case .set(_, let value): value
        }
    }

    /// What the desk is asked for.
    var intent: TicketIntent {
        switch content {
        case .comment(let text): TicketIntent(.comment, comment: TicketIntent.Comment(text: text))
        case .set(let field, let value):
            TicketIntent(
                TicketOperation(rawValue: operation) ?? .set,
                assignments: [TicketIntent.Assignment(field.ticketField, .string(value))]
            )
        }
    }
}

/// Decides what agents do: 60 % comments, 25 % field changes, 10 % assignments, 5 % steps of the status.
struct LoadMix: Sendable {
    static let groupCount = 12
    static let priorities = TicketPriority.allCases.map(\.rawValue)

    let agentCount: Int

    /// What an agent does next, with these values before it.
    ///
    /// - Parameter marker: a text that no other change has.
    func change(_ seen: FieldValues, marker: String, _ random: inout SeededRandom) -> PlannedChange {
        switch random.index(below: 100) {
        case 0..<60: return comment(marker, &random)
        case 60..<85: return fieldChange(seen, marker, &random)
        case 85..<95:
            let agent = Self.other(than: seen[.assignee], agentCount, TicketText.agent, &random)
            return PlannedChange(operation: "assign", content: .set(.assignee, agent))
        default:
            let isResolved = seen[.status] == TicketStatus.resolved.rawValue
            return isResolved
                ? PlannedChange(operation: "reopen", content: .set(.status, TicketStatus.open.rawValue))
                : PlannedChange(operation: "resolve", content: .set(.status, TicketStatus.resolved.rawValue))
        }
    }

    private func comment(_ marker: String, _ random: inout SeededRandom) -> PlannedChange {
        let words = 8 + random.index(below: 24)
        let text = "\(marker): \(TicketText.text(words: words, &random))"
        return PlannedChange(operation: "comment", content: .comment(text))
    }

    private func fieldChange(
        _ seen: FieldValues,
        _ marker: String,
        _ random: inout SeededRandom
    ) -> PlannedChange {
        let content: PlannedChange.Content =
            switch random.index(below: 3) {
            case 0: .set(.subject, "\(TicketText.text(words: 6, &random)) \(marker)")
            case 1:
                .set(
                    .priority,
                    Self.other(than: seen[.priority], Self.priorities.count, { Self.priorities[$0] }, &random)
                )
            default: .set(.group, Self.other(than: seen[.group], Self.groupCount, TicketText.group, &random))
            }
        return PlannedChange(operation: "set", content: content)
    }

    /// One of so many names, and not the one that is there.
    private static func other(
        than present: String?,
        _ count: Int,
        _ name: (Int) -> String,
        _ random: inout SeededRandom
    ) -> String {
        let chosen = random.index(below: count)
        return name(chosen) == present ? name((chosen + 1) % count) : name(chosen)
    }
}
