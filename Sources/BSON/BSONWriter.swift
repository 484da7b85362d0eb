/// Appends elements to a growing document.
///
/// Every method writes one element; the lengths of documents are patched when they close. Not thread-safe.
public struct BSONWriter {
    private(set) var bytes: [UInt8]

    public init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(contentsOf: [0, 0, 0, 0])
    }

    /// Closes the document and returns it.
    public consuming func finish() -> BSONDocument {
        bytes.append(0)
        patchLength(at: 0)
        return BSONDocument(trusted: bytes)
    }

    public mutating func append(_ key: String, _ value: BSONValue) {
        switch value {
        case .double(let number):
            begin(0x01, key)
            append(littleEndian: number.bitPattern)
        case .string(let text):
            begin(0x02, key)
            append(text)
        case .document(let document):
            begin(0x03, key)
            bytes.append(contentsOf: document.bytes)
        case .array(let elements):
            appendArray(key, elements)
        case .binary(let content):
            content.withUnsafeBytes { appendBinary(key, $0) }
        case .objectID(let id):
            begin(0x07, key)
            withUnsafeBytes(of: id.high.bigEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: id.low.bigEndian) { bytes.append(contentsOf: $0) }
        case .bool(let flag):
            begin(0x08, key)
            bytes.append(flag ? 1 : 0)
        case .datetime(let milliseconds):
            begin(0x09, key)
            append(littleEndian: milliseconds)
        case .null:
            begin(0x0A, key)
        case .int32(let number):
            begin(0x10, key)
            append(littleEndian: number)
        case .timestamp(let number):
            begin(0x11, key)
            append(littleEndian: number)
        case .int64(let number):
            begin(0x12, key)
            append(littleEndian: number)
        case .decimal128(let number):
            begin(0x13, key)
            append(littleEndian: number.low)
            append(littleEndian: number.high)
        case .minKey:
            begin(0xFF, key)
        case .maxKey:
            begin(0x7F, key)
        }
    }

    /// Appends a nested document that `build` writes, without an intermediate copy.
    public mutating func appendDocument(_ key: String, _ build: (inout BSONWriter) -> Void) {
        nest(0x03, key, build)
    }

    /// Appends binary content of the generic subtype.
    public mutating func appendBinary(_ key: String, _ content: UnsafeRawBufferPointer) {
        begin(0x05, key)
        append(littleEndian: Int32(content.count))
        bytes.append(0x00)
        bytes.append(contentsOf: content)
    }

    private mutating func appendArray(_ key: String, _ elements: [BSONValue]) {
        nest(0x04, key) { writer in
            for (index, element) in elements.enumerated() {
                writer.append(String(index), element)
            }
        }
    }

    private mutating func nest(_ type: UInt8, _ key: String, _ build: (inout BSONWriter) -> Void) {
        begin(type, key)
        let start = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0])
        build(&self)
        bytes.append(0)
        patchLength(at: start)
    }

    private mutating func begin(_ type: UInt8, _ key: String) {
        precondition(!key.utf8.contains(0), "a BSON key holds no NUL")
        bytes.append(type)
        bytes.append(contentsOf: key.utf8)
        bytes.append(0)
    }

    private mutating func append(_ text: String) {
        append(littleEndian: Int32(text.utf8.count + 1))
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
    }

    private mutating func append(littleEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func patchLength(at start: Int) {
        let length = UInt32(bytes.count - start)
        for index in 0..<4 {
            bytes[start + index] = UInt8(truncatingIfNeeded: length >> (8 * index))
        }
    }
}
