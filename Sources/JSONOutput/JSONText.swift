/// A JSON value whose fields keep their order, written compactly.
package enum JSONText {
    /// Fields in their order.
    case object([(String, JSONText)])
    /// Elements in their order.
    case array([JSONText])
    /// Text.
    case string(String)
    /// A whole number.
    case integer(Int)
    /// A floating-point number; has to be finite.
    case number(Double)
    /// True or false.
    case bool(Bool)
    /// Nothing.
    case null

    /// An object of counts, sorted by name.
    package static func counts(_ counts: [String: Int]) -> JSONText {
        .object(counts.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
    }

    /// The value as one line of JSON.
    package var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the value as one line of JSON.
    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .object(let fields):
            Self.appendList(fields, open: "{", close: "}", to: &bytes) { field, bytes in
                JSONText.string(field.0).append(to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                field.1.append(to: &bytes)
            }
        case .array(let elements):
            Self.appendList(elements, open: "[", close: "]", to: &bytes) { $0.append(to: &$1) }
        case .string(let text): Self.appendString(text, to: &bytes)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .number(let number): bytes.append(contentsOf: String(number).utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .null: bytes.append(contentsOf: "null".utf8)
        }
    }

    private static func appendList<Element>(
        _ elements: [Element],
        open: Unicode.Scalar,
        close: Unicode.Scalar,
        to bytes: inout [UInt8],
        _ append: (Element, inout [UInt8]) -> Void
    ) {
        bytes.append(UInt8(ascii: open))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(element, &bytes)
        }
        bytes.append(UInt8(ascii: close))
    }

    /// Escapes what JSON wants escaped, and what could steer a terminal that shows the text.
    private static func appendString(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C:
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(UInt8(scalar.value))
            case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
                appendEscape(UInt16(scalar.value), to: &bytes)
            case 0..<0x80: bytes.append(UInt8(scalar.value))
            default: bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u".utf8)
        for shift in [12, 8, 4, 0] { bytes.append(digits[Int(unit >> shift) & 15]) }
    }
}
