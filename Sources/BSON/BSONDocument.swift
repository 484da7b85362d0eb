/// An ordered list of fields, kept as the bytes that travel to and from MongoDB.
///
/// Fields are read by a scan from the front: documents of Tapedesk have few fields, and most are read once.
/// A value of this type is always well formed. Keys may repeat in documents from elsewhere; the first one counts.
public struct BSONDocument: Hashable, Sendable {
    /// The encoded document, length first.
    public let bytes: [UInt8]

    /// An empty document.
    public init() {
        bytes = [5, 0, 0, 0, 0]
    }

    /// Takes bytes that a `BSONWriter` made, or that somebody else made of such bytes.
    package init(trusted bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Takes bytes from elsewhere after checking every length, terminator, type and string in them.
    ///
    /// - Throws: `BSONError` with the offset of the first fault.
    public init(validating bytes: [UInt8]) throws(BSONError) {
        let reader = BSONReader(bytes: bytes)
        try reader.validate()
        self.bytes = bytes
    }

    public init(_ fields: [(String, BSONValue)]) {
        var writer = BSONWriter()
        for (key, value) in fields {
            writer.append(key, value)
        }
        self = writer.finish()
    }

    /// Builds a document field by field.
    public init(_ build: (inout BSONWriter) -> Void) {
        var writer = BSONWriter()
        build(&writer)
        self = writer.finish()
    }

    /// The first field of that name, or nil.
    ///
    /// - Complexity: a scan of the fields before it.
    public subscript(key: String) -> BSONValue? {
        var cursor = BSONReader(bytes: bytes).makeCursor()
        while let element = cursor.next() {
            if element.hasKey(key) {
                return element.value
            }
        }
        return nil
    }

    /// All fields in order, decoded.
    public var fields: [(key: String, value: BSONValue)] {
        var result: [(key: String, value: BSONValue)] = []
        var cursor = BSONReader(bytes: bytes).makeCursor()
        while let element = cursor.next() {
            result.append((element.key, element.value))
        }
        return result
    }

    /// The names of all fields in order, without a look at the values.
    package var keys: [String] {
        var result: [String] = []
        var cursor = BSONReader(bytes: bytes).makeCursor()
        while let element = cursor.next() { result.append(element.key) }
        return result
    }

    public var isEmpty: Bool { bytes.count <= 5 }

    /// Whether there are others than these; no value is decoded.
    public func hasFields(besides names: Set<String>) -> Bool {
        var cursor = BSONReader(bytes: bytes).makeCursor()
        while let element = cursor.next() {
            if !names.contains(element.key) { return true }
        }
        return false
    }

    /// The document with `value` under `key`, in place of the field that was there or behind the others.
    public func setting(_ key: String, _ value: BSONValue) -> BSONDocument {
        var fields = self.fields
        // By bytes, as a field is found: strings that look alike are equal in Swift, not in BSON.
        if let index = fields.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
            fields[index].value = value
        } else {
            fields.append((key, value))
        }
        return BSONDocument(fields.map { ($0.key, $0.value) })
    }
}

extension BSONDocument: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, BSONValue)...) {
        self.init(elements)
    }
}

// Typed access, for documents whose fields are known: a missing or mistyped field is an error that names it.
extension BSONDocument {
    public func integer(_ key: String) throws(BSONError) -> Int64 {
        try require(key) { $0.integer }
    }

    public func string(_ key: String) throws(BSONError) -> String {
        try require(key) { $0.string }
    }

    public func bool(_ key: String) throws(BSONError) -> Bool {
        try require(key) { $0.bool }
    }

    public func binary(_ key: String) throws(BSONError) -> [UInt8] {
        try require(key) { $0.binary }
    }

    public func array(_ key: String) throws(BSONError) -> [BSONValue] {
        try require(key) { $0.array }
    }

    public func document(_ key: String) throws(BSONError) -> BSONDocument {
        try require(key) { $0.document }
    }

    private func require<Value>(_ key: String, _ convert: (BSONValue) -> Value?) throws(BSONError) -> Value {
        guard let value = self[key] else { throw BSONError(.missingField, field: key) }
        guard let converted = convert(value) else { throw BSONError(.wrongType, field: key) }
        return converted
    }
}
