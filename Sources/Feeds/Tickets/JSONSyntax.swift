/// Follows the syntax of one JSON value, byte by byte, strings being one step.
///
/// It tells where a value stops being one, so that its end need not be looked for where brackets are wrong. What
/// numbers and names such as `true` look like is left to the parser.
struct JSONSyntax {
    /// What came last.
    private enum Last {
        case opening, comma, colon, key, value
        /// A number or a name, which may go on with the next byte.
        case atom
    }

    private static let depthMax = 64

    /// One bit for each open bracket, the innermost lowest: whether it is an object's.
    private var objects: UInt64 = 0
    private var depth = 0
    private var last = Last.colon

    /// Whether all brackets are closed again.
    var isClosed: Bool { depth == 0 }

    var isBehindComma: Bool { last == .comma }

    private var isInObject: Bool { objects & 1 == 1 }

    private var mayBeginValue: Bool {
        isInObject ? last == .colon : last == .opening || last == .comma || depth == 0
    }

    /// Takes a byte outside strings; false where the syntax has no place for it.
    mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return open(isObject: byte == UInt8(ascii: "{"))
        case UInt8(ascii: "}"), UInt8(ascii: "]"): return close(isObject: byte == UInt8(ascii: "}"))
        case UInt8(ascii: ":"): return move(to: .colon, if: last == .key)
        case UInt8(ascii: ","): return move(to: .comma, if: last == .value || last == .atom)
        case 0x20, 0x09, 0x0A, 0x0D:
            if last == .atom { last = .value }
            return true
        default: return move(to: .atom, if: last == .atom || mayBeginValue)
        }
    }

    /// Takes a string; false where the syntax has no place for it.
    mutating func takeString() -> Bool {
        let isKey = isInObject && (last == .opening || last == .comma)
        return move(to: isKey ? .key : .value, if: isKey || mayBeginValue)
    }

    private mutating func move(to next: Last, if isAllowed: Bool) -> Bool {
        if isAllowed { last = next }
        return isAllowed
    }

    private mutating func open(isObject: Bool) -> Bool {
        guard mayBeginValue, depth < Self.depthMax else { return false }
        objects = objects << 1 | (isObject ? 1 : 0)
        depth += 1
        last = .opening
        return true
    }

    private mutating func close(isObject: Bool) -> Bool {
        guard depth > 0, isInObject == isObject, last == .opening || last == .value || last == .atom else {
            return false
        }
        objects >>= 1
        depth -= 1
        last = .value
        return true
    }
}
