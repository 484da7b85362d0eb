/// One value of a BSON document (bsonspec.org, version 1.1), with the types that MongoDB 4.4 and later store.
public enum BSONValue: Equatable, Sendable {
    case double(Double)
    case string(String)
    case document(BSONDocument)
    case array([BSONValue])
    case binary([UInt8])
    case objectID(ObjectID)
    case bool(Bool)
    /// Milliseconds since 1970-01-01 UTC.
    case datetime(Int64)
    case null
    case int32(Int32)
    /// Seconds in the upper, an ordinal in the lower 32 bits; used by replication.
    case timestamp(UInt64)
    case int64(Int64)
    case decimal128(Decimal128)
    case minKey
    case maxKey

    /// The integer, where the value is a 32 or 64 bit integer, or a double that holds one exactly.
    public var integer: Int64? {
        switch self {
        case .int32(let value): Int64(value)
        case .int64(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    public var document: BSONDocument? {
        if case .document(let value) = self { value } else { nil }
    }

    public var array: [BSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var binary: [UInt8]? {
        if case .binary(let value) = self { value } else { nil }
    }

    public var decimal128: Decimal128? {
        if case .decimal128(let value) = self { value } else { nil }
    }

    public var objectID: ObjectID? {
        if case .objectID(let value) = self { value } else { nil }
    }
}

extension BSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    /// Integer literals become 64-bit integers: one width everywhere, whatever the value.
    public init(integerLiteral value: Int64) { self = .int64(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(arrayLiteral elements: BSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, BSONValue)...) { self = .document(BSONDocument(elements)) }
    public init(nilLiteral: ()) { self = .null }
}
