package import Tickets

/// A list of tickets as a table, made page by page.
///
/// The widths of the columns come from the first page. On a terminal every line fits: the subject takes what the other
/// columns leave, and longer texts end in an ellipsis. Where the output is piped (no width), nothing is cut, and a text
/// that is longer than all of the first page pushes the rest of its line to the right. Every line stands for one
/// ticket and holds no tabs. An overdue ticket has a `!` behind its status and is red where there are colours; one
/// that its source has deleted has `[deleted]` before its subject.
package struct TicketTable: Sendable {
    /// What can be shown; the raw values are the names that agents type.
    package enum Column: String, CaseIterable, Sendable {
        case id, status, priority, assignee, updated, subject, group, requester, tags, created, due, comments, flags
        /// Who has the ticket open.
        case open
    }

    /// The columns of a list that names none; `open` joins them where somebody has a ticket open.
    package static let standardColumns: [Column] = [.id, .status, .priority, .assignee, .updated, .subject]

    private struct Layout {
        let column: Column
        var width: Int
    }

    private let layout: [Layout]
    private let presences: [String: [Presence]]
    private let time: ViewTime
    private let style: Style
    /// Of the terminal; nil where nothing is cut.
    private let width: Int?

    private static let gap = "  "

    /// Lays the table out.
    ///
    /// - Parameters:
    ///   - columns: nil for the standard ones.
    ///   - firstPage: the tickets that the widths are taken from; they are not kept.
    ///   - presences: who has tickets open, of this list; they are shown as they were when the list began.
    ///   - width: columns of the terminal; nil where the output is piped.
    package init(
        columns: [Column]? = nil,
        firstPage: [Ticket],
        presences: [Presence] = [],
        time: ViewTime,
        style: Style = .plain,
        width: Int? = nil
    ) {
        self.presences = Dictionary(grouping: presences, by: \.ticket)
        self.time = time
        self.style = style
        self.width = width
        var columns = columns ?? Self.standardColumns
        if columns == Self.standardColumns, !presences.isEmpty {
            columns.insert(.open, at: columns.count - 1)
        }
        let writer = CellWriter(presences: self.presences, time: time)
        let natural = columns.map { column in
            let widest = firstPage.lazy.map { writer.text(column, $0).displayWidth }.max() ?? 0
            return Layout(column: column, width: max(column.widthMin, widest))
        }
        layout = width.map { Self.fitted(natural, into: $0) } ?? natural
    }

    /// The line with the names of the columns.
    package var header: String {
        line(layout.map { (Self.cut($0.column.heading, $0, width), .heading) })
    }

    /// The lines of a page, one for each ticket.
    package func lines(_ page: [Ticket]) -> [String] {
        let writer = CellWriter(presences: presences, time: time)
        return page.map { ticket in
            line(
                layout.map { place in
                    let text = Self.cut(writer.text(place.column, ticket), place, width)
                    return (text, role(place.column, ticket))
                }
            )
        }
    }

    private func line(_ cells: [(text: String, role: Style.Role?)]) -> String {
        // What follows the last text of a line is no padding.
        let last = cells.lastIndex { !$0.text.isEmpty } ?? 0
        var line = ""
        for (index, cell) in cells.enumerated().prefix(last + 1) {
            if index > 0 { line += Self.gap }
            line += cell.role.map { style.apply($0, cell.text) } ?? cell.text
            guard index < last else { break }
            line += String(repeating: " ", count: max(0, layout[index].width - cell.text.displayWidth))
        }
        return line
    }

    private static func cut(_ text: String, _ place: Layout, _ width: Int?) -> String {
        width == nil ? text : text.truncated(to: place.width)
    }

    private func role(_ column: Column, _ ticket: Ticket) -> Style.Role? {
        if ticket.isDeleted { return .faint }
        let isOverdue = ticket.isOverdue(at: time.now)
        switch column {
        case .id, .status, .due: return isOverdue ? .overdue : nil
        case .priority: return ticket.priority == .urgent ? .urgent : nil
        case .updated, .created: return .faint
        case .open: return .presence
        default: return nil
        }
    }
}

// MARK: - Fitting

