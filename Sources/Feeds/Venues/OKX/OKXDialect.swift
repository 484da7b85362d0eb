import MarketData

/// OKX, public and business channels of API version 5.
///
/// Source: OKX "API v5: WebSocket, Public Data and Market Data" (Trades, All trades, Tickers, Order book,
/// Candlesticks). Sizes of derivatives are contracts, as the venue sends them.
///
/// - `side` of a trade is the side of the taker. The channel `trades` joins fills of one taker order under the last
///   trade id, so the ids of a channel grow but have holes.
/// - `seqId` orders the messages of a channel, may repeat, and starts anew after maintenance: it is stored only.
public struct OKXDialect: VenueDialect {
    public static let names = ["OKX", "OKEX"]

    /// The argument, which names channel and instrument; data stay unparsed.
    public static let initialDepth = 1

    private static let rowDepth = 2
    private static let levelDepth = 4

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        if let event = message.root["event"] {
            builder.ignore(event.isString("error") ? "error" : event.isString("notice") ? "status" : "acknowledgement")
            return
        }
        guard let channel = message.root["arg"]?["channel"], channel.form == .string else {
            builder.ignore("unknown")
            return
        }
        let name = channel.text
        if name.matches("trades") || name.matches("trades-all") {
            try decodeTrades(&message, name, &builder)
        } else if name.matches("tickers") {
            try decodeTickers(&message, name, &builder)
        } else if name.matches("bbo-tbt") {
            try decodeBestLevels(&message, name, &builder)
        } else if name.hasPrefix("candle") {
            try decodeCandles(&message, name, &builder)
        } else {
            builder.ignore(Self.ignoredKind(name, isSnapshot: message.root["action"]?.isString("snapshot") == true))
        }
    }

    private static func ignoredKind(_ channel: UnsafeRawBufferPointer, isSnapshot: Bool) -> String {
        if channel.hasPrefix("books") { return isSnapshot ? "book_snapshot" : "book" }
        if channel.matches("funding-rate") { return "funding" }
        if channel.matches("open-interest") { return "open_interest" }
        if channel.hasPrefix("mark-price") { return "mark_price" }
        if channel.hasPrefix("index-") { return "index" }
        if channel.hasPrefix("liquidation") { return "liquidation" }
        if channel.matches("status") || channel.matches("instruments") { return "status" }
        return "unknown"
    }

    // MARK: Trades

    private func decodeTrades(
        _ message: inout VenueMessage,
        _ channel: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        let isJoined = channel.matches("trades")
        builder.each(of: try message.root.list("data"), kind: .trade) { data, builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(try data.required("instId"), "instId")
            let id = try data.integer("tradeId")
            let trade = Trade(
                price: try data.decimal("px"),
                size: try data.decimal("sz"),
                id: EventID(number: id),
                side: try data.side("side", buy: "buy", sell: "sell")
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("ts", .milliseconds),
                    receiptTime: frame.receiptTime,
                    sequence: try data.optionalInteger("seqId") ?? MarketEvent.noSequence,
                    orderNumber: id,
                    sequenceRule: .increasing,
                    instrument: instrument,
                    stream: builder.stream(
                        connection: frame.connection,
                        channel: isJoined ? "trades" : "trades-all",
                        symbol: symbol
                    ),
                    payload: .trade(trade)
                )
            )
        }
    }

    // MARK: Quotes

    private func decodeTickers(
        _ message: inout VenueMessage,
        _ channel: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        builder.each(of: try message.root.list("data"), kind: .quote) { data, builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(try data.required("instId"), "instId")
            let quote = Quote(bid: try data.level("bidPx", "bidSz"), ask: try data.level("askPx", "askSz"))
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("ts", .milliseconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: builder.stream(connection: frame.connection, channel: "tickers", symbol: symbol),
                    payload: .quote(quote)
                )
            )
        }
    }

    private func decodeBestLevels(
        _ message: inout VenueMessage,
        _ channel: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.levelDepth)
        let frame = message.frame
        let (instrument, symbol) = try Self.instrument(message, &builder)
        let stream = builder.stream(connection: frame.connection, channel: "bbo-tbt", symbol: symbol)
        builder.each(of: try message.root.list("data"), kind: .quote) { data, builder throws(MessageFault) in
            let quote = Quote(
                bid: try PriceLevel(firstOf: try data.list("bids"), "bids"),
                ask: try PriceLevel(firstOf: try data.list("asks"), "asks")
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("ts", .milliseconds),
                    receiptTime: frame.receiptTime,
                    sequence: try data.optionalInteger("seqId") ?? MarketEvent.noSequence,
                    instrument: instrument,
                    stream: stream,
                    payload: .quote(quote)
                )
            )
        }
    }

    /// The instrument of a channel whose rows do not name it.
    private static func instrument(
        _ message: VenueMessage,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) -> (index: Int32, symbol: UnsafeRawBufferPointer) {
        try builder.instrument(try message.root.object("arg").required("instId"), "instId")
    }

    // MARK: Candles

    /// Rows of start, open, high, low, close, volume, two more volumes, and whether the bar is closed, as 1 or 0.
    private func decodeCandles(
        _ message: inout VenueMessage,
        _ channel: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        guard let interval = Self.interval(channel.dropping(6)) else { throw MessageFault(.invalidNumber, "channel") }
        let (instrument, symbol) = try Self.instrument(message, &builder)
        let stream = builder.stream(connection: frame.connection, channel: "candle", symbol: symbol)
        builder.each(of: try message.root.list("data"), kind: .candle) { row, builder throws(MessageFault) in
            let candle = Candle(
                open: try row.required(1, "o").asDecimal("o"),
                high: try row.required(2, "h").asDecimal("h"),
                low: try row.required(3, "l").asDecimal("l"),
                close: try row.required(4, "c").asDecimal("c"),
                volume: try row.required(5, "vol").asDecimal("vol"),
                interval: interval
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try row.required(0, "ts").asTime("ts", .milliseconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: stream,
                    flags: try row.required(8, "confirm").isString("1") ? [] : .provisional,
                    payload: .candle(candle)
                )
            )
        }
    }

    /// `1m`, `4H`, `1D`, or `1Dutc` for bars that begin at midnight UTC instead of Hong Kong.
    private static func interval(_ text: UnsafeRawBufferPointer) -> Int32? {
        guard text.count > 3, text.dropping(text.count - 3).matches("utc") else { return BarLength.seconds(text) }
        return BarLength.seconds(UnsafeRawBufferPointer(rebasing: text.dropLast(3)))
    }
}
