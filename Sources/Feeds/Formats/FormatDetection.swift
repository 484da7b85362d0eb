/// The formats that recordings may have.
///
/// The raw values are what `--format` takes.
public enum FormatName: String, CaseIterable, Sendable {
    case binanceRecorder = "binance-recorder"
    case cryptofeed
    case leanTrade = "lean-trade"
    case leanQuote = "lean-quote"
    case leanForexQuote = "lean-forex-quote"
    case freqtrade
    case alphaVantage = "alpha-vantage"
    case ndjson
    case csv
    case tape
    case ticketEvents = "ticket-events"
    case serviceNowCSV = "servicenow-csv"
    case zendeskJSON = "zendesk-json"
    case ticketsCSV = "tickets-csv"

    /// Whether records are tickets; otherwise they are market events.
    public var isTickets: Bool {
        switch self {
        case .ticketEvents, .serviceNowCSV, .zendeskJSON, .ticketsCSV: true
        case .binanceRecorder, .cryptofeed, .leanTrade, .leanQuote, .leanForexQuote, .freqtrade, .alphaVantage, .ndjson,
            .csv, .tape:
            false
        }
    }
}

/// Guesses the format of a recording from its first lines and its name.
public struct FormatDetection: Equatable, Sendable {
    public let format: FormatName
    /// Why, as a sentence for people.
    public let reason: String

