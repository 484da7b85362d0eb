import MarketData

/// Rows of separated values below a header.
///
/// The separator is the one of comma, semicolon and tab that the first line has most of.
struct CSVTable: Sendable {
    /// The titles of the columns, in order.
    let titles: [String]
    private let scanner: CSVScanner
    /// The header's bytes, without its line end and byte-order mark.
    private let header: [UInt8]

    /// Reads the header from the beginning of a feed; nil where there is none.
    init?(head: [UInt8]) {
        let line = head.prefix { $0 != UInt8(ascii: "\n") }
        let candidates: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
        let counts = candidates.map { candidate in line.count { $0 == candidate } }
        let most = counts.firstIndex(of: counts.max() ?? 0) ?? 0
        let scanner = CSVScanner(separator: candidates[most])
        let header = head.withUnsafeBytes { bytes in
            let end = scanner.recordEnd(in: bytes.withoutByteOrderMark, isComplete: true)
            let record = bytes.withoutByteOrderMark.prefix(end ?? bytes.count)
            return Array(UnsafeRawBufferPointer(rebasing: record).withoutLineEnd)
        }
        guard !header.isEmpty, String(validating: header, as: UTF8.self) != nil else { return nil }
        self.scanner = scanner
        self.header = header
        let titles = header.withUnsafeBytes { bytes -> [String]? in
            var row = CSVRow()
            guard (try? row.split(bytes, with: scanner)) != nil else { return nil }
            return (0..<row.count).map { row.text($0, of: bytes) }
        }
        guard let titles else { return nil }
        self.titles = titles
    }

    /// The names of the columns behind `custom.`: no two are the same, and none is empty.
    var customNames: [String] {
        var taken: Set<String> = []
        return titles.enumerated().map { place, title in
            let made = CustomName.make(from: title)
            var name = made.isEmpty ? "column_\(place + 1)" : made
            var number = 2
            while !taken.insert(name).inserted {
                name = "\(made.prefix(80))_\(number)"
                number += 1
            }
            return name
        }
    }

    /// The first row of bytes that are whole rows or the open end of a feed.
    func firstRow(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece {
        let found = scanner.recordEnd(in: bytes, isComplete: !isOpen) ?? strayQuoteEnd(bytes)
        let end = found ?? bytes.count
        let row = UnsafeRawBufferPointer(rebasing: bytes[..<end]).withoutLineEnd.withoutByteOrderMark
        guard !row.isEmpty, row.count != header.count || !row.elementsEqual(header) else {
            return RecordPiece(content: .line, byteCount: end)
        }
        return RecordPiece(content: found == nil ? .openRecord : .record, byteCount: end)
    }

    /// Where the first row ends if the quote that the end of the feed leaves open is a stray one.
    ///
    /// A text that is cut off looks the same, but its next line is no row with all columns.
    private func strayQuoteEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard titles.count > 2, let end = scanner.recordEnd(in: bytes, isComplete: true) else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[end...])
        guard let next = scanner.recordEnd(in: rest, isComplete: false) else { return nil }
        var row = CSVRow()
        let line = UnsafeRawBufferPointer(rebasing: rest[..<next]).withoutLineEnd
        guard (try? row.split(line, with: scanner)) != nil, row.count == titles.count else { return nil }
        return end
    }

    /// How many bytes of `bytes` are whole rows.
    func wholeRows(in bytes: UnsafeRawBufferPointer) -> Int {
        var end = 0
        while let row = scanner.recordEnd(in: UnsafeRawBufferPointer(rebasing: bytes[end...]), isComplete: false) {
            end += row
        }
        return end
    }

    /// Splits a row into its fields.
    ///
    /// - Throws: `TicketFault` where it is no row of the table.
    func split(_ row: UnsafeRawBufferPointer, into fields: inout CSVRow) throws(TicketFault) {
        guard String(validating: row, as: UTF8.self) != nil else {
            throw TicketFault(.invalidUTF8, "the row is not UTF-8")
        }
        try fields.split(row, with: scanner)
        guard fields.count == titles.count else {
            throw TicketFault(.malformed, "there are \(fields.count) columns instead of \(titles.count)")
        }
    }

    /// Where a row that is too long to hold ends, as far as `bytes` tell.
    func skipRow(_ bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        let end = scanner.recordEnd(in: bytes, isComplete: false)
        return (end ?? bytes.count, end != nil)
    }
}

/// The fields of one row, as places in its bytes.
struct CSVRow {
    private var fields: [CSVScanner.Field] = []

    var count: Int { fields.count }

    mutating func split(_ row: UnsafeRawBufferPointer, with scanner: CSVScanner) throws(TicketFault) {
        fields.removeAll(keepingCapacity: true)
        var place = 0
        while place <= row.count, let field = scanner.field(in: row, at: place, isComplete: true) {
            switch field.fault {
            case .textBehindQuote: throw TicketFault(.malformed, "text follows the closing quote of a column")
            case .unclosedQuote:
                throw TicketFault(.malformed, "a quote is not closed within \(CSVScanner.quotedBytesMax) bytes")
            case nil: fields.append(field)
            }
            place = field.end + 1
        }
    }

    /// The text of a column, which must be UTF-8.
    func text(_ column: Int, of row: UnsafeRawBufferPointer) -> String {
        let field = fields[column]
        let content = row[field.content]
        guard field.hasDoubledQuotes else { return String(decoding: content, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(content.count)
        var isFirstOfPair = false
        for byte in content {
            isFirstOfPair = byte == UInt8(ascii: "\"") && !isFirstOfPair
            if byte != UInt8(ascii: "\"") || isFirstOfPair { text.append(byte) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Framing by the rows of a table.
protocol CSVFraming: RecordFraming {
    var table: CSVTable { get }
}

extension CSVFraming {
    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int { table.wholeRows(in: bytes) }

    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        let piece = table.firstRow(of: bytes, isOpen: false)
        return (piece.byteCount, piece.content != .line)
    }

    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) { table.skipRow(bytes) }

    public var lastRecordMayBeOpen: Bool { true }
}
