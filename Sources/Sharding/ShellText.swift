public import BSON

extension BSONDocument {
    /// The document as one would type it into mongosh.
    public var shellText: String {
        let parts = fields.map { "\(Self.key($0.key)): \($0.value.shellText)" }
        return parts.isEmpty ? "{}" : "{ \(parts.joined(separator: ", ")) }"
    }

    private static func key(_ name: String) -> String {
        let isWord =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (97...122).contains(byte | 0x20) || byte == UInt8(ascii: "_")
            }
        return isWord ? name : BSONValue.string(name).shellText
    }
}

extension BSONValue {
    /// The value as one would type it into mongosh; a type that is no part of shard keys or zones by its name.
    public var shellText: String {
        switch self {
        case .string(let text): "\"" + text.unicodeScalars.map(Self.escaped).joined() + "\""
        case .int32(let number): String(number)
        case .int64(let number): "NumberLong(\"\(number)\")"
        case .double(let number): String(number)
        case .bool(let flag): String(flag)
        case .null: "null"
        case .minKey: "MinKey()"
        case .maxKey: "MaxKey()"
        case .document(let document): document.shellText
        case .array(let elements): "[" + elements.map(\.shellText).joined(separator: ", ") + "]"
        case .binary: "<binary>"
        case .objectID: "<ObjectId>"
        case .datetime: "<date>"
        case .timestamp: "<timestamp>"
        case .decimal128: "<decimal>"
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"", "\\": return "\\\(scalar)"
        default:
            // Also what a terminal would take for a command.
            guard scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) else { return String(scalar) }
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}
