import BSON
package import Tickets

extension EditForm {
    /// What the agent wants: a value for each field whose text is another one than the form of `base` has.
    ///
    /// - Parameters:
    ///   - base: the ticket whose form was edited.
    ///   - markers: those of the conflict form that was edited, if it was one.
    /// - Throws: `FormError` with all mistakes.
    package static func parse(
        _ text: String,
        base: Ticket,
        markers: FormMarkers? = nil
    ) throws(FormError) -> [TicketIntent.Assignment] {
        var parser = FormParser(base: base, markers: markers)
        parser.read(text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text)
        guard parser.mistakes.isEmpty else {
            throw FormError(mistakes: parser.mistakes.sorted { ($0.line ?? 0) < ($1.line ?? 0) })
        }
        return parser.assignments
    }
}

private struct FormParser {
    let base: Ticket
    let markers: FormMarkers?
    var assignments: [TicketIntent.Assignment] = []
    var mistakes: [FormError.Mistake] = []
    private var seen = Set<TicketField>()

    init(base: Ticket, markers: FormMarkers?) {
        self.base = base
        self.markers = markers
    }

    mutating func read(_ text: String) {
        let lines = text.lines
        var index = 0
        while index < lines.count {
            let line = FormText.withoutReturn(lines[index]).trimmed
            if FormMarkers.isMark(line) {
                index = skipUndecided(lines, from: index)
            } else if isDescription(line) {
                checkDescriptionLine(line, index)
                readDescription(Array(lines[(index + 1)...]), after: index + 1)
                break
            } else {
                readLine(line, number: index + 1)
                index += 1
            }
        }
        if !seen.contains(.subject) {
            mistake(nil, .subject, "the line \"\(EditForm.label(.subject)):\" is missing")
        }
    }

    private mutating func mistake(_ line: Int?, _ field: TicketField?, _ reason: String) {
        mistakes.append(FormError.Mistake(line: line, field: field, reason: reason))
    }

    // MARK: - Header

    private mutating func readLine(_ line: String, number: Int) {
        guard !line.isEmpty, !line.hasPrefix(EditForm.commentMark) else { return }
        guard let (name, text) = parts(line) else {
            let wanted = "expected \"Name: value\" or a comment; the description goes below \"Description:\""
            return mistake(number, nil, wanted)
        }
        do throws(TicketError) {
            let field = try TicketInput.field(name)
            guard seen.insert(field).inserted else { return mistake(number, field, "\(field) is there twice") }
            try assign(field, text, number)
        } catch {
            mistake(number, TicketField(name), error.message)
        }
    }

    /// The name and the value of a line, where it begins with a word and a colon.
    private func parts(_ line: String) -> (name: String, text: String)? {
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let name = String(line[..<colon]).trimmed.lowercased()
        let isWord = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        // A longer word is no field, and a message does not repeat it: it may be anything.
        guard isWord, (1...120).contains(name.utf8.count) else { return nil }
        return (name, String(line[line.utf8.index(after: colon)...]).trimmed)
    }

    private mutating func assign(_ field: TicketField, _ text: String, _ number: Int) throws(TicketError) {
        let known = FormText.text(base[field], of: field)
        guard !text.utf8.elementsEqual(known.utf8) else { return }
        guard let value = field == .tags ? try tags(text) : try value(text, of: field) else {
            return mistake(
                number,
                field,
                "what is in quotation marks has to be a JSON string; put a backslash before each mark in it"
            )
        }
        guard value != base[field] else { return }
        if field == .status, let status = value.string.flatMap(TicketStatus.init(rawValue:)),
            !base.status.nextSteps.contains(status)
        {
            let allowed = base.status.nextSteps.map(\.rawValue).joined(separator: ", ")
            return mistake(number, field, "a ticket that is \(base.status.rawValue) can become \(allowed)")
        }
        assignments.append(TicketIntent.Assignment(field, value))
    }

    private func value(_ text: String, of field: TicketField) throws(TicketError) -> BSONValue? {
        guard let text = FormText.unquoted(text) else { return nil }
        return try TicketInput.value(text, of: field)
    }

    /// Tags that the ticket has stay, whatever an import put into them; new ones have to be words.
    private func tags(_ text: String) throws(TicketError) -> BSONValue? {
        guard let typed = FormText.tags(text) else { return nil }
        var tags: [String] = []
        for tag in typed where !tags.contains(tag) {
            tags.append(base.tags.contains(tag) ? tag : try TicketInput.tag(tag))
        }
        guard tags.count <= max(TicketLimits.tagCountMax, base.tags.count) else {
            throw TicketError(.invalidValue, "tags takes at most \(TicketLimits.tagCountMax) tags")
        }
        return .array(tags.map { .string($0) })
    }

    /// Passes over a field that has both sides still; returns the index of the line behind it.
    private mutating func skipUndecided(_ lines: [String], from start: Int) -> Int {
        let first = lines[start]
        guard FormMarkers.begins(first) else {
            mistake(start + 1, nil, "a mark of a conflict is left: take it away")
            return start + 1
        }
        let end = lines[start...].firstIndex { FormMarkers.ends(FormText.withoutReturn($0)) || isDescription($0) }
        let inside = lines[(start + 1)..<(end ?? lines.count)]
        let names = inside.compactMap { parts(FormText.withoutReturn($0).trimmed)?.name }
        let field = names.lazy.compactMap { TicketField($0) }.first
        if let field { seen.insert(field) }
        let name = field.map(\.name) ?? "a field"
        mistake(start + 1, field, "\(name) is not decided: keep one of the two lines, and take the marks away")
        guard let end else { return lines.count }
        return isDescription(lines[end]) ? end : end + 1
    }

    // MARK: - Description

    private func isDescription(_ line: String) -> Bool {
        parts(FormText.withoutReturn(line).trimmed)?.name == TicketField.description.name
    }

    private mutating func checkDescriptionLine(_ line: String, _ index: Int) {
        guard parts(line)?.text.isEmpty ?? true else {
            return mistake(index + 1, .description, "the description begins on the line below \"Description:\"")
        }
    }

    private mutating func readDescription(_ lines: [String], after line: Int) {
        var lines = lines
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        lines = lines.map(FormText.withoutReturn)
        if let markers, markers.inDescription, let left = lines.firstIndex(where: markers.isLeft) {
            let reason = "the description is not decided: keep what is right of both texts, and take the marks away"
            return mistake(line + left + 1, .description, reason)
        }
        let known = base.description ?? ""
        let text = lines.joined(separator: "\n")
        guard !text.utf8.elementsEqual(FormText.normalized(known).utf8) else { return }
        do throws(TicketError) {
            let value = try TicketInput.value(hasReturns(known) ? withReturns(lines) : text, of: .description)
            assignments.append(TicketIntent.Assignment(.description, value))
        } catch {
            mistake(line, .description, error.message)
        }
    }

    /// Whether all lines of a text end in a carriage return and a line feed.
    private func hasReturns(_ text: String) -> Bool {
        let lines = text.lines
        return lines.count > 1 && lines.dropLast().allSatisfy { $0.utf8.last == UInt8(ascii: "\r") }
    }

    private func withReturns(_ lines: [String]) -> String { lines.joined(separator: "\r\n") }
}