extension TicketTable {
    /// The columns as a terminal has room for them.
    ///
    /// The subject takes what the others leave. Where that is less than a third, long texts of the others give way,
    /// then the subject, then columns go, last ones first, and only then the id is cut.
    private static func fitted(_ natural: [Layout], into width: Int) -> [Layout] {
        var layout = natural.map { Layout(column: $0.column, width: min($0.width, $0.column.widthMax)) }
        if let subject = layout.firstIndex(where: { $0.column == .subject }) {
            layout[subject].width = max(Column.subject.widthMin, min(layout[subject].width, width / 3))
        }
        while excess(layout, width) > 0 {
            if let widest = widestSpare(layout) {
                layout[widest].width -= 1
            } else if let optional = optionalColumn(layout) {
                layout.remove(at: optional)
            } else if let id = layout.firstIndex(where: { $0.column == .id && $0.width > Column.id.widthMin }) {
                layout[id].width -= 1
            } else if layout.count > 1 {
                layout.removeLast()
            } else {
                return layout.map { Layout(column: $0.column, width: max(0, width)) }
            }
        }
        if let subject = layout.firstIndex(where: { $0.column == .subject }) {
            layout[subject].width -= excess(layout, width)
        }
        return layout
    }

    /// The column that a place is taken from first, where one has more than it needs.
    private static func widestSpare(_ layout: [Layout]) -> Int? {
        let spare = layout.indices.filter { layout[$0].column != .id && layout[$0].width > layout[$0].column.widthMin }
        let others = spare.filter { layout[$0].column != .subject }
        return (others.isEmpty ? spare : others).max { layout[$0].width < layout[$1].width }
    }

    /// How many columns of the terminal are missing; negative where some are left.
    private static func excess(_ layout: [Layout], _ width: Int) -> Int {
        layout.reduce(gap.utf8.count * max(0, layout.count - 1)) { $0 + $1.width } - width
    }

    /// The column that is done without first.
    private static func optionalColumn(_ layout: [Layout]) -> Int? {
        layout.lastIndex { ![.id, .subject, .open].contains($0.column) } ?? layout.firstIndex { $0.column == .open }
    }
}

extension TicketTable.Column {
    fileprivate var heading: String { rawValue.uppercased() }

    /// With less than this a column says nothing; at least its heading.
    fileprivate var widthMin: Int {
        switch self {
        case .id: 6
        case .status, .priority, .assignee, .flags, .comments: 8
        case .updated, .created: 7
        case .due: 8
        case .subject, .requester: 12
        case .group, .tags: 6
        case .open: 11
        }
    }

    /// More than this no column takes on a terminal.
    fileprivate var widthMax: Int {
        switch self {
        case .subject: Int.max
        case .id: 24
        case .status, .priority, .comments, .updated, .created, .due: 12
        case .assignee, .group, .open: 16
        case .requester, .tags, .flags: 28
        }
    }
}

/// The texts of cells, safe for a terminal.
private struct CellWriter {
    let presences: [String: [Presence]]
    let time: ViewTime

    func text(_ column: TicketTable.Column, _ ticket: Ticket) -> String {
        switch column {
        case .id: SafeText.line(ticket.id)
        case .status: ticket.status.rawValue + (ticket.isOverdue(at: time.now) ? "!" : "")
        case .priority: ticket.priority?.rawValue ?? "-"
        case .assignee: ticket.assignee.map(SafeText.line) ?? "-"
        case .updated: RelativeTime.short(ticket.updatedAt, now: time.now)
        case .subject: (ticket.isDeleted ? "[deleted] " : "") + SafeText.line(ticket.subject ?? ValueText.none)
        case .group: ticket.group.map(SafeText.line) ?? "-"
        case .requester: ticket.requester.map(SafeText.line) ?? "-"
        case .tags: list(ticket.tags)
        case .created: RelativeTime.short(ticket.createdAt, now: time.now)
        case .due: due(ticket)
        case .comments: String(ticket.commentCount)
        case .flags: list(ticket.flags)
        case .open: open(ticket)
        }
    }

    private func list(_ texts: [String]) -> String {
        texts.isEmpty ? "-" : texts.map(SafeText.line).joined(separator: ",")
    }

    private func due(_ ticket: Ticket) -> String {
        guard let due = ticket.dueAt else { return "-" }
        let distance = RelativeTime.short(due, now: time.now)
        return due < time.now ? "\(distance) late" : "in \(distance)"
    }

    private func open(_ ticket: Ticket) -> String {
        let marks = (presences[ticket.id] ?? []).map { "\(SafeText.line($0.agent)) \($0.activity.word)" }
        return marks.isEmpty ? "-" : marks.joined(separator: ", ")
    }
}
