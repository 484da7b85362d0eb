import BSON
package import Tickets

/// All fields of a ticket as a form for an editor.
///
/// A line for each field, then the description, verbatim to the end of the file. Values that a line cannot hold are
/// JSON strings. A field whose text is left as it was is not changed, whatever an import put into it; a line that is
/// taken out changes nothing either.
package enum EditForm {
    /// Lines that are comments, above the description.
    static let commentMark = "#"
    /// Comments that say what is wrong with a form; see `annotated`.
    static let mistakeMark = "#! "

    /// The form of a ticket.
    package static func render(_ ticket: Ticket) -> String {
        let fields = headerFields(of: ticket).map { line($0, ticket[$0]) }
        return text(of: ticket, fields: fields, description: FormText.normalized(ticket.description ?? ""))
    }

    /// Whether nothing is left of a form but blank lines and comments: the agent gave up.
    package static func isEmpty(_ text: String) -> Bool {
        text.lines.allSatisfy { line in
            let line = FormText.withoutReturn(line).trimmed
            return line.isEmpty || line.hasPrefix(commentMark)
        }
    }

    /// The form with its mistakes as comments at its beginning, in place of those of an earlier try.
    package static func annotated(_ text: String, with error: FormError) -> String {
        let lines = text.lines
        let old = lines.prefix { $0.hasPrefix(mistakeMark) }.count
        let shift = error.mistakes.count - old
        let comments = error.mistakes.map { mistake in
            mistakeMark + (mistake.line.map { "line \($0 + shift): " } ?? "") + mistake.reason
        }
        return (comments + lines.dropFirst(old)).joined(separator: "\n")
    }

    // MARK: - Parts

    /// The fields that have a line, in the order of the form.
    static func headerFields(of ticket: Ticket, and others: [TicketField] = []) -> [TicketField] {
        let custom = ticket.custom.keys.compactMap { TicketField("custom.\($0)") }
        let known = TicketField.known.filter { $0 != .description }
        let added = others.filter { !known.contains($0) && $0 != .description }
        return known + Set(custom + added).sorted()
    }

    static func line(_ field: TicketField, _ value: BSONValue) -> String {
        let text = FormText.text(value, of: field)
        return label(field) + ":" + (text.isEmpty ? "" : " " + text)
    }

    static func label(_ field: TicketField) -> String {
        TicketField.known.contains(field) ? field.name.prefix(1).uppercased() + field.name.dropFirst() : field.name
    }

    static func text(of ticket: Ticket, notes: [String] = [], fields: [String], description: String) -> String {
        let steps = ticket.status.nextSteps.map(\.rawValue).joined(separator: ", ")
        let priorities = TicketPriority.allCases.map(\.rawValue).joined(separator: ", ")
        let comments =
            notes + [
                "Ticket \(SafeText.line(ticket.id)). Lines that begin with # are comments, as far as \"Description:\".",
                "Save and close to store; empty the file to leave the ticket as it is.",
                "Status: \(ticket.status.rawValue), or next \(steps). Priority: \(priorities), or empty.",
            ]
        let head = comments.map { "\(commentMark) \($0)" } + fields + ["", "\(label(.description)):"]
        let body = description.isEmpty ? "" : description + "\n"
        return head.joined(separator: "\n") + "\n" + body
    }
}
