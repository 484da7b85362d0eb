public import BSON

/// How much a ticket holds of what.
public enum TicketLimits {
    /// A subject is a line.
    public static let subjectBytesMax = 1_000
    /// A description or comment.
    public static let textBytesMax = 512 * 1024
    /// Names of agents and groups, addresses, tags, custom values.
    public static let nameBytesMax = 1_000
    public static let tagCountMax = 100
    /// With more history than this in a ticket, its oldest events move into the archive.
    static let historyBytesMax: Int64 = 1 << 20
    /// How much history stays then.
    static let historyBytesKept: Int64 = 256 << 10
}

/// Turns what agents type into values, or says why not.
public enum TicketInput {
    /// A `FIELD=VALUE` of the command line; an empty value takes the field's value away.
    ///
    /// - Throws: `TicketError`.
    public static func assignment(_ text: String) throws(TicketError) -> TicketIntent.Assignment {
        guard let separator = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw TicketError(.unknownField, "expected FIELD=VALUE with one of the fields \(fieldNames)")
        }
        let field = try field(String(text[..<separator]))
        return TicketIntent.Assignment(field, try value(String(text[text.utf8.index(after: separator)...]), of: field))
    }

    /// A field by its name.
    public static func field(_ name: String) throws(TicketError) -> TicketField {
        guard let field = TicketField(name) else {
            throw TicketError(
                .unknownField,
                "there is no field '\(name.printable)'; the fields are \(fieldNames), and custom.NAME of imports"
            )
        }
        return field
    }

    private static var fieldNames: String { TicketField.known.map(\.name).joined(separator: ", ") }

    /// The value of a field as it was typed.
    public static func value(_ text: String, of field: TicketField) throws(TicketError) -> BSONValue {
        switch field {
        case .status:
            guard let status = TicketStatus(rawValue: text) else {
                throw invalid(field, "one of " + TicketStatus.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return .string(status.rawValue)
        case .priority:
            if text.isEmpty { return .null }
            guard let priority = TicketPriority(rawValue: text) else {
                throw invalid(field, "one of " + TicketPriority.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return .string(priority.rawValue)
        case .tags:
            let parts = text.split { $0 == "," || $0 == " " }.map(String.init)
            var tags: [String] = []
            for part in parts where !tags.contains(part) { tags.append(try tag(part)) }
            guard tags.count <= TicketLimits.tagCountMax else {
                throw invalid(field, "at most \(TicketLimits.tagCountMax) tags")
            }
            return .texts(tags)
        case .subject:
            guard text.contains(where: { !$0.isWhitespace }) else { throw invalid(field, "a line of text") }
            return .string(try line(text, field, bytesMax: TicketLimits.subjectBytesMax))
        case .description:
            return text.isEmpty ? .null : .string(try self.text(text))
        case .requester:
            return .string(try address(text))
        default:
            return text.isEmpty ? .null : .string(try line(text, field, bytesMax: TicketLimits.nameBytesMax))
        }
    }

    /// A tag: no spaces, no commas.
    public static func tag(_ text: String) throws(TicketError) -> String {
        let isWord = !text.isEmpty && !text.contains { $0.isWhitespace || $0 == "," }
        guard isWord else { throw invalid(.tags, "words without spaces and commas") }
        return try line(text, .tags, bytesMax: TicketLimits.nameBytesMax)
    }

    /// A comment or description.
    public static func text(_ text: String) throws(TicketError) -> String {
        guard text.utf8.count <= TicketLimits.textBytesMax else {
            throw TicketError(
                .tooLarge,
                "the text has \(text.utf8.count) bytes; a ticket keeps texts of up to \(TicketLimits.textBytesMax)"
            )
        }
        return text
    }

    /// The name of an agent or a group.
    public static func name(_ text: String, of field: TicketField) throws(TicketError) -> String {
        guard !text.isEmpty else { throw invalid(field, "a name") }
        return try line(text, field, bytesMax: TicketLimits.nameBytesMax)
    }

    /// The mail address of a requester, in lower case: nobody tells addresses apart by it.
    public static func address(_ text: String) throws(TicketError) -> String {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let isAddress = parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && !text.contains { $0.isWhitespace }
        guard isAddress else { throw invalid(.requester, "a mail address such as jo@example.com") }
        return try line(text.lowercased(), .requester, bytesMax: TicketLimits.nameBytesMax)
    }

    private static func line(
        _ text: String,
        _ field: TicketField,
        bytesMax: Int
    ) throws(TicketError) -> String {
        guard text.utf8.count <= bytesMax else {
            throw TicketError(.tooLarge, "\(field) takes up to \(bytesMax) bytes, and these are \(text.utf8.count)")
        }
        guard text.printable.unicodeScalars.elementsEqual(text.unicodeScalars) else {
            throw invalid(field, "one line without control characters")
        }
        return text
    }

    private static func invalid(_ field: TicketField, _ wanted: String) -> TicketError {
        TicketError(.invalidValue, "\(field) takes \(wanted)")
    }
}

extension Ticket {
    /// Makes sure that the changes together are allowed.
    func check(_ changes: [FieldChange]) throws(TicketError) {
        try checkStep(changes)
        let tags = changes.first { $0.field == .tags }?.to.strings ?? []
        guard tags.count <= max(TicketLimits.tagCountMax, self.tags.count) else {
            throw TicketError(.tooLarge, "a ticket has up to \(TicketLimits.tagCountMax) tags; remove some first")
        }
    }

    private func checkStep(_ changes: [FieldChange]) throws(TicketError) {
        guard let step = changes.first(where: { $0.field == .status }),
            let wanted = step.to.string.flatMap(TicketStatus.init(rawValue:)), wanted != status,
            !status.nextSteps.contains(wanted)
        else { return }
        let allowed = status.nextSteps.map(\.rawValue).joined(separator: ", ")
        throw TicketError(
            .invalidStep,
            "ticket \(id.printable) is \(status.rawValue) and cannot become \(wanted.rawValue); "
                + "it can become \(allowed)"
        )
    }
}