    /// Guesses from the first lines, which decide, and from names, which speak for themselves only beside them.
    ///
    /// - Throws: `InputError`, `unsupported`, with the list of formats, where nothing fits.
    public static func detect(head: [UInt8], name: String, innerName: String? = nil) throws(InputError)
        -> FormatDetection
    {
        if TapeRecord.beginsTape(head) {
            return FormatDetection(format: .tape, reason: "it begins with the magic number of a tape")
        }
        guard let line = firstLine(head) else {
            throw unknown(name, "there is no text in its first \(head.count) bytes")
        }
        if let first = line.first, first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            if let tickets = tickets(line, head) { return tickets }
            if FreqtradeFormat.begins(head[...]) {
                return FormatDetection(format: .freqtrade, reason: "it is an array of rows: a time and a bar")
            }
            if isAlphaVantage(head[...]) {
                return FormatDetection(format: .alphaVantage, reason: "it has their name of a series or quote")
            }
            return try json(line, name)
        }
        if isReceiptTimeAndJSON(line) {
            return FormatDetection(
                format: .binanceRecorder,
                reason: "its first line is a time in nanoseconds, a space and a JSON object"
            )
        }
        guard line.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }) else { throw unknown(name, "it is not text") }
        return try columns(line, name: name, innerName: innerName)
    }

    /// Guesses the format of an opened recording.
    public static func detect(_ input: TapeInput) throws(InputError) -> FormatDetection {
        try detect(head: input.head, name: input.name, innerName: input.innerName)
    }

    private static func unknown(_ name: String, _ reason: String) -> InputError {
        let formats = FormatName.allCases.map(\.rawValue).joined(separator: ", ")
        return InputError(
            .unsupported,
            "\(name): its format cannot be told: \(reason); give --format, one of \(formats)"
        )
    }

    /// The first line that is not blank, without its end and without a byte-order mark.
    private static func firstLine(_ head: [UInt8]) -> ArraySlice<UInt8>? {
        var rest = head[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        rest = rest.drop { $0 == 0x0A || $0 == 0x0D || $0 == 0x20 }
        let line = rest.prefix { $0 != 0x0A && $0 != 0x0D }
        return line.isEmpty ? nil : line
    }

    /// The JSON formats of tickets, by the names of members that their records always have.
    private static func tickets(_ line: ArraySlice<UInt8>, _ head: [UInt8]) -> FormatDetection? {
        if ["\"url\"", "\"requester_id\""].allSatisfy({ contains(head[...], $0) }) {
            return FormatDetection(format: .zendeskJSON, reason: "its objects have a url and a requester_id")
        }
        let isEvent = ["\"ticket\"", "\"sequence\"", "\"type\""].allSatisfy { contains(line, $0) }
        guard line.first == UInt8(ascii: "{"), isEvent else { return nil }
        return FormatDetection(
            format: .ticketEvents,
            reason: "its first line is a JSON object with a ticket, a sequence and a type"
        )
    }

    private static func isAlphaVantage(_ head: ArraySlice<UInt8>) -> Bool {
        contains(head, "\"Global Quote\"") || contains(head, "\"Meta Data\"") && contains(head, "Time Series")
    }

    /// The tables of tickets, by the titles of their columns.
    private static func tickets(header: ArraySlice<UInt8>) -> FormatDetection? {
        guard let titles = CSVTable(head: Array(header))?.titles, titles.count > 1 else { return nil }
        if titles.contains("number"), titles.contains("sys_mod_count") {
            return FormatDetection(format: .serviceNowCSV, reason: "its header has the columns of ServiceNow")
        }
        guard TicketMapping.recognises(titles) else { return nil }
        return FormatDetection(format: .ticketsCSV, reason: "a column of its header is the name of a ticket")
    }

    private static func json(_ line: ArraySlice<UInt8>, _ name: String) throws(InputError) -> FormatDetection {
        let text = line.prefix(4096)
        guard line.first == UInt8(ascii: "{") else {
            throw unknown(name, "it is a JSON array, and records are read one object a line")
        }
        let isEnvelope = ["header", "http", "connect", "send", "recv"].contains { kind in
            contains(text, "\"t\":\"\(kind)\"") || contains(text, "\"t\": \"\(kind)\"")
        }
        if isEnvelope, contains(text, "\"exchange\"") || contains(text, "\"conn\"") {
            return FormatDetection(
                format: .cryptofeed,
                reason: "its first line is an envelope of the cryptofeed recorder"
            )
        }
        guard line.dropFirst().contains(UInt8(ascii: "\"")) else {
            throw unknown(name, "it is a JSON document of several lines, and records are read one object a line")
        }
        return FormatDetection(format: .ndjson, reason: "its first line is a JSON object")
    }

    private static func contains(_ text: ArraySlice<UInt8>, _ part: String) -> Bool {
        let wanted = Array(part.utf8)
        guard text.count >= wanted.count else { return false }
        return (text.startIndex...(text.endIndex - wanted.count)).contains { text[$0...].starts(with: wanted) }
    }

    private static func isReceiptTimeAndJSON(_ line: ArraySlice<UInt8>) -> Bool {
        let digits = line.prefix { (48...57).contains($0) }
        let rest = line[digits.endIndex...].drop { $0 == 0x20 }
        return digits.count >= 16 && digits.count <= 19 && rest.count < line.count - digits.count
            && rest.first == UInt8(ascii: "{")
    }

    private static func columns(
        _ line: ArraySlice<UInt8>,
        name: String,
        innerName: String?
    ) throws(InputError) -> FormatDetection {
        let separators: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
        let separator = separators.first { line.contains($0) } ?? UInt8(ascii: ",")
        let columns = line.split(separator: separator, omittingEmptySubsequences: false)
        guard columns.count > 1 else { throw unknown(name, "its first line has no columns") }
        let startsWithNumber = !columns[0].isEmpty && columns[0].allSatisfy { (48...57).contains($0) || $0 == 46 }
        guard startsWithNumber else {
            if let tickets = tickets(header: line) { return tickets }
            let reason = "its first line names \(columns.count) columns"
            guard columns.allSatisfy({ !$0.isEmpty }) else { throw unknown(name, "a column of its header has no name") }
            return FormatDetection(format: .csv, reason: reason)
        }
        let fileName = innerName ?? name
        let kind = LeanNaming(parsing: fileName).kind
        let lean: FormatName? =
            switch (columns.count, kind) {
            case (6, .trade), (6, nil): .leanTrade
            case (8, .quote), (8, nil): .leanQuote
            case (3, .quote), (3, nil): .leanForexQuote
            default: nil
            }
        guard let lean, columns.last?.allSatisfy({ (48...57).contains($0) || $0 == 46 }) == true else {
            throw unknown(name, "\(columns.count) columns without a header are no format that is known")
        }
        let named = kind == nil ? "" : ", and the name \(printable(fileName)) fits"
        return FormatDetection(
            format: lean,
            reason: "its rows have the \(columns.count) columns of LEAN without a header\(named)"
        )
    }
}
