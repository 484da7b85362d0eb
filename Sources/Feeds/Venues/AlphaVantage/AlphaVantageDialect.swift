import MarketData

/// Alpha Vantage: bodies of its REST answers, one object each.
///
/// Source: Alpha Vantage "API Documentation", TIME_SERIES_INTRADAY, _DAILY and the like, and GLOBAL_QUOTE. The names of
/// fields begin with a number that differs between functions (`4. Interval`), so they are found by what follows it.
/// Times are those of clocks in the zone that the body names. Bars come with the newest first; they are handed on in
/// the order of time. Nothing says whether the newest one is over but the time at which the body came, where that is
/// known.
public struct AlphaVantageDialect: VenueDialect {
    public static let names = ["ALPHAVANTAGE", "ALPHA_VANTAGE"]

    /// The members of the parts; bars stay unparsed.
    public static let initialDepth = 1

    /// The fields of bars.
    private static let barDepth = 2
    /// The zone of exchanges in the United States, whose stocks the quotes without a zone are of.
    private static let defaultZone = "America/New_York"

    /// The zones that were named so far, and none more than so many.
    private var zones: [String: TimeZoneRules] = [:]
    private static let zonesMax = 64

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard message.root.form == .object else { throw MessageFault(.malformed, "") }
        if message.root["Meta Data"] != nil {
            try message.parse(depth: Self.barDepth)
            try decodeSeries(message.root, message.frame, &builder)
        } else if let quote = message.root["Global Quote"] {
            decodeQuote(quote, message.frame, &builder)
        } else {
            // Errors and the notes about limits have one member, a sentence.
            builder.ignore(message.root["Error Message"] != nil ? "error" : "note")
        }
    }

    /// A body says itself what it is about.
    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        var message = try answer.message(depth: Self.initialDepth)
        try decode(&message, into: &builder)
    }

    // MARK: Series

    private mutating func decodeSeries(
        _ root: JSONValue,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let meta = try root.object("Meta Data")
        guard let symbol = meta.numbered("Symbol") else { throw MessageFault(.missingField, "Symbol") }
        let (instrument, symbolText) = try builder.instrument(symbol, "Symbol")
        guard let series = root.elements.first(where: { $0.form == .object && $0.key.contains("Time Series") }) else {
            throw MessageFault(.missingField, "Time Series")
        }
        let interval = try Self.interval(meta, series)
        let name = meta.numbered("Time Zone")?.string ?? ""
        // The old name of the same zone, which newer databases have in a package of their own.
        let zone = try zone(named: name == "US/Eastern" ? Self.defaultZone : name)
        let stream = builder.stream(connection: frame.connection, channel: "bars", symbol: symbolText)
        for bar in Self.ascending(series) {
            builder.attempt(.candle) { builder throws(MessageFault) in
                let start = try Self.time(bar.key, zone)
                builder.append(
                    MarketEvent(
                        position: .start,
                        eventTime: start,
                        receiptTime: frame.receiptTime,
                        instrument: instrument,
                        stream: stream,
                        flags: BarLength.flags(start: start, seconds: interval, received: frame.receiptTime),
                        payload: .candle(try Self.candle(bar, close: "close", interval))
                    )
                )
            }
        }
    }

    /// The bars in the order of their times, whichever way the body has them.
    private static func ascending(_ series: JSONValue) -> [JSONValue] {
        let bars = Array(series.elements)
        guard let first = bars.first?.key, let last = bars.last?.key else { return [] }
        return first.lexicographicallyPrecedes(last) ? bars : bars.reversed()
    }

    /// The interval that the body names, or the one that its kind of series has.
    private static func interval(_ meta: JSONValue, _ series: JSONValue) throws(MessageFault) -> Int32 {
        if let text = meta.numbered("Interval")?.scalarText {
            let minutes = UnsafeRawBufferPointer(rebasing: text.prefix { $0 &- UInt8(ascii: "0") < 10 })
            guard text.dropping(minutes.count).matches("min"), let interval = BarLength.minutes(minutes) else {
                throw MessageFault(.invalidNumber, "Interval")
            }
            return interval
        }
        if series.key.contains("Daily") { return 86_400 }
        if series.key.contains("Weekly") { return 604_800 }
        // Months differ in length.
        return 0
    }

    // MARK: Quotes

    /// The bar of the latest trading day, which may still be going on.
    private mutating func decodeQuote(_ quote: JSONValue, _ frame: Frame, _ builder: inout BatchBuilder) {
        guard quote.elements.first(where: { _ in true }) != nil else {
            // An unknown symbol is answered with an empty object.
            builder.ignore("empty")
            return
        }
        builder.attempt(.candle) { builder throws(MessageFault) in
            guard let symbol = quote.numbered("symbol") else { throw MessageFault(.missingField, "symbol") }
            let (instrument, symbolText) = try builder.instrument(symbol, "symbol")
            guard let day = quote.numbered("latest trading day")?.scalarText else {
                throw MessageFault(.missingField, "latest trading day")
            }
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try Self.time(day, try zone(named: Self.defaultZone)),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: builder.stream(connection: frame.connection, channel: "quote", symbol: symbolText),
                    flags: .provisional,
                    payload: .candle(try Self.candle(quote, close: "price", 86_400))
                )
            )
        }
    }

    // MARK: Parts of both

    private static func candle(
        _ bar: JSONValue,
        close: StaticString,
        _ interval: Int32
    ) throws(MessageFault) -> Candle {
        Candle(
            open: try bar.numberedDecimal("open"),
            high: try bar.numberedDecimal("high"),
            low: try bar.numberedDecimal("low"),
            close: try bar.numberedDecimal(close),
            volume: try bar.numberedDecimal("volume"),
            interval: interval
        )
    }

    /// The moment that a clock of the zone shows as `2017-12-18 14:56:00`, or midnight where there is a date only.
    private static func time(_ text: UnsafeRawBufferPointer, _ zone: TimeZoneRules) throws(MessageFault) -> Timestamp {
        guard [10, 16, 19].contains(text.count), text[4] == UInt8(ascii: "-"),
            let date = CalendarDate(parsing: String(decoding: text.prefix(10), as: UTF8.self)),
            let shown = Timestamp(parsing: String(decoding: text, as: UTF8.self) + (text.count == 16 ? ":00" : ""))
        else { throw MessageFault(.invalidTime, "time of the bar") }
        let clock = shown.nanoseconds - date.midnightUTC.nanoseconds
        return LocalDay(date, in: zone).timestamp(nanosecondsSinceMidnight: clock)
    }

    private mutating func zone(named name: String) throws(MessageFault) -> TimeZoneRules {
        if let known = zones[name] { return known }
        guard zones.count < Self.zonesMax, let zone = try? TimeZoneRules(named: name) else {
            throw MessageFault(.invalidTime, "Time Zone")
        }
        zones[name] = zone
        return zone
    }
}

extension JSONValue {
    /// The field whose name is that, behind a number and a point.
    fileprivate func numbered(_ name: StaticString) -> JSONValue? {
        guard form == .object else { return nil }
        return elements.first { field in
            let number = field.key.prefix { $0 &- UInt8(ascii: "0") < 10 }
            let rest = field.key.dropping(number.count)
            return !number.isEmpty && rest.hasPrefix(". ") && rest.dropping(2).matches(name)
        }
    }

    fileprivate func numberedDecimal(_ name: StaticString) throws(MessageFault) -> ExactDecimal {
        guard let field = numbered(name) else { throw MessageFault(.missingField, name) }
        return try field.asDecimal(name)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func contains(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount
            && (0...(count - text.utf8CodeUnitCount)).contains { dropping($0).hasPrefix(text) }
    }
}
