import ArgumentParser
import BSON
import Console
import JSONOutput
import TicketViews
import Tickets

/// Says what became of a change.
struct ChangeReport {
    let session: DeskSession
    let json: Bool
    let agent: String

    /// Prints what a save came to.
    ///
    /// - Parameter before: the ticket that the command read.
    /// - Throws: `StoreError` where the change is stored, and the ticket cannot be read back for `--json`.
    func tell(
        _ outcome: SaveOutcome,
        before: Ticket,
        _ intent: TicketIntent,
        _ unsaved: UnsavedText
    ) async throws -> ExitCode {
        switch outcome {
        case .saved(let ticket), .unchanged(let ticket):
            unsaved.discard()
            let line = ChangeLine.text(before: before, after: ticket, intent)
            try await tell(ticket, line: line)
            return ExitStatus.done
        case .conflict(let ticket, let conflicts):
            try await tell(conflicts, of: ticket, intent, unsaved)
            return ExitStatus.conflict
        }
    }

    /// Prints a ticket as it is now, for programs, or a line for people.
    func tell(_ ticket: Ticket, line: String) async throws {
        guard json else { return Terminal.output(line) }
        guard let whole = try await session.desk.ticketWithHistory(ticket.id) else {
            throw TicketError(.notFound, "ticket \(ticket.id) was changed, and is gone since")
        }
        Terminal.output(TicketJSON.ticket(whole, merged: try await session.mergedTickets(of: whole)).text)
    }

    private func tell(
        _ conflicts: [FieldConflict],
        of ticket: Ticket,
        _ intent: TicketIntent,
        _ unsaved: UnsavedText
    ) async throws {
        guard !json else { return Terminal.output(TicketJSON.conflict(conflicts).text) }
        let time = ViewTime.onTheWall(now: try await session.desk.now())
        if intent.claims, let owner = conflicts.first {
            Terminal.error(claimRefusal(owner, ticket, time))
            return
        }
        let report = ConflictReport(
            time: time,
            style: .ofMessages,
            width: Terminal.stderrIsTerminal ? Terminal.width : nil
        )
        let lines = report.lines(
            ticket: ticket.id,
            conflicts: conflicts,
            steps: ConflictReport.steps(
                after: [Terminal.program] + CommandLine.arguments.dropFirst(),
                ticket: ticket.id,
                conflicts: conflicts
            ),
            savedFile: unsaved.path
        )
        Terminal.error(lines.joined(separator: "\n"))
        unsaved.markNamed()
    }

    /// Who has a ticket does not lose it to a claim, whatever is chosen: only assigning takes it over.
    private func claimRefusal(_ conflict: FieldConflict, _ ticket: Ticket, _ time: ViewTime) -> String {
        let id = SafeText.line(ticket.id)
        let owner = ChangeLine.shown(conflict.theirs)
        var lines = ["\(Terminal.program): ticket \(id) is taken: \(owner) has it since \(time.both(conflict.at))"]
        if let command = ShellWords.command([Terminal.program, "assign", ticket.id, agent]) {
            lines.append("To take it over: \(command)")
        }
        return lines.joined(separator: "\n")
    }
}

/// What a change did, in a line.
enum ChangeLine {
    private static let valueColumnsMax = 60

    /// The fields of an intent that are different now.
    static func text(before: Ticket, after: Ticket, _ intent: TicketIntent) -> String {
        var parts: [String] = []
        for field in fields(intent) where before[field] != after[field] {
            parts.append(part(field, before[field], after[field]))
        }
        if let comment = intent.comment {
            parts.append(comment.isInternal ? "internal comment added" : "comment added")
        }
        if after.version == before.version || parts.isEmpty { parts = ["nothing to change"] }
        return "\(SafeText.line(after.id)): " + parts.joined(separator: ", ")
    }

    private static func fields(_ intent: TicketIntent) -> [TicketField] {
        var fields = intent.assignments.map(\.field)
        let changesTags = !intent.addedTags.isEmpty || !intent.removedTags.isEmpty
        if changesTags, !fields.contains(.tags) { fields.append(.tags) }
        return fields
    }

    private static func part(_ field: TicketField, _ from: BSONValue, _ to: BSONValue) -> String {
        if field == .description { return "description changed" }
        return "\(field) \(shown(from)) → \(shown(to))"
    }

    /// A value as a terminal may show it.
    static func shown(_ value: BSONValue) -> String {
        let text =
            switch value {
            case .null: ""
            case .string(let text): text
            case .array(let elements): elements.compactMap(\.string).joined(separator: ", ")
            default: TicketJSON.value(value).text
            }
        return text.isEmpty ? "(none)" : SafeText.line(text).truncated(to: valueColumnsMax)
    }
}
