public import MarketData

/// Tick files of QuantConnect LEAN: rows of one instrument and one day, timed in milliseconds since midnight.
public struct LeanFormat: LineFormat {
    public enum Layout: Sendable {
        /// `ms,price x 10000,size,venue,sale condition,suspicious`
        case equityTrade
        /// `ms,bid,bid size,ask,ask size,venue,condition,suspicious`, prices x 10000; a side with price 0 is absent.
        case equityQuote
        /// `ms,bid,ask`, prices as decimals.
        case forexQuote

        public var formatName: FormatName {
            switch self {
            case .equityTrade: .leanTrade
            case .equityQuote: .leanQuote
            case .forexQuote: .leanForexQuote
            }
        }
    }

    /// The time zone of the exchanges that these files are recorded from, where nothing else is said.
    public static let defaultTimeZone = "America/New_York"

    public let layout: Layout
    public let instrument: Instrument
    public let date: CalendarDate
    private let day: LocalDay

    /// Reads rows of `instrument` on `date` as clocks in `zone` show it.
    public init(layout: Layout, instrument: Instrument, date: CalendarDate, zone: TimeZoneRules) {
        self.layout = layout
        self.instrument = instrument
        self.date = date
        day = LocalDay(date, in: zone)
    }

    /// Takes what is not given from the names of the file and of the entry in its archive.
    ///
    /// - Throws: `InputError` where a symbol or a date is neither given nor named, or the file holds bars.
    public init(
        layout: Layout,
        venue: String,
        input: TapeInput,
        symbol: String? = nil,
        date: CalendarDate? = nil,
        zone: TimeZoneRules
    ) throws(InputError) {
        let inner = input.innerName.map(LeanNaming.init(parsing:))
        let outer = LeanNaming(parsing: input.name)
        if let resolution = inner?.resolution ?? outer.resolution, resolution != "tick" {
            throw InputError(
                .unsupported,
                "\(input.path): holds \(resolution) bars by its name; \(layout.formatName.rawValue) reads ticks"
            )
        }
        guard let symbol = symbol ?? inner?.symbol ?? outer.symbol else {
            throw InputError(.unsupported, "\(input.path): its name does not say the symbol; give --symbol")
        }
        guard let date = date ?? inner?.date ?? outer.date else {
            throw InputError(.unsupported, "\(input.path): its name does not say the date; give --date as 2013-10-08")
        }
        self.init(layout: layout, instrument: Instrument(venue: venue, symbol: symbol), date: date, zone: zone)
    }

    public var name: String { layout.formatName.rawValue }

    public var onlyKind: EventKind? {
        switch layout {
        case .equityTrade: .trade
        case .equityQuote, .forexQuote: .quote
        }
    }

    public func makeDecoder() -> any RecordDecoder {
        let names = LeanNames(instrument)
        return switch layout {
        case .equityTrade: decoder(LeanTradeDecoder(names: names, day: day))
        case .equityQuote: decoder(LeanQuoteDecoder(names: names, day: day))
        case .forexQuote: decoder(LeanForexQuoteDecoder(names: names, day: day))
        }
    }

    private func decoder(_ lines: some LineDecoder) -> any RecordDecoder {
        LineRecordDecoder(lines, venue: instrument.venue, onlyKind: onlyKind)
    }
}
