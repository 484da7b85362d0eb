import BSON

/// Documents as JSON text: what a manifest needs of MongoDB's relaxed Extended JSON.
///
/// Whole numbers are Int64, decimals are `{"$numberDecimal": "1234E-2"}`, with the coefficient and exponent that they
/// have. Other types than these, texts, booleans, null, arrays and documents do not occur.
enum ManifestText {
    /// The text of a document; nil where it has values of other types.
    static func encode(_ document: BSONDocument) -> [UInt8]? {
        var bytes: [UInt8] = []
        return append(.document(document), to: &bytes) ? bytes : nil
    }

    private static let decimal = "$numberDecimal"

    private static func append(_ value: BSONValue, to bytes: inout [UInt8]) -> Bool {
        switch value {
        case .document(let document):
            for (index, field) in document.fields.enumerated() {
                bytes.append(UInt8(ascii: index == 0 ? "{" : ","))
                append(field.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                guard append(field.value, to: &bytes) else { return false }
            }
            bytes += document.isEmpty ? Array("{}".utf8) : [UInt8(ascii: "}")]
        case .array(let values):
            for (index, value) in values.enumerated() {
                bytes.append(UInt8(ascii: index == 0 ? "[" : ","))
                guard append(value, to: &bytes) else { return false }
            }
            bytes += values.isEmpty ? Array("[]".utf8) : [UInt8(ascii: "]")]
        case .string(let text): append(text, to: &bytes)
        case .bool(let flag): bytes += Array((flag ? "true" : "false").utf8)
        case .null: bytes += Array("null".utf8)
        case .int32(let number): bytes += Array(String(number).utf8)
        case .int64(let number): bytes += Array(String(number).utf8)
        case .decimal128(let number):
            guard let parts = number.parts else { return false }
            return append([decimal: .string("\(parts.coefficient)E\(parts.exponent)")], to: &bytes)
        case .double, .binary, .objectID, .datetime, .timestamp, .minKey, .maxKey: return false
        }
        return true
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: bytes += Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension ManifestText {
    /// The document that a text stands for; nil where it is not JSON, or not of the types above.
    static func decode(_ bytes: ArraySlice<UInt8>) -> BSONDocument? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var parser = Parser(rest: bytes)
        guard let document = parser.value(depth: 0)?.document else { return nil }
        parser.skipSpace()
        return parser.rest.isEmpty ? document : nil
    }

    private struct Parser {
        var rest: ArraySlice<UInt8>

        private static let depthMax = 8

        mutating func skipSpace() {
            rest = rest.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        }

        /// Takes a character, where it comes next.
        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        private mutating func take(word: String) -> Bool {
            guard rest.starts(with: word.utf8) else { return false }
            rest.removeFirst(word.utf8.count)
            return true
        }

        mutating func value(depth: Int) -> BSONValue? {
            guard depth <= Self.depthMax else { return nil }
            skipSpace()
            switch rest.first {
            case UInt8(ascii: "{"): return object(depth: depth)
            case UInt8(ascii: "["): return array(depth: depth)
            case UInt8(ascii: "\""): return text().map(BSONValue.string)
            case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
            case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
            case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
            default: return number()
            }
        }

        private mutating func object(depth: Int) -> BSONValue? {
            var fields: [(String, BSONValue)] = []
            var names = Set<String>()
            guard take("{") else { return nil }
            if take("}") { return .document(BSONDocument()) }
            repeat {
                skipSpace()
                guard let name = text(), names.insert(name).inserted, take(":"), let value = value(depth: depth + 1)
                else { return nil }
                fields.append((name, value))
            } while take(",")
            guard take("}") else { return nil }
            guard names.contains(ManifestText.decimal) else { return .document(BSONDocument(fields)) }
            return fields.count == 1 ? fields[0].1.string.flatMap(Self.decimal) : nil
        }

        private mutating func array(depth: Int) -> BSONValue? {
            var values: [BSONValue] = []
            guard take("[") else { return nil }
            if take("]") { return .array([]) }
            repeat {
                guard let value = value(depth: depth + 1) else { return nil }
                values.append(value)
            } while take(",")
            return take("]") ? .array(values) : nil
        }

        private mutating func number() -> BSONValue? {
            let end = rest.firstIndex { !($0 == UInt8(ascii: "-") || (0x30...0x39).contains($0)) } ?? rest.endIndex
            defer { rest = rest[end...] }
            return Int64(String(decoding: rest[..<end], as: UTF8.self)).map(BSONValue.int64)
        }

        private static func decimal(_ text: String) -> BSONValue? {
            let parts = text.split(separator: "E", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].drop(while: { $0 == "-" }).count <= 34,
                let coefficient = Int128(parts[0]), let exponent = Int(parts[1]), (-6176...6111).contains(exponent)
            else { return nil }
            return .decimal128(Decimal128(coefficient: coefficient, exponent: exponent))
        }

        private mutating func text() -> String? {
            guard rest.first == UInt8(ascii: "\"") else { return nil }
            rest.removeFirst()
            var bytes: [UInt8] = []
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard let escaped = escaped() else { return nil }
                    bytes += escaped
                case 0..<0x20: return nil
                default: bytes.append(byte)
                }
            }
            return nil
        }

        /// What stands behind a backslash, as UTF-8.
        private mutating func escaped() -> [UInt8]? {
            guard let byte = rest.popFirst() else { return nil }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
            case UInt8(ascii: "b"): return [0x08]
            case UInt8(ascii: "f"): return [0x0C]
            case UInt8(ascii: "n"): return [0x0A]
            case UInt8(ascii: "r"): return [0x0D]
            case UInt8(ascii: "t"): return [0x09]
            case UInt8(ascii: "u"): break
            default: return nil
            }
            guard var code = hexadecimal() else { return nil }
            if (0xD800..<0xDC00).contains(code) {
                guard take(word: "\\u"), let low = hexadecimal(), (0xDC00..<0xE000).contains(low) else { return nil }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            return Unicode.Scalar(code).map { Array(String($0).utf8) }
        }

        private mutating func hexadecimal() -> UInt32? {
            guard rest.count >= 4 else { return nil }
            defer { rest.removeFirst(4) }
            let digits = rest.prefix(4)
            guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
            return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        }
    }
}
