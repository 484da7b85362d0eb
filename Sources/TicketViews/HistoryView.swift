import BSON
package import Tickets

/// A ticket's history for people: who changed what from what to what, when.
package struct HistoryView: Sendable {
    private let time: ViewTime
    private let style: Style
    private let width: Int?

    private static let indentation = "    "
    private static let arrow = " → "
    /// Columns that two texts have in common before their difference, where there is no room for all of them.
    private static let contextMax = 12

    /// - Parameter width: columns of the terminal, to which long values are shortened; nil where the output is piped.
    package init(time: ViewTime, style: Style = .plain, width: Int? = nil) {
        self.time = time
        self.style = style
        self.width = width
    }

    /// The lines of one event: what it is, then one line for each field.
    package func lines(_ event: TicketEvent) -> [String] {
        let actor = event.actor.map(SafeText.line) ?? ValueText.erased
        var parts = ["#\(event.sequence)", time.both(event.time), actor, event.operation.rawValue]
        if let occurred = event.origin?.occurredAt { parts.append("happened \(time.absolute(occurred))") }
        if !event.isApplied { parts.append("came too late: the fields are left as they were") }
        let heading = WordWrap.hanging(parts.joined(separator: " | "), indentation: 2, width: width)
        let isInternal = event.changes.contains { $0.change.field.name == Self.internalName }
        let changes = event.changes.filter { $0.change.field.name != Self.internalName }
        return heading.map { style.apply(.heading, $0) } + changes.map { line($0, isInternal: isInternal) }
    }

    // What events name beside the fields of a ticket; see `TicketEvent`.
    private static let internalName = "internal"
    private static let commentName = "comment"

    private func line(_ change: TicketEvent.Change, isInternal: Bool) -> String {
        let name = change.change.field.name
        let isNote = name == Self.commentName && isInternal
        let label = Self.indentation + SafeText.line(isNote ? "internal note" : name) + ": "
        let room = width.map { max(1, $0 - label.displayWidth) }
        return style.apply(isNote ? .internalNote : .label, label) + values(change, room)
    }

    private func values(_ change: TicketEvent.Change, _ room: Int?) -> String {
        guard !change.isErased else { return cut(ValueText.erased, room) }
        let to = ValueText.line(change.change.to, time).trimmed
        // What is new goes from nothing, which need not be said.
        guard change.change.from != .null else { return cut(to, room) }
        let from = ValueText.line(change.change.from, time).trimmed
        guard let room, (from + Self.arrow + to).displayWidth > room else { return from + Self.arrow + to }
        return shortened(from, to, room)
    }

    /// Both sides around the place where they begin to differ.
    private func shortened(_ from: String, _ to: String, _ room: Int) -> String {
        let half = (room - Self.arrow.displayWidth) / 2
        guard half > 1 else { return cut(to, room) }
        let common = zip(from, to).prefix { $0 == $1 }.count
        let needsElision = common > Self.contextMax && max(from.displayWidth, to.displayWidth) > half
        let skipped = needsElision ? common - min(Self.contextMax, half / 3) : 0
        let tail = { (text: String) in skipped == 0 ? text : "…" + text.dropFirst(skipped) }
        let left = tail(from).truncated(to: half)
        // What one side does not need is the other's.
        let right = tail(to).truncated(to: room - Self.arrow.displayWidth - left.displayWidth)
        return left + Self.arrow + right
    }

    private func cut(_ text: String, _ room: Int?) -> String { room.map { text.truncated(to: $0) } ?? text }
}
