import MarketData

/// Kraken, WebSocket API version 1.
///
/// Source: Kraken "WebSockets API v1". Market data are arrays `[channel id, data…, channel name, pair]` (books may
/// hold two objects of data), everything else is an object with an `event`. Nothing is numbered, trades have no
/// identifier, and tickers no time.
public struct KrakenDialect: VenueDialect {
    public static let names = ["KRAKEN"]

    /// The elements of the array; books stay unparsed.
    public static let initialDepth = 0

    /// Rows within the data.
    private static let rowDepth = 2

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        let root = message.root
        guard root.form == .array else {
            builder.ignore(root["event"].map(Self.ignoredKind) ?? "unknown")
            return
        }
        // The name is the last but one element.
        var name: JSONValue?
        var last: JSONValue?
        for element in root.elements { (name, last) = (last, element) }
        guard let name, name.form == .string else {
            builder.ignore("unknown")
            return
        }
        if name.hasPrefix("book") {
            builder.ignore("book")
        } else if name.isString("trade") {
            try decodeTrades(&message, &builder)
        } else if name.isString("ticker") {
            try decodeTicker(&message, &builder)
        } else if name.isString("spread") {
            try decodeSpread(&message, &builder)
        } else if name.hasPrefix("ohlc-") {
            guard let interval = BarLength.minutes(name.text.dropping(5)) else {
                throw MessageFault(.invalidNumber, "channel name")
            }
            try decodeCandle(&message, interval, &builder)
        } else {
            builder.ignore("unknown")
        }
    }

    private static func ignoredKind(_ event: JSONValue) -> String {
        if event.isString("heartbeat") { return "heartbeat" }
        if event.isString("systemStatus") { return "status" }
        if event.isString("subscriptionStatus") { return "acknowledgement" }
        if event.isString("pong") { return "pong" }
        if event.isString("error") { return "error" }
        return "unknown"
    }

    private static func data(_ message: inout VenueMessage) throws(MessageFault) -> (data: JSONValue, pair: JSONValue) {
        try message.parse(depth: rowDepth)
        return (try message.root.required(1, "data"), try message.root.required(3, "pair"))
    }

    // MARK: Trades

    /// Rows of price, volume, time, side of the taker (`b` or `s`), order type and miscellany.
    private func decodeTrades(_ message: inout VenueMessage, _ builder: inout BatchBuilder) throws(MessageFault) {
        let (data, pair) = try Self.data(&message)
        let frame = message.frame
        guard data.form == .array else { throw MessageFault(.missingField, "data") }
        let (instrument, symbol) = try builder.instrument(pair, "pair")
        let stream = builder.stream(connection: frame.connection, channel: "trade", symbol: symbol)
        builder.each(of: data, kind: .trade) { row, builder throws(MessageFault) in
            let trade = try Self.trade(row)
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try row.required(2, "time").asTime("time", .seconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: stream,
                    payload: .trade(trade)
                )
            )
        }
    }

    static func trade(_ row: JSONValue, id: EventID = .absent) throws(MessageFault) -> Trade {
        Trade(
            price: try row.required(0, "price").asDecimal("price"),
            size: try row.required(1, "volume").asDecimal("volume"),
            id: id,
            side: try row.required(3, "side").asSide("side", buy: "b", sell: "s")
        )
    }

    // MARK: Quotes

    /// `a` and `b` are price, whole lot volume and lot volume of the best ask and bid.
    private func decodeTicker(_ message: inout VenueMessage, _ builder: inout BatchBuilder) throws(MessageFault) {
        let (data, pair) = try Self.data(&message)
        let frame = message.frame
        builder.attempt(.quote) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(pair, "pair")
            let quote = Quote(bid: try Self.side(of: data, "b"), ask: try Self.side(of: data, "a"))
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: frame.receiptTime,
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: builder.stream(connection: frame.connection, channel: "ticker", symbol: symbol),
                    flags: .noEventTime,
                    payload: .quote(quote)
                )
            )
        }
    }

    private static func side(of data: JSONValue, _ name: StaticString) throws(MessageFault) -> PriceLevel {
        let side = try data.list(name)
        return try PriceLevel(try side.required(0, name), name, size: try side.required(2, name), name)
    }

    /// Best bid, best ask, time, size of the bid, size of the ask.
    private func decodeSpread(_ message: inout VenueMessage, _ builder: inout BatchBuilder) throws(MessageFault) {
        let (data, pair) = try Self.data(&message)
        let frame = message.frame
        builder.attempt(.quote) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(pair, "pair")
            let quote = Quote(
                bid: try PriceLevel(
                    try data.required(0, "bid"),
                    "bid",
                    size: try data.required(3, "bidVolume"),
                    "bidVolume"
                ),
                ask: try PriceLevel(
                    try data.required(1, "ask"),
                    "ask",
                    size: try data.required(4, "askVolume"),
                    "askVolume"
                )
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.required(2, "timestamp").asTime("timestamp", .seconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: builder.stream(connection: frame.connection, channel: "spread", symbol: symbol),
                    payload: .quote(quote)
                )
            )
        }
    }

    // MARK: Candles

    /// Time of the last change, end of the bar, open, high, low, close, average price, volume, count.
    ///
    /// A bar is sent with every change, and nothing says that it is closed.
    private func decodeCandle(
        _ message: inout VenueMessage,
        _ interval: Int32,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let (data, pair) = try Self.data(&message)
        let frame = message.frame
        builder.attempt(.candle) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(pair, "pair")
            let end = try data.required(1, "etime").asTime("etime", .seconds)
            let start = end.nanoseconds - Int64(interval) * 1_000_000_000
            guard start >= 0 else { throw MessageFault(.invalidTime, "etime") }
            let candle = try data.candle(from: 2, volume: 7, interval: interval)
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: Timestamp(nanoseconds: start),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: builder.stream(connection: frame.connection, channel: "ohlc", symbol: symbol),
                    flags: .provisional,
                    payload: .candle(candle)
                )
            )
        }
    }
}
