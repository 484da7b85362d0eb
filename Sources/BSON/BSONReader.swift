/// Reads encoded documents: a full check for bytes from elsewhere, a cursor for bytes that passed it.
struct BSONReader {
    /// Documents nest at most this deep, as in MongoDB itself.
    static let nestingDepthMax = 100

    let bytes: [UInt8]

    func makeCursor() -> Cursor {
        Cursor(bytes: bytes, position: 4, end: bytes.count - 1)
    }

    /// Walks over well-formed fields.
    ///
    /// Behaviour on other bytes is a crash by bounds check, never undefined.
    struct Cursor {
        let bytes: [UInt8]
        var position: Int
        let end: Int

        mutating func next() -> Element? {
            guard position < end else { return nil }
            let type = bytes[position]
            let keyStart = position + 1
            var keyEnd = keyStart
            while bytes[keyEnd] != 0 { keyEnd += 1 }
            let valueStart = keyEnd + 1
            let size = BSONReader.size(ofType: type, in: bytes, at: valueStart)
            position = valueStart + size
            return Element(bytes: bytes, type: type, keyRange: keyStart..<keyEnd, valueRange: valueStart..<position)
        }
    }

    struct Element {
        let bytes: [UInt8]
        let type: UInt8
        let keyRange: Range<Int>
        let valueRange: Range<Int>

        var key: String { String(decoding: bytes[keyRange], as: UTF8.self) }

        func hasKey(_ other: String) -> Bool {
            bytes[keyRange].elementsEqual(other.utf8)
        }

        var value: BSONValue {
            let start = valueRange.lowerBound
            switch type {
            case 0x01: return .double(Double(bitPattern: BSONReader.load(bytes, start)))
            case 0x02: return .string(String(decoding: bytes[(start + 4)..<(valueRange.upperBound - 1)], as: UTF8.self))
            case 0x03: return .document(BSONDocument(trusted: Array(bytes[valueRange])))
            case 0x04: return .array(BSONDocument(trusted: Array(bytes[valueRange])).fields.map(\.value))
            case 0x05: return .binary(Array(bytes[(start + 5)..<valueRange.upperBound]))
            case 0x07: return .objectID(objectID(at: start))
            case 0x08: return .bool(bytes[start] != 0)
            case 0x09: return .datetime(BSONReader.load(bytes, start))
            case 0x10: return .int32(BSONReader.load(bytes, start))
            case 0x11: return .timestamp(BSONReader.load(bytes, start))
            case 0x12: return .int64(BSONReader.load(bytes, start))
            case 0x13:
                return .decimal128(
                    Decimal128(high: BSONReader.load(bytes, start + 8), low: BSONReader.load(bytes, start))
                )
            case 0xFF: return .minKey
            case 0x7F: return .maxKey
            default: return .null
            }
        }

        private func objectID(at start: Int) -> ObjectID {
            let high: UInt32 = BSONReader.load(bytes, start)
            let low: UInt64 = BSONReader.load(bytes, start + 4)
            return ObjectID(high: high.byteSwapped, low: low.byteSwapped)
        }
    }

    static func load<Integer: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int) -> Integer {
        precondition(offset >= 0 && offset + MemoryLayout<Integer>.size <= bytes.count)
        return bytes.withUnsafeBytes {
            Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self))
        }
    }

    /// The encoded size of a value in well-formed bytes.
    private static func size(ofType type: UInt8, in bytes: [UInt8], at start: Int) -> Int {
        switch type {
        case 0x01, 0x09, 0x11, 0x12: return 8
        case 0x02: return 4 + Int(load(bytes, start) as Int32)
        case 0x03, 0x04: return Int(load(bytes, start) as Int32)
        case 0x05: return 5 + Int(load(bytes, start) as Int32)
        case 0x07: return 12
        case 0x08: return 1
        case 0x10: return 4
        case 0x13: return 16
        default: return 0
        }
    }
}

extension BSONReader {
    func validate() throws(BSONError) {
        let end = try validateDocument(at: 0, limit: bytes.count, depth: 0)
        if end != bytes.count {
            throw BSONError(.malformedLength, offset: 0)
        }
    }

    private func validateDocument(at start: Int, limit: Int, depth: Int) throws(BSONError) -> Int {
        guard depth <= Self.nestingDepthMax else { throw BSONError(.nestedTooDeep, offset: start) }
        let length = try validateLength(at: start, minimum: 5, limit: limit)
        let end = start + length
        guard bytes[end - 1] == 0 else { throw BSONError(.missingTerminator, offset: end - 1) }
        var position = start + 4
        while position < end - 1 {
            position = try validateElement(at: position, limit: end - 1, depth: depth)
        }
        return end
    }

    private func validateElement(at start: Int, limit: Int, depth: Int) throws(BSONError) -> Int {
        let type = bytes[start]
        guard let keyEnd = bytes[(start + 1)..<limit].firstIndex(of: 0) else {
            throw BSONError(.missingTerminator, offset: start)
        }
        try validateUTF8(start + 1..<keyEnd)
        let value = keyEnd + 1
        switch type {
        case 0x01, 0x09, 0x11, 0x12: return try advance(from: value, by: 8, limit: limit)
        case 0x02: return try validateString(at: value, limit: limit)
        case 0x03, 0x04: return try validateDocument(at: value, limit: limit, depth: depth + 1)
        case 0x05:
            let length = try validateLength(at: value, minimum: 0, limit: limit)
            return try advance(from: value, by: 5 + length, limit: limit)
        case 0x07: return try advance(from: value, by: 12, limit: limit)
        case 0x08:
            let end = try advance(from: value, by: 1, limit: limit)
            guard bytes[value] <= 1 else { throw BSONError(.malformedValue, offset: value) }
            return end
        case 0x0A, 0x7F, 0xFF: return value
        case 0x10: return try advance(from: value, by: 4, limit: limit)
        case 0x13: return try advance(from: value, by: 16, limit: limit)
        default: throw BSONError(.unsupportedType, offset: start)
        }
    }

    private func validateString(at start: Int, limit: Int) throws(BSONError) -> Int {
        let length = try validateLength(at: start, minimum: 1, limit: limit)
        let end = try advance(from: start, by: 4 + length, limit: limit)
        guard bytes[end - 1] == 0 else { throw BSONError(.missingTerminator, offset: end - 1) }
        try validateUTF8(start + 4..<end - 1)
        return end
    }

    /// A length prefix that is at least `minimum` and stays within `limit`.
    private func validateLength(at start: Int, minimum: Int, limit: Int) throws(BSONError) -> Int {
        guard start + 4 <= limit else { throw BSONError(.truncated, offset: start) }
        let length = Int(Self.load(bytes, start) as Int32)
        guard length >= minimum, length <= limit - start else { throw BSONError(.malformedLength, offset: start) }
        return length
    }

    private func advance(from start: Int, by size: Int, limit: Int) throws(BSONError) -> Int {
        guard size <= limit - start else { throw BSONError(.truncated, offset: start) }
        return start + size
    }

    private func validateUTF8(_ range: Range<Int>) throws(BSONError) {
        guard String(validating: bytes[range], as: UTF8.self) != nil else {
            throw BSONError(.invalidUTF8, offset: range.lowerBound)
        }
    }
}
