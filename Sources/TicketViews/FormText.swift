import BSON
import Tickets

/// Values as they stand on a line of the form.
///
/// A value is written as it is, or as a JSON string in quotation marks where a line could not hold it unharmed: with
/// control or format characters, with blanks at its ends, or in quotation marks itself.
enum FormText {
    /// What the form says of a value.
    static func text(_ value: BSONValue, of field: TicketField) -> String {
        switch value {
        case .null: ""
        case .string(let text): quotedIfNeeded(text)
        case .array(let elements) where field == .tags:
            elements.compactMap(\.string).map(tag).joined(separator: ", ")
        default: quotedIfNeeded(TicketJSON.value(value).plainText)
        }
    }

    private static func tag(_ tag: String) -> String {
        let isWord = !tag.utf8.contains { $0 == comma || $0 == space } && tag.utf8.first != quote
        return isWord ? quotedIfNeeded(tag) : quoted(tag)
    }

    /// The text without carriage returns at the ends of lines, which editors add and take away as they like.
    static func normalized(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\r")) else { return text }
        return text.lines.map(withoutReturn).joined(separator: "\n")
    }

    /// The line without carriage returns at its end.
    static func withoutReturn(_ line: String) -> String {
        guard let last = line.utf8.lastIndex(where: { $0 != UInt8(ascii: "\r") }) else { return "" }
        return String(Substring(line.utf8[...last]))
    }

    // MARK: - Quoting

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let comma = UInt8(ascii: ",")
    private static let space = UInt8(ascii: " ")

    private static func quotedIfNeeded(_ text: String) -> String {
        let isQuoted = text.utf8.first == quote && text.utf8.last == quote
        let isPlain = !isQuoted && text.trimmed.utf8.elementsEqual(text.utf8) && text.unicodeScalars.allSatisfy(isPlain)
        return isPlain && !text.isEmpty ? text : quoted(text)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        // Joiners belong to emoji and to the spelling of some languages.
        case .format: scalar.value == 0x200C || scalar.value == 0x200D
        default: true
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if isPlain(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 { result += escape(unit) }
                }
            }
        }
        return result + "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }

    /// The text that a value of the form stands for; nil where it is in quotation marks and yet no JSON string.
    static func unquoted(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return text }
        guard let (string, end) = string(bytes[...]), end == bytes.endIndex else { return nil }
        return string
    }

    /// The tags of a line: words between commas or blanks, or JSON strings; nil where one of those is none.
    static func tags(_ text: String) -> [String]? {
        var rest = Array(text.utf8)[...]
        var tags: [String] = []
        while true {
            rest = rest.drop { $0 == comma || $0 == space || $0 == UInt8(ascii: "\t") }
            guard let first = rest.first else { return tags }
            if first == quote {
                guard let (tag, end) = string(rest) else { return nil }
                tags.append(tag)
                rest = rest[end...]
            } else {
                let word = rest.prefix { $0 != comma && $0 != space && $0 != UInt8(ascii: "\t") }
                tags.append(String(decoding: word, as: UTF8.self))
                rest = rest.dropFirst(word.count)
            }
        }
    }

    /// The JSON string that the bytes begin with, and where it ends (RFC 8259, 7).
    private static func string(_ bytes: ArraySlice<UInt8>) -> (String, end: Int)? {
        var result: [UInt8] = []
        var rest = bytes.dropFirst()
        while let byte = rest.popFirst() {
            if byte == quote { return (String(decoding: result, as: UTF8.self), rest.startIndex) }
            guard byte == backslash else {
                result.append(byte)
                continue
            }
            guard let scalar = escapedScalar(&rest) else { return nil }
            result += Array(String(scalar).utf8)
        }
        return nil
    }

    private static func escapedScalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar? {
        switch rest.popFirst() {
        case quote: return "\""
        case backslash: return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "u"):
            guard let high = unit(&rest) else { return nil }
            guard UTF16.isLeadSurrogate(high) else { return Unicode.Scalar(high) }
            guard rest.popFirst() == backslash, rest.popFirst() == UInt8(ascii: "u"), let low = unit(&rest),
                UTF16.isTrailSurrogate(low)
            else { return nil }
            return Unicode.Scalar(0x10000 + (UInt32(high) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
        default: return nil
        }
    }

    private static func unit(_ rest: inout ArraySlice<UInt8>) -> UInt16? {
        let digits = rest.prefix(4)
        guard digits.count == 4, digits.first != UInt8(ascii: "+") else { return nil }
        rest = rest.dropFirst(4)
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
