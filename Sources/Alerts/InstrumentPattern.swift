package import MarketData

/// Which instruments a rule is about: `BINANCE:BTCUSDT`, `BINANCE:*`, `*:BTC*`, or `*` for all.
///
/// A star stands for any characters, also for none, and only at the end of either part. Capitals and small letters
/// differ, because venues mean different things by them.
package struct InstrumentPattern: Hashable, Sendable, CustomStringConvertible {
    private let venue: Part
    private let symbol: Part

    /// One half of a pattern.
    private struct Part: Hashable {
        let text: String
        let isPrefix: Bool

        /// Nil where there is a star before the end, or nothing at all.
        init?(_ pattern: Substring) {
            isPrefix = pattern.utf8.last == UInt8(ascii: "*")
            text = String(isPrefix ? pattern.dropLast() : pattern)
            guard !pattern.isEmpty, !text.utf8.contains(UInt8(ascii: "*")) else { return nil }
        }

        func matches(_ name: String) -> Bool { isPrefix ? name.utf8.starts(with: text.utf8) : name == text }

        var description: String { isPrefix ? text + "*" : text }
    }

    /// Reads a pattern; nil where a part is missing, or a star is not at the end of its part.
    ///
    /// As with instruments, the first colon ends the venue, and the symbol may hold more of them.
    package init?(parsing text: String) {
        if text == "*" {
            self.init(venue: "*", symbol: "*")
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return nil }
        self.init(venue: text[..<colon], symbol: text[text.index(after: colon)...])
    }

    private init?(venue: Substring, symbol: Substring) {
        guard let venue = Part(venue), let symbol = Part(symbol) else { return nil }
        self.venue = venue
        self.symbol = symbol
    }

    /// Whether an instrument is one of those that are meant.
    package func matches(_ instrument: Instrument) -> Bool {
        venue.matches(instrument.venue) && symbol.matches(instrument.symbol)
    }

    /// The pattern as it is written, `*:*` for all.
    package var description: String { venue.description + ":" + symbol.description }
}
