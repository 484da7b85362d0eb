import MarketData

extension BatchBuilder {
    /// No venue has longer symbols; anything longer is no symbol but a broken message.
    private static let symbolBytesMax = 64

    /// The index of the instrument that a field names, in the venue's own spelling.
    @inline(__always)
    mutating func instrument(
        _ value: JSONValue,
        _ name: StaticString
    ) throws(MessageFault) -> (index: Int32, symbol: UnsafeRawBufferPointer) {
        guard value.form == .string else { throw MessageFault(.missingField, name) }
        return (try instrument(value.text, hasEscapes: value.hasEscapes, name), value.text)
    }

    @inline(__always)
    mutating func instrument(
        _ text: UnsafeRawBufferPointer,
        hasEscapes: Bool,
        _ name: StaticString
    ) throws(MessageFault) -> Int32 {
        guard !text.isEmpty, text.count <= Self.symbolBytesMax else { throw MessageFault(.invalidSymbol, name) }
        return hasEscapes ? try escapedInstrument(text, name) : instrument(symbol: text)
    }

    /// The index of the instrument that a request named.
    mutating func instrument(named symbol: String, _ name: StaticString) throws(MessageFault) -> Int32 {
        guard !symbol.isEmpty, symbol.utf8.count <= Self.symbolBytesMax else {
            throw MessageFault(.invalidSymbol, name)
        }
        var symbol = symbol
        return symbol.withUTF8 { instrument(symbol: UnsafeRawBufferPointer($0)) }
    }

    /// `XBT\/USD` is `XBT/USD`: JSON may escape what needs no escape.
    private mutating func escapedInstrument(
        _ text: UnsafeRawBufferPointer,
        _ name: StaticString
    ) throws(MessageFault) -> Int32 {
        var buffer: [UInt8] = []
        guard let count = JSONTokenizer.unescape(text, into: &buffer), count > 0 else {
            throw MessageFault(.invalidSymbol, name)
        }
        return buffer.withUnsafeBytes { instrument(symbol: UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
    }

    /// The identifier that a field holds: a number where its text is just that number, otherwise the text.
    @inline(__always)
    mutating func identifier(_ value: JSONValue, _ name: StaticString) throws(MessageFault) -> EventID {
        guard let text = value.scalarText, !text.isEmpty else { throw MessageFault(.missingField, name) }
        let isCanonical = text.count == 1 || text[0] != UInt8(ascii: "0")
        if isCanonical, text[0] != UInt8(ascii: "-"), let number = Int64(ascii: text) { return EventID(number: number) }
        guard text.count <= TextPool.textLengthMax else { throw MessageFault(.idTooLong, name) }
        return addText(text)
    }
}
