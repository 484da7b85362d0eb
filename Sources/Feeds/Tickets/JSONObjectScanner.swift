/// Finds the objects of a JSON array, of lines of objects, and of Zendesk's pages `{"tickets": […], "count": 2}`.
///
/// What a place is follows from the bytes behind it alone, so that a feed may be taken up behind any object. Brackets,
/// commas and the members of a page are separators. A broken object ends where, behind the first fault of its syntax,
/// another begins, so that damage stays small. What is neither a separator nor an object is junk up to the next line
/// or object.
enum JSONObjectScanner {
    enum Piece: Equatable {
        case separator(Int)
        case object(Int)
        case junk(Int)
        /// The bytes end before the piece does.
        case incomplete
    }

    /// Members of Zendesk's pages beside the tickets; of another name there are none, lest a ticket whose first
    /// bracket was lost be taken for some.
    private static let pageMembers: Set<String> = [
        "tickets", "next_page", "previous_page", "count", "meta", "links", "end_time", "end_of_stream", "after_url",
        "before_url", "after_cursor", "before_cursor", "facets",
    ]

    /// What `bytes`, which begin behind a piece, begin with.
    ///
    /// `isComplete` says that the bytes are whole pieces: what they do not end, they end.
    static func first(in bytes: UnsafeRawBufferPointer, isComplete: Bool) -> Piece {
        let piece = firstPiece(in: bytes)
        guard piece == .incomplete, isComplete else { return piece }
        return bytes.first == UInt8(ascii: "{") ? .object(bytes.count) : .junk(bytes.count)
    }

    private static func firstPiece(in bytes: UnsafeRawBufferPointer) -> Piece {
        guard let first = bytes.first else { return .incomplete }
        if isSeparator(first) { return .separator(bytes.firstIndex { !isSeparator($0) } ?? bytes.count) }
        switch first {
        case UInt8(ascii: "{"): return objectOrPage(bytes)
        case UInt8(ascii: "\""): return pageMember(bytes) ?? junk(bytes)
        case 0xEF:
            let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
            if bytes.starts(with: mark) { return .separator(mark.count) }
            return mark.starts(with: bytes) ? .incomplete : junk(bytes)
        default: return junk(bytes)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "}"): true
        default: isSpace(byte)
        }
    }

    private static func junk(_ bytes: UnsafeRawBufferPointer) -> Piece {
        let end = bytes.firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "{") }
        guard let end else { return .incomplete }
        return .junk(bytes[end] == UInt8(ascii: "{") ? end : end + 1)
    }

    // MARK: Pages

    private static func objectOrPage(_ bytes: UnsafeRawBufferPointer) -> Piece {
        guard let key = skipSpace(bytes, 1) else { return .incomplete }
        if bytes[key] == UInt8(ascii: "\""), let member = pageMember(UnsafeRawBufferPointer(rebasing: bytes[key...])) {
            // A piece must tell by itself what it is: the bracket alone would not.
            guard case .separator(let count) = member else { return .incomplete }
            return .separator(key + count)
        }
        return containerEnd(bytes, 0).map { .object($0) } ?? .incomplete
    }

    /// A member of a page with what ends it, of `tickets` its name and colon; nil where it is none.
    private static func pageMember(_ bytes: UnsafeRawBufferPointer) -> Piece? {
        let text: String
        let nameEnd: Int
        switch name(bytes, 0) {
        case .pageMember(let name, let end): (text, nameEnd) = (name, end)
        case .incomplete: return .incomplete
        case .other: return nil
        }
        guard let colon = skipSpace(bytes, nameEnd) else { return .incomplete }
        guard bytes[colon] == UInt8(ascii: ":") else { return nil }
        if text == "tickets" { return .separator(colon + 1) }
        guard let value = skipSpace(bytes, colon + 1) else { return .incomplete }
        let end: Int?
        switch bytes[value] {
        case UInt8(ascii: "\""): end = stringEnd(bytes, value)?.place
        case UInt8(ascii: "{"), UInt8(ascii: "["): end = containerEnd(bytes, value)
        default: end = bytes[value...].firstIndex { isSeparator($0) }.map { $0 + 1 }
        }
        return end.map { .separator($0) } ?? .incomplete
    }

    private enum Name {
        case pageMember(String, end: Int)
        case other
        case incomplete
    }

    /// Which name the string is that begins at `start`.
    private static func name(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Name {
        let longest = 32
        let text = bytes[(start + 1)...].prefix(longest)
        guard let end = text.firstIndex(of: UInt8(ascii: "\"")) else {
            return text.count < longest && !text.contains(UInt8(ascii: "\n")) ? .incomplete : .other
        }
        let name = String(decoding: text[..<end], as: UTF8.self)
        return pageMembers.contains(name) ? .pageMember(name, end: end + 1) : .other
    }

    private static func skipSpace(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        bytes[start...].firstIndex { !isSpace($0) }
    }

    // MARK: Objects

    /// Where the string that begins at `start` ends: behind its closing quote, or, where it has none, with its line.
    private static func stringEnd(
        _ bytes: UnsafeRawBufferPointer,
        _ start: Int
    ) -> (place: Int, isClosed: Bool)? {
        var place = start + 1
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""): return (place + 1, true)
            case UInt8(ascii: "\n"): return (place, false)
            // A line end cannot be escaped.
            case UInt8(ascii: "\\"): place += place + 1 < bytes.count && bytes[place + 1] == UInt8(ascii: "\n") ? 1 : 2
            default: place += 1
            }
        }
        return nil
    }

    /// Where the object or array that begins at `start` ends, or, where it is broken, the next object begins.
    private static func containerEnd(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var syntax = JSONSyntax()
        var place = start
        while place < bytes.count {
            let isString = bytes[place] == UInt8(ascii: "\"")
            guard isString ? syntax.takeString() : syntax.take(bytes[place]) else {
                // An object where another member should be: the bracket before it was lost.
                if bytes[place] == UInt8(ascii: "{"), syntax.isBehindComma { return place }
                return nextObject(in: bytes, from: place)
            }
            if syntax.isClosed { return place + 1 }
            guard isString else {
                place += 1
                continue
            }
            guard let end = stringEnd(bytes, place) else { return nil }
            if !end.isClosed { return nextObject(in: bytes, from: end.place) }
            place = end.place
        }
        return nil
    }

    /// Where, in or behind something broken, an object begins: behind the end of another, or with a line.
    private static func nextObject(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var place = start
        while let bracket = bytes[place...].firstIndex(of: UInt8(ascii: "{")) {
            let before = bytes[..<bracket].last { !isSpace($0) && $0 != UInt8(ascii: ",") }
            if bracket > 0, bytes[bracket - 1] == UInt8(ascii: "\n") || before == UInt8(ascii: "}") { return bracket }
            place = bracket + 1
        }
        return nil
    }

    /// Where, behind the beginning of an object that is too long to hold, the next one begins.
    static func skip(_ bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        // Only its beginning begins with a bracket, and there is no end in it.
        if bytes.first == UInt8(ascii: "{") { return (bytes.count, false) }
        if let next = nextObject(in: bytes, from: 0) { return (next, true) }
        let kept = bytes.reversed().prefix { isSpace($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") }.count
        return (bytes.count - min(kept, 64), false)
    }
}
