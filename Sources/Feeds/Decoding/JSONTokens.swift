private import CSimdJSON
public import MarketData

/// Splits JSON documents into tokens with simdjson, keeping the text of every number.
///
/// Used by one task at a time. Tokens refer to the document's bytes and are valid until the next call of `tokenize`.
public final class JSONTokenizer {
    /// A parser keeps about six bytes for every byte of the longest document it has seen.
    ///
    /// It is replaced after a document longer than this, so that one huge record does not cost its memory for the
    /// rest of a run.
    private static let documentBytesKept = 2 * 1024 * 1024

    private var parser: OpaquePointer
    private var hasGrown = false

    public init() {
        parser = Self.makeParser()
    }

    private static func makeParser() -> OpaquePointer {
        guard let parser = tapedesk_json_parser_new() else { fatalError("no memory for a JSON parser") }
        return parser
    }

    private func replaceGrownParser() {
        tapedesk_json_parser_free(parser)
        parser = Self.makeParser()
        hasGrown = false
    }

    deinit {
        tapedesk_json_parser_free(parser)
    }

    /// Tokenizes a document behind which `Slab.padding` bytes are readable.
    ///
    /// Objects and arrays nested deeper than `depthMax` (the root has depth 0) stay unparsed text.
    ///
    /// - Throws: `JSONSyntaxError`.
    @inline(__always)
    public func tokenize(_ text: UnsafeRawBufferPointer, depthMax: Int) throws(JSONSyntaxError) -> JSONTokens {
        if hasGrown, text.count <= Self.documentBytesKept { replaceGrownParser() }
        if text.count > Self.documentBytesKept { hasGrown = true }
        var tokens: UnsafePointer<tapedesk_json_token>?
        var count = 0
        let start = text.bindMemory(to: UInt8.self).baseAddress
        if let message = tapedesk_json_tokenize(parser, start, text.count, UInt32(depthMax), &tokens, &count) {
            throw JSONSyntaxError(message: String(cString: message))
        }
        return JSONTokens(text: text, tokens: UnsafeBufferPointer(start: tokens, count: count))
    }

    /// Resolves the escapes of a string's text; nil where one is wrong.
    ///
    /// The result has `Slab.padding` zero bytes behind it in the same buffer and is valid until `target` changes.
    public static func unescape(_ text: UnsafeRawBufferPointer, into target: inout [UInt8]) -> Int? {
        let needed = text.count + Slab.padding
        if target.count < needed { target = [UInt8](repeating: 0, count: needed * 2) }
        let source = text.bindMemory(to: UInt8.self).baseAddress
        let written = target.withUnsafeMutableBufferPointer {
            tapedesk_json_unescape(source, text.count, $0.baseAddress)
        }
        guard written >= 0 else { return nil }
        for index in written..<(written + Slab.padding) { target[index] = 0 }
        return written
    }
}

/// A document that is not JSON.
public struct JSONSyntaxError: Error, Sendable {
    public let message: String
}

/// The tokens of one document.
///
/// Refers to memory of the tokenizer and of the document.
public struct JSONTokens {
    let text: UnsafeRawBufferPointer
    private let tokens: UnsafeBufferPointer<tapedesk_json_token>

    fileprivate init(text: UnsafeRawBufferPointer, tokens: UnsafeBufferPointer<tapedesk_json_token>) {
        self.text = text
        self.tokens = tokens
    }

    public var count: Int { tokens.count }
    public var root: JSONValue { JSONValue(document: self, index: 0) }

    @inline(__always)
    fileprivate subscript(index: Int) -> tapedesk_json_token { tokens[index] }

    @inline(__always)
    fileprivate func bytes(_ offset: UInt32, _ length: UInt32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[Int(offset)..<Int(offset + length)])
    }
}

/// One value within `JSONTokens`.
public struct JSONValue {
    public enum Form: UInt8 {
        case object = 1
        case array = 2
        case string = 3
        case number = 4
        case yes = 5
        case no = 6
        case null = 7
        case unparsed = 8
    }

    let document: JSONTokens
    let index: Int

    @inline(__always)
    private var token: tapedesk_json_token { document[index] }

    @inline(__always)
    public var form: Form { Form(rawValue: token.type) ?? .null }

    /// The text of a string without its quotes and with its escapes, or of a number, or of an unparsed value.
    @inline(__always)
    public var text: UnsafeRawBufferPointer { document.bytes(token.offset, token.length) }

    /// The name of the field that holds the value, escapes left in it; empty in arrays.
    @inline(__always)
    public var key: UnsafeRawBufferPointer { document.bytes(token.key_offset, token.key_length) }

    public var hasEscapes: Bool { token.escaped != 0 }

    /// The text of a string or number, and nothing for anything else.
    @inline(__always)
    public var scalarText: UnsafeRawBufferPointer? {
        form == .string || form == .number ? text : nil
    }

    /// The value as a string with its escapes resolved; nil for anything but strings and numbers.
    public var string: String? {
        guard let text = scalarText else { return nil }
        guard hasEscapes else { return String(decoding: text, as: UTF8.self) }
        var buffer: [UInt8] = []
        guard let count = JSONTokenizer.unescape(text, into: &buffer) else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The value as a decimal number; nil where it is none.
    @inline(__always)
    public var decimal: ExactDecimal? { scalarText.flatMap { ExactDecimal(parsing: $0) } }

    /// The value as an integer that fits into 64 bits; nil where it is none.
    @inline(__always)
    public var integer: Int64? { scalarText.flatMap { Int64(ascii: $0) } }

    /// Whether the value is a string of exactly these characters.
    @inline(__always)
    public func isString(_ other: StaticString) -> Bool { form == .string && text.matches(other) }

    /// The field of that name; a scan of the fields.
    public subscript(_ name: StaticString) -> JSONValue? {
        guard form == .object else { return nil }
        return elements.first { $0.key.matches(name) }
    }

    /// The element at a place of an array; a scan of the elements before it.
    public subscript(_ place: Int) -> JSONValue? {
        guard form == .array else { return nil }
        return elements.dropFirst(place).first { _ in true }
    }

    /// The elements of an array or the fields of an object, in order.
    public var elements: Elements {
        let isContainer = form == .array || form == .object
        return Elements(document: document, index: index + 1, end: isContainer ? Int(token.next) : index + 1)
    }

    public struct Elements: Sequence, IteratorProtocol {
        let document: JSONTokens
        var index: Int
        let end: Int

        @inline(__always)
        public mutating func next() -> JSONValue? {
            guard index < end else { return nil }
            defer { index = Int(document[index].next) }
            return JSONValue(document: document, index: index)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are exactly these characters.
    @inline(__always)
    func matches(_ other: StaticString) -> Bool {
        guard count == other.utf8CodeUnitCount else { return false }
        for offset in 0..<count where self[offset] != other.utf8Start[offset] { return false }
        return true
    }
}

extension Int64 {
    /// Reads decimal digits with an optional sign; nil for anything else and for what does not fit.
    @inline(__always)
    init?(ascii text: UnsafeRawBufferPointer) {
        let negative = text.first == UInt8(ascii: "-")
        let digits = negative ? text.count - 1 : text.count
        guard digits > 0, digits <= 19 else { return nil }
        var value: UInt64 = 0
        for index in (text.count - digits)..<text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        guard value <= UInt64(Int64.max) else { return nil }
        self = negative ? -Int64(value) : Int64(value)
    }
}
