private import Glibc

/// Finds fields and records of separated values (RFC 4180), in which a quoted field may hold line ends.
///
/// A quote opens a field only at its beginning. Of faults it recovers early: text behind a closing quote goes on as
/// an unquoted field, and a quote that is not closed within `quotedBytesMax` is taken for a character, so that a stray
/// one costs its own record and not those behind it.
struct CSVScanner: Sendable {
    /// How far a closing quote is looked for: the longest text that is taken, were all of it doubled quotes.
    static let quotedBytesMax = 2 * TicketLimits.textBytesMax

    enum Fault {
        case textBehindQuote
        case unclosedQuote
    }

    struct Field {
        /// What the field holds, without quotes around it.
        var content: Range<Int>
        /// Where the separator or line feed behind it is, or the end of the bytes.
        var end: Int
        var hasDoubledQuotes = false
        var fault: Fault?
    }

    let separator: UInt8

    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// Where the first record ends, its line end included; nil where the bytes end before it does.
    ///
    /// `isComplete` says that the bytes are whole records: a quote that they do not close is a stray one.
    func recordEnd(in bytes: UnsafeRawBufferPointer, isComplete: Bool) -> Int? {
        var place = 0
        while let field = field(in: bytes, at: place, isComplete: isComplete), field.end < bytes.count {
            place = field.end + 1
            if bytes[field.end] == Self.lineFeed { return place }
        }
        return nil
    }

    /// The field that begins at `start`; nil where it may go on behind the bytes.
    func field(in bytes: UnsafeRawBufferPointer, at start: Int, isComplete: Bool) -> Field? {
        guard start < bytes.count, bytes[start] == Self.quote else {
            let end = unquotedEnd(bytes, start)
            return Field(content: start..<end, end: end)
        }
        var place = start + 1
        var hasDoubledQuotes = false
        while let quote = nextQuote(bytes, from: place, to: start + 1 + Self.quotedBytesMax) {
            if quote + 1 < bytes.count, bytes[quote + 1] == Self.quote {
                hasDoubledQuotes = true
                place = quote + 2
                continue
            }
            var field = Field(content: (start + 1)..<quote, end: quote + 1, hasDoubledQuotes: hasDoubledQuotes)
            if let end = endBehindQuote(bytes, quote + 1) {
                field.end = end
            } else {
                field.fault = .textBehindQuote
                field.end = unquotedEnd(bytes, quote + 1)
            }
            return field
        }
        guard isComplete || bytes.count - (start + 1) >= Self.quotedBytesMax else { return nil }
        let end = unquotedEnd(bytes, start)
        return Field(content: start..<end, end: end, fault: .unclosedQuote)
    }

    private func nextQuote(_ bytes: UnsafeRawBufferPointer, from start: Int, to limit: Int) -> Int? {
        let end = min(limit, bytes.count)
        guard start < end, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(Self.quote), end - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// Where a field ends whose closing quote is before `place`; nil where text follows the quote.
    private func endBehindQuote(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> Int? {
        guard place < bytes.count, bytes[place] != separator, bytes[place] != Self.lineFeed else { return place }
        guard bytes[place] == Self.carriageReturn else { return nil }
        return place + 1 == bytes.count || bytes[place + 1] == Self.lineFeed ? place + 1 : nil
    }

    private func unquotedEnd(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var end = start
        while end < bytes.count, bytes[end] != separator, bytes[end] != Self.lineFeed { end += 1 }
        return end
    }
}
