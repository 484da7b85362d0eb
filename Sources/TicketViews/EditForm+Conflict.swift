import BSON
package import Tickets

/// How the two sides of conflicts are marked in a form, as git marks them.
package struct FormMarkers: Equatable, Sendable {
    /// How many `<`, `=` or `>` a mark in the description has: more than any line of its texts begins with.
    let length: Int
    /// Whether the description has marks.
    let inDescription: Bool

    private static let headerLength = 7

    static func begin(_ length: Int = headerLength) -> String { String(repeating: "<", count: length) + " yours" }
    static func middle(_ length: Int = headerLength) -> String { String(repeating: "=", count: length) }
    static func end(_ length: Int = headerLength, by who: String) -> String {
        String(repeating: ">", count: length) + " theirs (\(who))"
    }

    /// Whether a line above the description is a mark; no field begins so.
    static func isMark(_ line: String) -> Bool {
        begins(line) || ends(line) || line.hasPrefix(middle())
    }

    static func begins(_ line: String) -> Bool { line.hasPrefix(String(repeating: "<", count: headerLength)) }
    static func ends(_ line: String) -> Bool { line.hasPrefix(String(repeating: ">", count: headerLength)) }

    /// Whether a line of the description is one of its marks.
    func isLeft(_ line: String) -> Bool {
        "<=>".contains { line.hasPrefix(String(repeating: $0, count: length)) }
    }

    /// Marks that no line of the texts can pass for.
    init(texts: [[String]], inDescription: Bool) {
        var length = Self.headerLength
        for line in texts.joined() {
            guard let first = line.utf8.first, "<=>".utf8.contains(first) else { continue }
            length = max(length, line.utf8.prefix { $0 == first }.count + 1)
        }
        self.length = length
        self.inDescription = inDescription
    }
}

/// A form in which both sides of conflicts are marked.
package struct ConflictForm: Equatable, Sendable {
    package let text: String
    /// To be given to `EditForm.parse` with the edited text.
    package let markers: FormMarkers
}

extension EditForm {
    /// The form of the ticket as it is now, with what the agent wanted, and both sides where others wanted otherwise.
    ///
    /// It is parsed against `current`, and saved as seen at its version.
    ///
    /// - Parameters:
    ///   - assignments: what the agent wanted; see `parse`.
    ///   - base: the ticket whose form the agent edited.
    ///   - current: the ticket as it is now.
    package static func renderConflict(
        _ assignments: [TicketIntent.Assignment],
        base: Ticket,
        current: Ticket,
        conflicts: [FieldConflict],
        time: ViewTime
    ) -> ConflictForm {
        var values: [TicketField: BSONValue] = [:]
        for assignment in assignments { values[assignment.field] = assignment.value }
        if let wanted = values[.tags] { values[.tags] = mergedTags(wanted, base: base, current: current) }
        let lines = headerFields(of: current, and: assignments.map(\.field)).flatMap { field in
            guard let conflict = conflicts.first(where: { $0.field == field }) else {
                return [line(field, values[field] ?? current[field])]
            }
            let yours = line(field, conflict.yours)
            let theirs = line(field, conflict.theirs)
            return [FormMarkers.begin(), yours, FormMarkers.middle(), theirs, FormMarkers.end(by: who(conflict, time))]
        }
        let conflict = conflicts.first { $0.field == .description }
        let yours = descriptionLines(conflict?.yours ?? .null)
        let theirs = descriptionLines(conflict?.theirs ?? .null)
        let markers = FormMarkers(texts: [yours, theirs], inDescription: conflict != nil)
        let description =
            if let conflict {
                marked(LineDiff.parts(yours, theirs), markers.length, who(conflict, time))
            } else {
                descriptionLines(values[.description] ?? current[.description])
            }
        let notes = [
            "Others changed the ticket meanwhile; what else you changed is in here. Where both sides are marked, keep",
            "what is right, and take the marks away.",
        ]
        let text = text(of: current, notes: notes, fields: lines, description: description.joined(separator: "\n"))
        return ConflictForm(text: text, markers: markers)
    }

    private static func who(_ conflict: FieldConflict, _ time: ViewTime) -> String {
        "\(conflict.by.map(SafeText.line) ?? ValueText.erased), \(time.relative(conflict.at))"
    }

    private static func descriptionLines(_ value: BSONValue) -> [String] {
        let text = FormText.normalized(value.string ?? "")
        return text.isEmpty ? [] : text.lines
    }

    private static func marked(_ parts: [LineDiff.Part], _ length: Int, _ who: String) -> [String] {
        parts.flatMap { part in
            switch part {
            case .common(let lines): lines
            case .differing(let yours, let theirs):
                [FormMarkers.begin(length)] + yours + [FormMarkers.middle(length)] + theirs
                    + [FormMarkers.end(length, by: who)]
            }
        }
    }

    /// What the agent added and took away, done to the tags as they are now.
    private static func mergedTags(_ wanted: BSONValue, base: Ticket, current: Ticket) -> BSONValue {
        let wanted = wanted.array?.compactMap(\.string) ?? []
        let removed = base.tags.filter { !wanted.contains($0) }
        let added = wanted.filter { !base.tags.contains($0) && !current.tags.contains($0) }
        return .array((current.tags.filter { !removed.contains($0) } + added).map { .string($0) })
    }
}
