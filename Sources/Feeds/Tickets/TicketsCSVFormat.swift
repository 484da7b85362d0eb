import MarketData

/// Any table of tickets with a header: one row is a ticket as it is now, or as it was after one update.
///
/// A mapping says what the columns mean; columns that are not in it become custom fields. An empty cell is no value.
/// A row's number within its ticket is its `sequence` column, the time of its `updated` column in ms, or 1.
public struct TicketsCSVFormat: TicketFormat, CSVFraming {
    public let name = FormatName.ticketsCSV.rawValue
    public let mapping: TicketMapping
    let table: CSVTable

    /// Reads the columns from the header at the beginning of the feed.
    ///
    /// Without a mapping well-known titles decide.
    ///
    /// - Throws: `MappingError` where there is no header, or a column of the mapping is not in it.
    public init(head: [UInt8], mapping: TicketMapping? = nil) throws(MappingError) {
        guard let table = CSVTable(head: head) else {
            throw MappingError("the first row is no header of a table")
        }
        self.table = table
        if let mapping {
            self.mapping = mapping
        } else {
            self.mapping = try TicketMapping(wellKnownAmong: table.titles)
        }
        for (meaning, title) in self.mapping.titles where !table.titles.contains(title) {
            let columns = table.titles.map(printable).joined(separator: ", ")
            throw MappingError("there is no column '\(title)' for '\(meaning.rawValue)'; the columns are: \(columns)")
        }
    }

    public var numbering: Numbering {
        mapping.titles[.sequence] == nil && mapping.titles[.updated] != nil ? .increasing : .contiguous
    }

    public var details: String { mapping.description }

    public func makeTicketDecoder() -> any TicketDecoder {
        TicketSlabDecoder(MappedTicketRecords(table: table, mapping: mapping))
    }
}

private struct MappedTicketRecords: TicketRecords {
    typealias Meaning = TicketMapping.Meaning

    private let table: CSVTable
    private let places: [Meaning: Int]
    private let custom: [(place: Int, name: String)]
    private var row = CSVRow()

    init(table: CSVTable, mapping: TicketMapping) {
        self.table = table
        let places = mapping.titles.compactMapValues { table.titles.firstIndex(of: $0) }
        let used = Set(places.values)
        custom = table.customNames.enumerated().filter { !used.contains($0.offset) }.map { ($0.offset, $0.element) }
        self.places = places
    }

    func firstPiece(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece {
        table.firstRow(of: bytes, isOpen: isOpen)
    }

    mutating func decode(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> TicketFrame {
        try table.split(record, into: &row)
        var frame = TicketFrame(externalID: text(.id, record) ?? "", sequence: 1, kind: .snapshot)
        frame.createdAt = try time(.created, record)
        frame.occurredAt = try time(.updated, record)
        frame.sequence = try sequence(record, updated: frame.occurredAt)
        frame.occurredAt = frame.occurredAt ?? frame.createdAt
        frame.firstResponseAt = try time(.firstResponse, record)
        frame.resolvedAt = try time(.resolved, record)
        if let answered = frame.firstResponseAt, let resolved = frame.resolvedAt, resolved < answered {
            frame.flags.append(TicketFlag.resolvedBeforeFirstResponse)
        }
        frame.comment = text(.comment, record).map { TicketFrame.Comment(text: $0, isInternal: false) }
        frame.fields = try fields(record)
        return frame
    }

    private func text(_ meaning: Meaning, _ record: UnsafeRawBufferPointer) -> String? {
        places[meaning].flatMap { text(at: $0, record) }
    }

    private func text(at place: Int, _ record: UnsafeRawBufferPointer) -> String? {
        let text = row.text(place, of: record)
        return text.isEmpty ? nil : text
    }

    private func time(_ meaning: Meaning, _ record: UnsafeRawBufferPointer) throws(TicketFault) -> Int64? {
        guard let text = text(meaning, record) else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw TicketFault(.invalidTime, "'\(meaning.rawValue)' is no time such as 2023-06-01 12:15:36")
        }
        return time.milliseconds
    }

    private func sequence(_ record: UnsafeRawBufferPointer, updated: Int64?) throws(TicketFault) -> Int64 {
        if places[.sequence] != nil {
            guard let number = text(.sequence, record).flatMap({ Int64($0) }) else {
                throw TicketFault(.invalidSequence, "'sequence' is no 64-bit integer")
            }
            return number
        }
        guard places[.updated] != nil else { return 1 }
        guard let updated else { throw TicketFault(.missingField, "there is no 'updated', which numbers the rows") }
        return updated
    }

    private func fields(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> [TicketFrame.Field] {
        guard let subject = text(.subject, record) else { throw TicketFault(.missingField, "the subject is empty") }
        var fields: [TicketFrame.Field] = [.text("subject", subject)]
        for meaning in [Meaning.description, .assignee, .group, .requester] where places[meaning] != nil {
            fields.append(.text(meaning.rawValue, text(meaning, record)))
        }
        if let word = text(.status, record) { fields.append(.status(try Self.status(word))) }
        if places[.priority] != nil { fields.append(.priority(try text(.priority, record).map(Self.priority))) }
        if places[.tags] != nil { fields.append(TicketFrame.Field("tags", Self.tags(text(.tags, record)))) }
        for column in custom {
            guard let text = text(at: column.place, record) else { continue }
            fields.append(.custom(column.name, .text(text)))
        }
        return fields
    }

    private static func status(_ word: String) throws(TicketFault) -> StatusWord {
        switch word.lowercased() {
        case "new": return .new
        case "open": return .open
        case "pending", "pending customer response": return .pending
        case "on hold", "on_hold", "hold": return .onHold
        case "resolved", "solved": return .resolved
        case "closed": return .closed
        default: throw TicketFault(.unknownStatus, "the status is none that is known")
        }
    }

    private static func priority(_ word: String) throws(TicketFault) -> PriorityWord {
        switch word.lowercased() {
        case "low": return .low
        case "medium", "normal": return .normal
        case "high": return .high
        case "critical", "urgent": return .urgent
        default: throw TicketFault(.unknownPriority, "the priority is none that is known")
        }
    }

    /// The tags of a cell that separates them by comma, semicolon or bar.
    private static func tags(_ cell: String?) -> TicketFrame.Value {
        let parts = (cell ?? "").split { $0 == "," || $0 == ";" || $0 == "|" }
        let tags = parts.map { part in
            let start = part.drop { $0 == " " }
            return String(start.reversed().drop { $0 == " " }.reversed())
        }
        let named = tags.filter { !$0.isEmpty }
        return named.isEmpty ? .none : .list(named)
    }
}
