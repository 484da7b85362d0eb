import MarketData

/// The audit log of a ServiceNow service desk as a table: one row is an incident as it was after one update.
///
/// Columns are found by their titles. `?` and an empty cell stand for no value. The incident's state and priority are
/// translated, its category, subcategory and symptom make the subject, and columns that nothing is made of become
/// custom fields under their own names.
public struct ServiceNowFormat: TicketFormat, CSVFraming {
    /// The columns that there must be.
    public static let requiredColumns = [
        "number", "sys_mod_count", "incident_state", "priority", "sys_updated_at", "caller_id",
    ]

    public let name = FormatName.serviceNowCSV.rawValue
    public let numbering = Numbering.restarting
    let table: CSVTable

    /// Reads the columns from the header at the beginning of the feed.
    ///
    /// `path` names the feed in messages.
    ///
    /// - Throws: `InputError`, `unsupported`, that names the columns which are missing.
    public init(head: [UInt8], path: String) throws(InputError) {
        guard let table = CSVTable(head: head) else {
            throw InputError(.unsupported, "\(path): its first row is no header of a ServiceNow table")
        }
        let missing = Self.requiredColumns.filter { !table.titles.contains($0) }
        guard missing.isEmpty else {
            throw InputError(
                .unsupported,
                "\(path): its header has no column \(missing.joined(separator: ", ")); export the incidents with them"
            )
        }
        self.table = table
    }

    public func makeTicketDecoder() -> any TicketDecoder {
        TicketSlabDecoder(ServiceNowRecords(table: table))
    }
}

private struct ServiceNowRecords: TicketRecords {
    /// The columns that have a meaning.
    enum Column: String, CaseIterable {
        case number, priority, category, subcategory
        case count = "sys_mod_count"
        case state = "incident_state"
        case updatedBy = "sys_updated_by"
        case updatedAt = "sys_updated_at"
        case openedAt = "opened_at"
        case group = "assignment_group"
        case assignee = "assigned_to"
        case caller = "caller_id"
        case symptom = "u_symptom"
    }

    private let table: CSVTable
    private let places: [Column: Int]
    private let custom: [(place: Int, name: String)]
    private var row = CSVRow()

    init(table: CSVTable) {
        self.table = table
        var places: [Column: Int] = [:]
        for column in Column.allCases { places[column] = table.titles.firstIndex(of: column.rawValue) }
        let used = Set(places.values)
        custom = table.customNames.enumerated().filter { !used.contains($0.offset) }.map { ($0.offset, $0.element) }
        self.places = places
    }

    func firstPiece(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece {
        table.firstRow(of: bytes, isOpen: isOpen)
    }

    mutating func decode(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> TicketFrame {
        try table.split(record, into: &row)
        let number = text(.number, record) ?? ""
        guard let count = text(.count, record) else {
            throw TicketFault(.missingField, "there is no 'sys_mod_count'")
        }
        guard let sequence = Int64(count) else {
            throw TicketFault(.invalidSequence, "'sys_mod_count' is no 64-bit integer")
        }
        var frame = TicketFrame(externalID: number, sequence: sequence, kind: .snapshot)
        frame.actor = text(.updatedBy, record)
        frame.occurredAt = try time(.updatedAt, record)
        frame.createdAt = try time(.openedAt, record)
        frame.fields = [
            .text("subject", subject(record) ?? number),
            .status(try status(record)),
            .priority(try priority(record)),
            .text("group", text(.group, record)),
            .text("assignee", text(.assignee, record)),
            .text("requester", text(.caller, record)),
        ]
        for column in custom {
            guard let text = text(at: column.place, record) else { continue }
            frame.fields.append(.custom(column.name, .text(text)))
        }
        return frame
    }

    private func text(_ column: Column, _ record: UnsafeRawBufferPointer) -> String? {
        places[column].flatMap { text(at: $0, record) }
    }

    private func text(at place: Int, _ record: UnsafeRawBufferPointer) -> String? {
        let text = row.text(place, of: record)
        return text.isEmpty || text == "?" ? nil : text
    }

    /// What the incident is about; the table has no column for it.
    private func subject(_ record: UnsafeRawBufferPointer) -> String? {
        let categories = [text(.category, record), text(.subcategory, record)].compactMap { $0 }
        let parts = [categories.joined(separator: " / "), text(.symptom, record) ?? ""].filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: ": ")
    }

    private func status(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> StatusWord {
        switch text(.state, record) {
        case "New": return .new
        case "Active": return .open
        case "Awaiting User Info", "Awaiting Evidence": return .pending
        case "Awaiting Problem", "Awaiting Vendor": return .onHold
        case "Resolved": return .resolved
        case "Closed": return .closed
        default: throw TicketFault(.unknownStatus, "'incident_state' is none that is known")
        }
    }

    private func priority(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> PriorityWord? {
        switch text(.priority, record) {
        case nil: return nil
        case "1 - Critical": return .urgent
        case "2 - High": return .high
        case "3 - Moderate": return .normal
        case "4 - Low": return .low
        default: throw TicketFault(.unknownPriority, "'priority' is none that is known")
        }
    }

    /// Reads `29-02-2016 01:23`, with or without seconds, and RFC 3339, as UTC.
    private func time(_ column: Column, _ record: UnsafeRawBufferPointer) throws(TicketFault) -> Int64? {
        guard let text = text(column, record) else { return nil }
        guard let time = Timestamp(parsing: Self.yearFirst(text)) else {
            throw TicketFault(.invalidTime, "'\(column.rawValue)' is no time such as 29-02-2016 01:23")
        }
        return time.milliseconds
    }

    /// `29-02-2016 01:23` as `2016-02-29 01:23:00`, anything else as it is.
    private static func yearFirst(_ text: String) -> String {
        let halves = text.split(separator: " ", maxSplits: 1)
        guard halves.count == 2 else { return text }
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard date.count == 3, date[0].utf8.count == 2, date[2].utf8.count == 4 else { return text }
        let seconds = halves[1].utf8.count == 5 ? ":00" : ""
        return "\(date[2])-\(date[1])-\(date[0]) \(halves[1])\(seconds)"
    }
}
