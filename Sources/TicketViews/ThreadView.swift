package import Tickets

/// A ticket with its thread, for people: what `ticket show` prints.
///
/// Texts of the ticket are indented, so that none can pass for a heading of the view.
package struct ThreadView: Sendable {
    private let time: ViewTime
    private let style: Style
    private let width: Int?

    private static let indentation = "    "
    private static let labelWidth = 13

    /// - Parameter width: columns of the terminal; nil where the output is piped, and nothing is wrapped.
    package init(time: ViewTime, style: Style = .plain, width: Int? = nil) {
        self.time = time
        self.style = style
        self.width = width
    }

    /// The lines of the view.
    ///
    /// - Parameters:
    ///   - ticket: with its events, from which the comments are taken.
    ///   - merged: the tickets that were merged into it, with their events.
    ///   - presences: who has the ticket open, without the agent who asks.
    package func lines(_ ticket: Ticket, merged: [Ticket] = [], presences: [Presence] = []) -> [String] {
        var lines = heading(ticket)
        lines += presence(presences.filter { $0.ticket == ticket.id })
        lines.append("")
        lines += fields(ticket)
        lines.append("")
        lines += description(ticket)
        for comment in ticket.thread(with: merged) {
            lines.append("")
            lines += self.comment(comment, of: ticket)
        }
        return lines
    }

    // MARK: - Head

    private func heading(_ ticket: Ticket) -> [String] {
        let subject = text(of: .subject, ticket.subject, ticket)
        return WordWrap.hanging(
            "Ticket \(SafeText.line(ticket.id)): \(SafeText.line(subject))",
            indentation: 2,
            width: width
        )
        .map { style.apply(.heading, $0) }
    }

    private func presence(_ presences: [Presence]) -> [String] {
        guard !presences.isEmpty else { return [] }
        let marks = presences.map { "\(SafeText.line($0.agent)) is \($0.activity.phrase)" }
        return WordWrap.hanging(marks.joined(separator: ", "), indentation: 2, width: width).map {
            style.apply(.presence, $0)
        }
    }

    private func fields(_ ticket: Ticket) -> [String] {
        let isOverdue = ticket.isOverdue(at: time.now)
        var lines: [String] = []
        if ticket.isDeleted { lines += field("Deleted", "in the system that it came from", .overdue) }
        lines += field("Status", ticket.status.rawValue)
        lines += field(
            "Priority",
            ticket.priority?.rawValue ?? ValueText.none,
            ticket.priority == .urgent ? .urgent : nil
        )
        lines += field("Requester", text(of: .requester, ticket.requester, ticket))
        lines += field("Assignee", ticket.assignee ?? "nobody")
        lines += field("Group", ticket.group)
        lines += field("Tags", ticket.tags)
        lines += field("Created", time.both(ticket.createdAt))
        lines += field("Updated", time.both(ticket.updatedAt))
        if let due = ticket.dueAt {
            let text = isOverdue ? "\(time.absolute(due)) (overdue: \(time.relative(due)))" : time.both(due)
            lines += field("Due", text, isOverdue ? .overdue : nil)
        }
        lines += field("Answered", ticket.firstResponseAt.map(time.both))
        lines += field("Resolved", ticket.resolvedAt.map(time.both))
        lines += field("Closed", ticket.closedAt.map(time.both))
        lines += field("Merged into", ticket.mergedInto)
        lines += field("Merged here", ticket.mergedTickets)
        lines += field("Split from", ticket.splitFrom)
        lines += field("Split into", ticket.splitTickets)
        lines += field("Source", ticket.source.map { "\($0.source) \($0.externalID)" })
        lines += field("Flags", ticket.flags)
        for (name, value) in ticket.custom.sorted(by: { $0.key < $1.key }) {
            lines += field("custom.\(name)", ValueText.line(value, time))
        }
        return lines
    }

    private func field(_ label: String, _ values: [String]) -> [String] {
        field(label, values.isEmpty ? nil : values.joined(separator: ", "))
    }

    /// A field, or nothing where it has no value.
    private func field(_ label: String, _ value: String?, _ role: Style.Role? = nil) -> [String] {
        guard let value else { return [] }
        let head = "\(SafeText.line(label)):".padded(toColumns: Self.labelWidth - 1) + " "
        var lines = WordWrap.hanging(head + SafeText.line(value), indentation: Self.labelWidth, width: width)
        let color = { (text: String) in role.map { style.apply($0, text) } ?? text }
        guard let first = lines.first, first.hasPrefix(head) else { return lines.map(color) }
        lines = lines.dropFirst().map(color)
        return [style.apply(.label, head) + color(String(first.dropFirst(head.count)))] + lines
    }

    // MARK: - Texts

    private func description(_ ticket: Ticket) -> [String] {
        let isEmpty = ticket.description?.isEmpty ?? !wasErased(.description, ticket)
        guard !isEmpty else { return [style.apply(.faint, Self.indentation + "(no description)")] }
        return body(text(of: .description, ticket.description, ticket), nil)
    }

    private func comment(_ comment: TicketComment, of ticket: Ticket) -> [String] {
        var parts = ["#\(comment.sequence)", comment.author.map(SafeText.line) ?? ValueText.erased]
        if comment.ticket != ticket.id { parts[0] += " of ticket \(SafeText.line(comment.ticket))" }
        if comment.isInternal { parts.append("internal note") }
        parts.append(time.both(comment.time))
        let role: Style.Role = comment.isInternal ? .internalNote : .heading
        let heading = WordWrap.hanging("-- " + parts.joined(separator: " | "), indentation: 3, width: width)
        return heading.map { style.apply(role, $0) }
            + body(comment.text ?? ValueText.erased, comment.isInternal ? .internalNote : nil)
    }

    private func body(_ text: String, _ role: Style.Role?) -> [String] {
        let room = width.map { max(WordWrap.widthMin, $0 - Self.indentation.count) }
        var lines = WordWrap.wrap(SafeText.block(text), width: room)
        // Blank lines at the end would part the text from nothing.
        while lines.count > 1, lines.last?.trimmed.isEmpty ?? false { lines.removeLast() }
        return lines.map { line in
            guard !line.isEmpty else { return "" }
            return Self.indentation + (role.map { style.apply($0, line) } ?? line)
        }
    }

    private func text(of field: TicketField, _ value: String?, _ ticket: Ticket) -> String {
        value ?? (wasErased(field, ticket) ? ValueText.erased : ValueText.none)
    }

    private func wasErased(_ field: TicketField, _ ticket: Ticket) -> Bool {
        ticket.events.contains { $0.change(of: field)?.isErased ?? false }
    }
}

extension Presence.Activity {
    fileprivate var phrase: String {
        switch self {
        case .looking: "looking at this"
        case .editing: "editing this"
        }
    }
}
