import MarketData

/// Tickets as Zendesk's API gives them (v2): an array of objects, pages `{"tickets": […]}`, or an object a line.
///
/// One object is a ticket as it was at its `updated_at`, which numbers it. Statuses and priorities are translated, the
/// ids of requester, assignee and group are kept as texts. Of the rest, texts, numbers, trues, falses and lists of
/// these become custom fields under their own names, `via.channel` becomes `custom.channel`, and the values of
/// `custom_fields` become `custom.field_<id>`. Left out are nulls, empty lists, `url`, `raw_subject`, `fields` (which
/// repeats `custom_fields`), and other nested objects.
///
/// A feed that is cut in the middle of a ticket ends in a truncated record; one that is cut between two tickets cannot
/// be told from a whole one.
public struct ZendeskFormat: TicketFormat {
    public let name = FormatName.zendeskJSON.rawValue
    public let numbering = Numbering.increasing
    public let lastRecordMayBeOpen = false

    public init() {}

    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int {
        var end = 0
        while end < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[end...])
            switch JSONObjectScanner.first(in: rest, isComplete: false) {
            case .separator(let count), .object(let count), .junk(let count): end += count
            case .incomplete: return end
            }
        }
        return end
    }

    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        let piece = Self.firstPiece(of: bytes)
        return (piece.byteCount, piece.content == .record)
    }

    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        JSONObjectScanner.skip(bytes)
    }

    public func makeTicketDecoder() -> any TicketDecoder {
        TicketSlabDecoder(ZendeskRecords())
    }

    fileprivate static func firstPiece(of bytes: UnsafeRawBufferPointer) -> RecordPiece {
        switch JSONObjectScanner.first(in: bytes, isComplete: true) {
        case .separator(let count): RecordPiece(content: .separator, byteCount: count)
        case .object(let count), .junk(let count): RecordPiece(content: .record, byteCount: count)
        case .incomplete: RecordPiece(content: .record, byteCount: bytes.count)
        }
    }
}

private struct ZendeskRecords: TicketRecords {
    private let tokenizer = JSONTokenizer()

    func firstPiece(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece {
        ZendeskFormat.firstPiece(of: bytes)
    }

    func decode(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> TicketFrame {
        let ticket = try tokenizer.object(record, depthMax: 2)
        let id = try required("id", of: ticket)
        guard id.form == .string || id.form == .number, let externalID = try id.scalar("id") else {
            throw TicketFault(.invalidTicketID, "'id' is neither a number nor a text")
        }
        guard let updated = try required("updated_at", of: ticket).milliseconds("updated_at") else {
            throw TicketFault(.missingField, "there is no 'updated_at'")
        }
        var frame = TicketFrame(externalID: externalID, sequence: updated, kind: .snapshot, occurredAt: updated)
        frame.createdAt = try ticket["created_at"]?.milliseconds("created_at")
        let (status, isDeleted) = try status(required("status", of: ticket).text("status"))
        frame.isDeleted = isDeleted
        frame.flags = isDeleted ? [TicketFlag.deleted] : []
        // A ticket of Zendesk may have no subject, as those from a chat have; ours must.
        let subject = try ticket["subject"]?.text("subject") ?? ""
        frame.fields = [
            .text("subject", subject.isEmpty ? externalID : subject),
            .text("description", try ticket["description"]?.text("description")),
            .status(status),
            .priority(try priority(ticket["priority"]?.text("priority"))),
            .text("assignee", try ticket["assignee_id"]?.scalar("assignee_id")),
            .text("group", try ticket["group_id"]?.scalar("group_id")),
            .text("requester", try ticket["requester_id"]?.scalar("requester_id")),
            TicketFrame.Field("tags", try tags(ticket)),
        ]
        frame.fields += try customFields(ticket)
        return frame
    }

    private func required(_ name: StaticString, of ticket: JSONValue) throws(TicketFault) -> JSONValue {
        guard let value = ticket[name], value.form != .null else {
            throw TicketFault(.missingField, "there is no '\(name)'")
        }
        return value
    }

    private func status(_ word: String?) throws(TicketFault) -> (status: StatusWord, isDeleted: Bool) {
        switch word {
        case "new": return (.new, false)
        case "open": return (.open, false)
        case "pending": return (.pending, false)
        case "hold": return (.onHold, false)
        case "solved": return (.resolved, false)
        case "closed": return (.closed, false)
        case "deleted": return (.closed, true)
        default: throw TicketFault(.unknownStatus, "'status' is none of Zendesk's")
        }
    }

    private func priority(_ word: String?) throws(TicketFault) -> PriorityWord? {
        guard let word else { return nil }
        guard let priority = PriorityWord(rawValue: word) else {
            throw TicketFault(.unknownPriority, "'priority' is none of low, normal, high, urgent")
        }
        return priority
    }

    private func tags(_ ticket: JSONValue) throws(TicketFault) -> TicketFrame.Value {
        guard let tags = try ticket["tags"]?.texts("tags"), !tags.isEmpty else { return .none }
        return .list(tags)
    }

    private static let handled: Set<String> = [
        "id", "updated_at", "created_at", "status", "priority", "requester_id", "assignee_id", "group_id", "tags",
        "subject", "description", "url", "raw_subject", "fields",
    ]

    private func customFields(_ ticket: JSONValue) throws(TicketFault) -> [TicketFrame.Field] {
        var fields: [TicketFrame.Field] = []
        var names: Set<String> = []
        func add(_ title: String, _ value: TicketFrame.Value?) {
            let name = CustomName.make(from: title)
            guard let value, !name.isEmpty, names.insert(name).inserted else { return }
            fields.append(.custom(name, value))
        }
        for member in ticket.elements {
            let name = try member.name()
            if Self.handled.contains(name) { continue }
            switch name {
            case "via": add("channel", try member["channel"].flatMap(plainValue))
            case "custom_fields":
                guard member.form == .array else { continue }
                for field in member.elements {
                    guard let id = try field["id"]?.scalar("id"), let value = field["value"] else { continue }
                    add("field_" + id, try plainValue(value))
                }
            default: add(name, try plainValue(member))
            }
        }
        return fields
    }

    /// The value where it is a text, number, true or false, or a list of these with something in it.
    private func plainValue(_ value: JSONValue) throws(TicketFault) -> TicketFrame.Value? {
        switch value.form {
        case .null, .object, .unparsed: return nil
        case .array:
            let isPlain = value.elements.allSatisfy { [.string, .number, .yes, .no].contains($0.form) }
            let texts = isPlain ? try value.texts("a list") ?? [] : []
            return texts.isEmpty ? nil : .list(texts)
        case .string, .number, .yes, .no: return try value.scalar("a member").map { .text($0) }
        }
    }
}
