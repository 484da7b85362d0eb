/// What is traded, and where: a venue and that venue's own spelling of the symbol.
public struct Instrument: Hashable, Sendable, CustomStringConvertible {
    public let venue: String
    public let symbol: String

    public init(venue: String, symbol: String) {
        self.venue = venue
        self.symbol = symbol
    }

    /// Reads `VENUE:SYMBOL`; the symbol may itself contain colons.
    public init?(parsing text: String) {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, text.index(after: colon) != text.endIndex
        else { return nil }
        venue = String(text[..<colon])
        symbol = String(text[text.index(after: colon)...])
    }

    public var description: String { venue + ":" + symbol }
}
