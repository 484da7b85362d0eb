public import MarketData

/// One flat JSON object a line, with a declared mapping of its fields.
public struct NDJSONFormat: LineFormat {
    public let name = "ndjson"
    private let mapping: FieldMapping
    private let venue: String
    private let symbol: String?

    /// `symbol` is the symbol of every record, where records have none.
    public init(mapping: FieldMapping, venue: String, symbol: String? = nil) {
        self.mapping = mapping
        self.venue = venue
        self.symbol = symbol
    }

    public var onlyKind: EventKind? { mapping.kind }

    public func makeDecoder() -> any RecordDecoder {
        LineRecordDecoder(NDJSONDecoder(mapping: mapping, symbol: symbol), venue: venue, onlyKind: mapping.kind)
    }
}

/// Finds the mapped fields of an object by the order that they had in the object before.
private struct NDJSONDecoder: LineDecoder {
    private let tokenizer = JSONTokenizer()
    private let kind: EventKind
    private var record: MappedRecord
    private var lookup: KeyLookup
    /// Texts of fields that hold escapes, for the current record.
    private var unescaped: [[UInt8]] = []

    init(mapping: FieldMapping, symbol: String?) {
        kind = mapping.kind
        record = MappedRecord(mapping: mapping, symbol: symbol)
        lookup = KeyLookup(mapping)
    }

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        let tokens: JSONTokens
        do throws(JSONSyntaxError) {
            tokens = try tokenizer.tokenize(line, depthMax: 0)
        } catch {
            builder.reject(.malformed, "the line is not JSON: \(error.message)", kind: kind)
            return
        }
        guard tokens.root.form == .object else {
            builder.reject(.malformed, "the line is no JSON object", kind: kind)
            return
        }
        record.begin()
        var place = 0
        var hasEscapes = false
        for field in tokens.root.elements {
            let meaning = lookup.meaning(of: field.key, at: place)
            place += 1
            guard meaning >= 0, let text = field.scalarText else { continue }
            hasEscapes = hasEscapes || field.hasEscapes
            record.set(meaning, text)
        }
        if hasEscapes {
            finishUnescaped(tokens, &builder)
        } else {
            record.finish(into: &builder)
        }
    }

    /// The rare record with escapes in a mapped field: their resolved texts must live until the event is built.
    private mutating func finishUnescaped(_ tokens: JSONTokens, _ builder: inout BatchBuilder) {
        var resolved: [(meaning: Int, text: [UInt8])] = []
        for (place, field) in tokens.root.elements.enumerated() where field.hasEscapes && field.form == .string {
            let meaning = lookup.meaning(of: field.key, at: place)
            guard meaning >= 0 else { continue }
            var buffer: [UInt8] = []
            guard let count = JSONTokenizer.unescape(field.text, into: &buffer) else {
                builder.reject(.malformed, "a string holds an escape that JSON does not have", kind: kind)
                return
            }
            resolved.append((meaning, Array(buffer[..<count])))
        }
        setAndFinish(resolved[...], &builder)
    }

    private mutating func setAndFinish(
        _ resolved: ArraySlice<(meaning: Int, text: [UInt8])>,
        _ builder: inout BatchBuilder
    ) {
        guard let first = resolved.first else {
            record.finish(into: &builder)
            return
        }
        first.text.withUnsafeBytes { text in
            record.set(first.meaning, text)
            setAndFinish(resolved.dropFirst(), &builder)
        }
    }
}

/// Tells which meaning a key has, expecting the keys in the order of the record before.
private struct KeyLookup {
    private let names: [(name: [UInt8], meaning: Int)]
    /// The key seen last at each place, and its meaning, -1 for none.
    private var expected: [(name: [UInt8], meaning: Int)] = []
    private static let placesMax = 64

    init(_ mapping: FieldMapping) {
        names = mapping.names.map { (Array($0.value.utf8), $0.key.rawValue) }
    }

    @inline(__always)
    mutating func meaning(of key: UnsafeRawBufferPointer, at place: Int) -> Int {
        if place < expected.count, Self.equal(key, expected[place].name) { return expected[place].meaning }
        return search(key, place)
    }

    private mutating func search(_ key: UnsafeRawBufferPointer, _ place: Int) -> Int {
        let meaning = names.first { Self.equal(key, $0.name) }?.meaning ?? -1
        if place < expected.count {
            expected[place] = (Array(key), meaning)
        } else if place == expected.count, place < Self.placesMax {
            expected.append((Array(key), meaning))
        }
        return meaning
    }

    @inline(__always)
    private static func equal(_ key: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        guard key.count == name.count else { return false }
        return name.withUnsafeBytes { stored in
            for offset in 0..<key.count where key[offset] != stored[offset] { return false }
            return true
        }
    }
}
