public import MarketData

/// Rows of separated values with a declared mapping of their columns.
///
/// Fields may be quoted (RFC 4180), but not span lines. The separator is a comma, semicolon or tab, whichever the
/// header has. Where the mapping names columns by number (from 1), there is no header.
public struct CSVFormat: LineFormat {
    public let name = "csv"
    private let mapping: FieldMapping
    private let venue: String
    private let symbol: String?
    private let header: [UInt8]
    private let separator: UInt8
    /// The meaning of each column, -1 for none.
    private let columns: [Int]

    /// `firstLine` is the first line of the tape, without its line end.
    ///
    /// - Throws: `MappingError` where the header lacks a column of the mapping.
    public init(mapping: FieldMapping, firstLine: String, venue: String, symbol: String? = nil) throws(MappingError) {
        self.mapping = mapping
        self.venue = venue
        self.symbol = symbol
        separator = Self.separator(of: firstLine)
        let titles = Self.columnTitles(of: firstLine)
        var columns: [Int] = []
        let hasHeader = !mapping.names.values.allSatisfy { Int($0) != nil }
        for (meaning, column) in mapping.names {
            let place = hasHeader ? titles.firstIndex(of: column) : Int(column).map { $0 - 1 }
            guard let place, place >= 0, place < titles.count else {
                throw MappingError(
                    "there is no column '\(column)' for '\(meaning.name)'; the columns are: "
                        + titles.joined(separator: ", ")
                )
            }
            while columns.count <= place { columns.append(-1) }
            columns[place] = meaning.rawValue
        }
        self.columns = columns
        header = hasHeader ? Array(firstLine.utf8) : []
    }

    /// The titles in a header line, which `FieldMapping(fieldsNamed:)` may map by themselves.
    public static func columnTitles(of line: String) -> [String] {
        let separator = separator(of: line)
        var titles: [String] = []
        var copy = line
        copy.withUTF8 { text in
            var fields = CSVFields(line: UnsafeRawBufferPointer(text), separator: separator)
            while let field = fields.next() { titles.append(String(decoding: field, as: UTF8.self)) }
        }
        return titles
    }

    private static func separator(of line: String) -> UInt8 {
        let candidates: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
        return candidates.first { line.utf8.contains($0) } ?? UInt8(ascii: ",")
    }

    public var onlyKind: EventKind? { mapping.kind }

    public func isSkipped(line: UnsafeRawBufferPointer) -> Bool {
        line.count == header.count && !header.isEmpty && line.elementsEqual(header)
    }

    public func makeDecoder() -> any RecordDecoder {
        let lines = CSVDecoder(
            record: MappedRecord(mapping: mapping, symbol: symbol),
            kind: mapping.kind,
            header: header,
            separator: separator,
            columns: columns
        )
        return LineRecordDecoder(lines, venue: venue, onlyKind: mapping.kind)
    }
}

private struct CSVDecoder: LineDecoder {
    var record: MappedRecord
    let kind: EventKind
    let header: [UInt8]
    let separator: UInt8
    let columns: [Int]

    func isSkipped(line: UnsafeRawBufferPointer) -> Bool {
        line.count == header.count && !header.isEmpty && line.elementsEqual(header)
    }

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        record.begin()
        var fields = CSVFields(line: line, separator: separator)
        var column = 0
        while let field = fields.next() {
            if column < columns.count, columns[column] >= 0 {
                guard !fields.lastHasDoubledQuotes else {
                    builder.reject(.malformed, "a mapped column holds doubled quotes", kind: kind)
                    return
                }
                record.set(columns[column], field)
            }
            column += 1
        }
        guard column >= columns.count, !fields.isMalformed else {
            let reason =
                fields.isMalformed ? "a quote is not closed" : "there are \(column) columns instead of \(columns.count)"
            builder.reject(.malformed, reason, kind: kind)
            return
        }
        record.finish(into: &builder)
    }
}

/// Splits one line at its separators, taking quotes off.
private struct CSVFields {
    private let line: UnsafeRawBufferPointer
    private let separator: UInt8
    private var position = 0
    private(set) var isMalformed = false
    /// Whether the last field held doubled quotes: its text is not the field's value.
    private(set) var lastHasDoubledQuotes = false

    init(line: UnsafeRawBufferPointer, separator: UInt8) {
        self.line = line
        self.separator = separator
    }

    @inline(__always)
    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= line.count else { return nil }
        let start = position
        lastHasDoubledQuotes = false
        if start < line.count, line[start] == UInt8(ascii: "\"") { return nextQuoted() }
        var end = start
        while end < line.count, line[end] != separator { end += 1 }
        position = end + 1
        return UnsafeRawBufferPointer(rebasing: line[start..<end])
    }

    private mutating func nextQuoted() -> UnsafeRawBufferPointer? {
        let start = position + 1
        var end = start
        while end < line.count {
            if line[end] == UInt8(ascii: "\"") {
                guard end + 1 < line.count, line[end + 1] == UInt8(ascii: "\"") else { break }
                lastHasDoubledQuotes = true
                end += 1
            }
            end += 1
        }
        isMalformed = isMalformed || end >= line.count || (end + 1 < line.count && line[end + 1] != separator)
        position = end + 2
        return UnsafeRawBufferPointer(rebasing: line[start..<min(end, line.count)])
    }
}
