import MarketData

/// Bybit, public streams of API version 5.
///
/// Source: Bybit "V5 API: Websocket Stream, Public Topics" (Trade, Orderbook, Kline).
///
/// - `S` is the side of the taker. `i` is a UUID for derivatives and a number for spot.
/// - `seq`, the cross sequence, is shared by the trades of one match and jumps between them: it is stored, but tells
///   neither gaps nor duplicates.
/// - Tickers of derivatives are changes of single fields and therefore no quotes.
public struct BybitDialect: VenueDialect {
    public static let names = ["BYBIT"]

    /// The fields beside the data, which may be an order book.
    public static let initialDepth = 0

    private static let rowDepth = 2
    private static let levelDepth = 3

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard let topic = message.root["topic"], topic.form == .string else {
            builder.ignore(message.root["op"] != nil || message.root["success"] != nil ? "acknowledgement" : "unknown")
            return
        }
        // The topic's text is part of the message, not of its tokens: it outlives another parse.
        let name = topic.text
        if name.hasPrefix("publicTrade.") {
            try decodeTrades(&message, name, &builder)
        } else if name.hasPrefix("orderbook.1."), message.root["type"]?.isString("snapshot") == true {
            try decodeBestLevels(&message, name, &builder)
        } else if name.hasPrefix("kline.") {
            try decodeCandles(&message, name, &builder)
        } else {
            builder.ignore(Self.ignoredKind(name, isSnapshot: message.root["type"]?.isString("snapshot") == true))
        }
    }

    private static func ignoredKind(_ topic: UnsafeRawBufferPointer, isSnapshot: Bool) -> String {
        if topic.hasPrefix("orderbook.") { return isSnapshot ? "book_snapshot" : "book" }
        if topic.hasPrefix("tickers.") { return "ticker" }
        if topic.hasPrefix("liquidation.") || topic.hasPrefix("allLiquidation.") { return "liquidation" }
        return "unknown"
    }

    // MARK: Trades

    private func decodeTrades(
        _ message: inout VenueMessage,
        _ topic: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        let stream = builder.stream(connection: frame.connection, topic: topic)
        builder.each(of: try message.root.list("data"), kind: .trade) { data, builder throws(MessageFault) in
            let sequence = try data.optionalInteger("seq") ?? MarketEvent.noSequence
            let trade = Trade(
                price: try data.decimal("p"),
                size: try data.decimal("v"),
                id: try builder.identifier(try data.required("i"), "i"),
                side: try data.side("S", buy: "Buy", sell: "Sell")
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("T", .milliseconds),
                    receiptTime: frame.receiptTime,
                    sequence: sequence,
                    instrument: try builder.instrument(try data.required("s"), "s").index,
                    stream: stream,
                    payload: .trade(trade)
                )
            )
        }
    }

    // MARK: Quotes

    /// A book of depth one is sent whole each time.
    ///
    /// `cts` is the time of the matching engine.
    private func decodeBestLevels(
        _ message: inout VenueMessage,
        _ topic: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.levelDepth)
        let root = message.root
        let frame = message.frame
        builder.attempt(.quote) { builder throws(MessageFault) in
            let data = try root.object("data")
            let quote = Quote(
                bid: try PriceLevel(firstOf: try data.list("b"), "b"),
                ask: try PriceLevel(firstOf: try data.list("a"), "a")
            )
            let hasEngineTime = root["cts"] != nil
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try root.time(hasEngineTime ? "cts" : "ts", .milliseconds),
                    receiptTime: frame.receiptTime,
                    sequence: try data.optionalInteger("seq") ?? MarketEvent.noSequence,
                    instrument: try builder.instrument(try data.required("s"), "s").index,
                    stream: builder.stream(connection: frame.connection, topic: topic),
                    payload: .quote(quote)
                )
            )
        }
    }

    // MARK: Candles

    private func decodeCandles(
        _ message: inout VenueMessage,
        _ topic: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        // kline.<interval>.<symbol>; the rows do not name the symbol.
        guard let dot = topic.lastIndex(of: UInt8(ascii: ".")) else { throw MessageFault(.invalidSymbol, "topic") }
        let instrument = try builder.instrument(topic.dropping(dot + 1), hasEscapes: false, "topic")
        let stream = builder.stream(connection: frame.connection, topic: topic)
        builder.each(of: try message.root.list("data"), kind: .candle) { data, builder throws(MessageFault) in
            let confirmed = try data.required("confirm").form
            guard confirmed == .yes || confirmed == .no else { throw MessageFault(.missingField, "confirm") }
            let candle = Candle(
                open: try data.decimal("open"),
                high: try data.decimal("high"),
                low: try data.decimal("low"),
                close: try data.decimal("close"),
                volume: try data.decimal("volume"),
                interval: try Self.interval(try data.required("interval"))
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("start", .milliseconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: stream,
                    flags: confirmed == .yes ? [] : .provisional,
                    payload: .candle(candle)
                )
            )
        }
    }

    /// A number of minutes, or `D`, `W`, `M`.
    private static func interval(_ value: JSONValue) throws(MessageFault) -> Int32 {
        if value.isString("D") { return 86_400 }
        if value.isString("W") { return 604_800 }
        if value.isString("M") { return 0 }
        guard let text = value.scalarText, let seconds = BarLength.minutes(text) else {
            throw MessageFault(.invalidNumber, "interval")
        }
        return seconds
    }
}
