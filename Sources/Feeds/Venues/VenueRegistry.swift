/// The venues whose messages are understood.
public enum VenueRegistry {
    /// A new venue is a folder with its dialect, and a line here.
    static let dialects: [any VenueDialect.Type] = [
        AlphaVantageDialect.self,
        BinanceDialect.self,
        BitstampDialect.self,
        BybitDialect.self,
        CoinbaseDialect.self,
        GeminiDialect.self,
        KrakenDialect.self,
        OKXDialect.self,
        PhemexDialect.self,
        YahooDialect.self,
    ]

    /// Every name that a venue is found by.
    public static var names: [String] { dialects.flatMap { $0.names } }

    /// The dialect of a venue, of which any number are made.
    ///
    /// Case does not matter.
    ///
    /// - Throws: `UnknownVenueError`.
    public static func dialect(named venue: String) throws(UnknownVenueError) -> any VenueDialect.Type {
        guard let type = type(named: venue) else { throw UnknownVenueError(venue: venue) }
        return type
    }

    private static func type(named venue: String) -> (any VenueDialect.Type)? {
        let capitals = venue.uppercased()
        return dialects.first { $0.names.contains(capitals) }
    }
}

/// A venue whose messages nobody taught us.
public struct UnknownVenueError: Error, Equatable, Sendable, CustomStringConvertible {
    public let venue: String

    public var description: String {
        "the messages of venue \(venue) are not understood; known are \(VenueRegistry.names.joined(separator: ", "))"
    }
}
