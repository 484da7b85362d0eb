import MarketData

/// Our own feed of tickets: one JSON object a line, each a step in the life of one ticket.
///
///     {"ticket": "A-1", "sequence": 1, "type": "create", "time": "2024-05-01T09:00:00Z", "actor": "mia",
///      "fields": {"subject": "No sound", "requester": "kim@example.com", "tags": ["audio"], "custom.region": "EU"}}
///     {"ticket": "A-1", "sequence": 2, "type": "comment", "text": "Which cable?", "internal": false}
///     {"ticket": "A-1", "sequence": 3, "type": "change", "fields": {"status": "pending"}, "expected_version": 2}
///
/// `ticket`, `sequence` and `type` must be there, `fields` of a create (with a subject and a requester) and of a
/// change, `text` of a comment. `time` is RFC 3339 or a Unix time. A member or field of another name is refused: a
/// misspelt `expected_version` must not be a change without one.
public struct TicketEventsFormat: TicketFormat, LineFraming {
    public let name = FormatName.ticketEvents.rawValue
    public let numbering = Numbering.contiguous

    public init() {}

    public func makeTicketDecoder() -> any TicketDecoder {
        TicketSlabDecoder(TicketEventRecords(framing: self))
    }
}

extension LineFraming {
    /// The first line of bytes, as a piece of a ticket feed.
    func firstLine(of bytes: UnsafeRawBufferPointer) -> RecordPiece {
        let first = firstRecord(in: bytes)
        guard first.isRecord else { return RecordPiece(content: .line, byteCount: first.byteCount) }
        let hasEnd = bytes[first.byteCount - 1] == UInt8(ascii: "\n")
        return RecordPiece(content: hasEnd ? .record : .openRecord, byteCount: first.byteCount)
    }
}

private struct TicketEventRecords: TicketRecords {
    let framing: TicketEventsFormat
    private let tokenizer = JSONTokenizer()

    init(framing: TicketEventsFormat) {
        self.framing = framing
    }

