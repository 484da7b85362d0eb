public import MarketData

/// What the name of a LEAN file says about its content: `20131008_spy_Trade_Tick.csv`,
/// `20140508_eurusd_tick_quote.csv`.
public struct LeanNaming: Equatable, Sendable {
    public enum Kind: Sendable {
        case trade
        case quote
    }

    public let date: CalendarDate?
    /// In upper case.
    public let symbol: String?
    public let kind: Kind?
    /// `tick`, or the length of bars: `second`, `minute`, `hour`, `daily`.
    public let resolution: String?

    /// Reads a file name, with or without folders and extensions.
    ///
    /// Words that say nothing are passed over.
    public init(parsing name: String) {
        let base = name.split(separator: "/").last ?? ""
        let stem = base.prefix { $0 != "." }
        let words = stem.split(separator: "_").map { $0.lowercased() }
        let date = words.first.flatMap { $0.utf8.count == 8 ? CalendarDate(parsing: $0) : nil }
        var rest = words.dropFirst(date == nil ? words.count : 1)
        let resolutions = ["tick", "second", "minute", "hour", "daily"]
        resolution = rest.first { resolutions.contains($0) }
        kind = rest.contains("trade") ? .trade : rest.contains("quote") ? .quote : nil
        rest.removeAll { resolutions.contains($0) || $0 == "trade" || $0 == "quote" }
        symbol = date != nil ? rest.first?.uppercased() : nil
        self.date = date
    }
}