    func firstPiece(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece {
        framing.firstLine(of: bytes)
    }

    func decode(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> TicketFrame {
        let members = try TicketEventMembers(try tokenizer.object(record, depthMax: 2))
        var frame = TicketFrame(
            externalID: try members.ticket(),
            sequence: try members.sequence(),
            kind: try members.kind()
        )
        frame.actor = try members[.actor]?.text("actor")
        frame.occurredAt = try members[.time]?.milliseconds("time")
        frame.expectedVersion = try members.expectedVersion()
        switch frame.kind {
        case .comment: frame.comment = try members.comment()
        case .create:
            frame.createdAt = frame.occurredAt
            frame.fields = try members.fields()
            for name in ["subject", "requester"] where frame[name] == nil {
                throw TicketFault(.missingField, "a create has no '\(name)' in its 'fields'")
            }
        case .change, .snapshot: frame.fields = try members.fields()
        }
        return frame
    }
}

/// The members of one object of the feed, each there at most once.
private struct TicketEventMembers {
    enum Name: String, CaseIterable {
        case ticket, sequence, type, time, actor, fields, text
        case isInternal = "internal"
        case expectedVersion = "expected_version"
    }

    private var values: [Name: JSONValue] = [:]

    init(_ object: JSONValue) throws(TicketFault) {
        for value in object.elements {
            let text = try value.name()
            guard let name = Name(rawValue: text) else {
                throw TicketFault(.malformed, "the record has a member '\(printable(text))', which means nothing")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw TicketFault(.malformed, "the record has '\(text)' twice")
            }
        }
    }

    subscript(name: Name) -> JSONValue? { values[name] }

    private func required(_ name: Name) throws(TicketFault) -> JSONValue {
        guard let value = values[name], value.form != .null else {
            throw TicketFault(.missingField, "there is no '\(name.rawValue)'")
        }
        return value
    }

    func ticket() throws(TicketFault) -> String {
        let value = try required(.ticket)
        guard value.form == .string || value.form == .number, let text = try value.scalar("ticket") else {
            throw TicketFault(.invalidTicketID, "'ticket' is no text")
        }
        return text
    }

    func sequence() throws(TicketFault) -> Int64 {
        let value = try required(.sequence)
        guard value.form == .number, let number = value.integer else {
            throw TicketFault(.invalidSequence, "'sequence' is no 64-bit integer")
        }
        return number
    }

    func kind() throws(TicketFault) -> TicketFrame.Kind {
        let text = try required(.type).text("type") ?? ""
        guard let kind = TicketFrame.Kind(rawValue: text), kind != .snapshot else {
            throw TicketFault(.unknownOperation, "'type' is none of create, comment, change")
        }
        let foreign: [Name] = kind == .comment ? [.fields] : [.text, .isInternal]
        for name in foreign where values[name] != nil {
            throw TicketFault(.malformed, "a \(kind.rawValue) has no '\(name.rawValue)'")
        }
        return kind
    }

    func expectedVersion() throws(TicketFault) -> Int64? {
        guard let value = values[.expectedVersion], value.form != .null else { return nil }
        guard value.form == .number, let number = value.integer, number >= 0 else {
            throw TicketFault(.invalidNumber, "'expected_version' is no whole number from zero up")
        }
        return number
    }

    func comment() throws(TicketFault) -> TicketFrame.Comment {
        guard let text = try required(.text).text("text"), !text.isEmpty else {
            throw TicketFault(.missingField, "the 'text' of the comment is empty")
        }
        switch values[.isInternal]?.form {
        case .yes: return TicketFrame.Comment(text: text, isInternal: true)
        case .no, .null, nil: return TicketFrame.Comment(text: text, isInternal: false)
        default: throw TicketFault(.malformed, "'internal' is neither true nor false")
        }
    }

    func fields() throws(TicketFault) -> [TicketFrame.Field] {
        let object = try required(.fields)
        guard object.form == .object else { throw TicketFault(.malformed, "'fields' is no object") }
        var fields: [TicketFrame.Field] = []
        var names: Set<String> = []
        for value in object.elements {
            let name = try value.name()
            fields.append(TicketFrame.Field(name, try Self.value(of: name, value)))
            guard names.insert(name).inserted else {
                throw TicketFault(.malformed, "'fields' has '\(name)' twice")
            }
        }
        guard !fields.isEmpty else { throw TicketFault(.missingField, "there is nothing in 'fields'") }
        return fields
    }

    private static func value(of name: String, _ value: JSONValue) throws(TicketFault) -> TicketFrame.Value {
        switch name {
        case "subject", "requester":
            guard let text = try value.text(name), !text.isEmpty else {
                throw TicketFault(.missingField, "'\(name)' is empty")
            }
            return .text(text)
        case "description", "assignee", "group": return try value.text(name).map { .text($0) } ?? .none
        case "tags": return try value.texts(name).map { .list($0) } ?? .none
        case "status":
            guard let text = try value.text(name), StatusWord(rawValue: text) != nil else {
                throw TicketFault(.unknownStatus, "'status' is none of new, open, pending, on_hold, resolved, closed")
            }
            return .text(text)
        case "priority":
            guard let text = try value.text(name) else { return .none }
            guard PriorityWord(rawValue: text) != nil else {
                throw TicketFault(.unknownPriority, "'priority' is none of low, normal, high, urgent")
            }
            return .text(text)
        default: return try custom(name, value)
        }
    }

    private static func custom(_ name: String, _ value: JSONValue) throws(TicketFault) -> TicketFrame.Value {
        guard name.hasPrefix("custom."), CustomName.isValid(name.dropFirst(7)) else {
            let reason = "'fields' has '\(printable(name))'; others than ours are named custom.NAME"
            throw TicketFault(.unknownField, reason)
        }
        if value.form == .array { return try value.texts(name).map { .list($0) } ?? .none }
        return try value.scalar(name).map { .text($0) } ?? .none
    }
}
