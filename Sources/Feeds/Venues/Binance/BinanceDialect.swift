import MarketData

/// Binance spot, USD-M and COIN-M futures.
///
/// Sources: Binance "WebSocket Streams for Binance (Spot API)" and "USDⓈ-M Futures: Websocket Market Streams".
/// Messages come bare or within a combined-stream envelope, `{"stream": …, "data": …}`.
///
/// - Trades are numbered without holes per symbol. `m` says that the buyer was the maker, so the seller took the
///   initiative.
/// - Book tickers carry the update id of the order book, which grows by any amount. Those of spot have neither an
///   event type nor a time. Futures send `T`, the time of the transaction, and `E`, when the message was sent.
public struct BinanceDialect: VenueDialect {
    public static let names = ["BINANCE", "BINANCE_FUTURES", "BINANCE_DELIVERY", "BINANCE_US"]

    /// The envelope and the fields of its data.
    public static let initialDepth = 1

    public init() {}

    @inline(__always)
    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        let root = message.root
        guard let stream = root["stream"] else {
            return try decode(root, topic: nil, &message, &builder)
        }
        let data = try root.required("data")
        guard stream.form == .string else { throw MessageFault(.missingField, "stream") }
        try decode(data, topic: stream.text, &message, &builder)
    }

    @inline(__always)
    private func decode(
        _ data: JSONValue,
        topic: UnsafeRawBufferPointer?,
        _ message: inout VenueMessage,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let context = Context(topic: topic, frame: message.frame)
        guard let type = data["e"] else {
            return ignoreOrDecodeUntyped(data, context, &builder)
        }
        if type.isString("trade") {
            decodeTrade(data, number: "t", channel: "trade", context, &builder)
        } else if type.isString("bookTicker") {
            decodeBookTicker(data, context, &builder)
        } else if type.isString("aggTrade") {
            decodeTrade(data, number: "a", channel: "aggTrade", context, &builder)
        } else if type.isString("kline") {
            try message.parse(depth: 2)
            let root = message.root
            try decodeKline(topic == nil ? root : root.object("data"), context, &builder)
        } else {
            builder.ignore(Self.ignoredKind(type))
        }
    }

    /// Where a message belongs.
    private struct Context {
        let topic: UnsafeRawBufferPointer?
        let frame: Frame

        @inline(__always)
        func stream(
            _ channel: StaticString,
            _ symbol: UnsafeRawBufferPointer,
            _ builder: inout BatchBuilder
        ) -> Int32 {
            guard let topic else {
                return builder.stream(connection: frame.connection, channel: channel, symbol: symbol)
            }
            return builder.stream(connection: frame.connection, topic: topic)
        }
    }

    // MARK: Trades

    @inline(__always)
    private func decodeTrade(
        _ data: JSONValue,
        number: StaticString,
        channel: StaticString,
        _ context: Context,
        _ builder: inout BatchBuilder
    ) {
        builder.attempt(.trade) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(try data.required("s"), "s")
            let id = try data.integer(number)
            let price = try data.decimal("p")
            let stream = context.stream(channel, symbol, &builder)
            if price.mantissa == 0, let origin = data["X"], !origin.isString("MARKET") {
                // Futures number what is no trade at all (X is NA, price and quantity zero) among the trades.
                builder.observe(stream: stream, number: id, rule: .contiguous)
                builder.ignore("trade_without_price")
                return
            }
            let trade = Trade(
                price: price,
                size: try data.decimal("q"),
                id: EventID(number: id),
                side: try Self.aggressor(data, "m")
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try data.time("T", .milliseconds),
                    receiptTime: context.frame.receiptTime,
                    orderNumber: id,
                    sequenceRule: .contiguous,
                    instrument: instrument,
                    stream: stream,
                    payload: .trade(trade)
                )
            )
        }
    }

    @inline(__always)
    static func aggressor(_ data: JSONValue, _ buyerIsMaker: StaticString) throws(MessageFault) -> Side {
        switch try data.required(buyerIsMaker).form {
        case .yes: return .sell
        case .no: return .buy
        default: throw MessageFault(.invalidSide, buyerIsMaker)
        }
    }

    // MARK: Quotes

    @inline(__always)
    private func decodeBookTicker(_ data: JSONValue, _ context: Context, _ builder: inout BatchBuilder) {
        builder.attempt(.quote) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(try data.required("s"), "s")
            let update = try data.integer("u")
            let quote = Quote(bid: try data.level("b", "B"), ask: try data.level("a", "A"))
            let hasTime = data["T"] != nil
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: hasTime ? try data.time("T", .milliseconds) : context.frame.receiptTime,
                    receiptTime: context.frame.receiptTime,
                    sequence: update,
                    orderNumber: update,
                    sequenceRule: .increasing,
                    instrument: instrument,
                    stream: context.stream("bookTicker", symbol, &builder),
                    flags: hasTime ? [] : .noEventTime,
                    payload: .quote(quote)
                )
            )
        }
    }

    /// Messages without a type: book tickers of spot, books of limited depth, snapshots, answers to requests.
    @inline(__always)
    private func ignoreOrDecodeUntyped(_ data: JSONValue, _ context: Context, _ builder: inout BatchBuilder) {
        if data["u"] != nil, data["B"] != nil || data["A"] != nil {
            decodeBookTicker(data, context, &builder)
        } else {
            builder.ignore(Self.ignoredUntypedKind(data, context))
        }
    }

    private static func ignoredUntypedKind(_ data: JSONValue, _ context: Context) -> String {
        if data["lastUpdateId"] != nil {
            // A snapshot was fetched over REST; the same content on a stream is a book of limited depth.
            return context.topic == nil ? "book_snapshot" : "book"
        }
        if data["result"] != nil || data["id"] != nil { return "acknowledgement" }
        if data["error"] != nil || data["code"] != nil { return "error" }
        guard let topic = context.topic, topic.first == UInt8(ascii: "!") else { return "unknown" }
        // Messages about all symbols at once are arrays of what is ignored one by one.
        if topic.hasPrefix("!markPrice") { return "mark_price" }
        if topic.hasPrefix("!ticker") { return "ticker" }
        if topic.hasPrefix("!miniTicker") { return "mini_ticker" }
        return "unknown"
    }

    private static func ignoredKind(_ type: JSONValue) -> String {
        if type.isString("depthUpdate") { return "book" }
        if type.isString("24hrTicker") { return "ticker" }
        if type.isString("24hrMiniTicker") { return "mini_ticker" }
        if type.isString("markPriceUpdate") { return "mark_price" }
        if type.isString("forceOrder") { return "liquidation" }
        if type.isString("avgPrice") { return "average_price" }
        return "unknown"
    }

    // MARK: Candles

    private func decodeKline(
        _ data: JSONValue,
        _ context: Context,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        builder.attempt(.candle) { builder throws(MessageFault) in
            let (instrument, symbol) = try builder.instrument(try data.required("s"), "s")
            let bar = try data.object("k")
            let closed = try bar.required("x").form
            guard closed == .yes || closed == .no else { throw MessageFault(.missingField, "x") }
            let candle = Candle(
                open: try bar.decimal("o"),
                high: try bar.decimal("h"),
                low: try bar.decimal("l"),
                close: try bar.decimal("c"),
                volume: try bar.decimal("v"),
                interval: try BarLength.seconds(try bar.required("i"), "i")
            )
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try bar.time("t", .milliseconds),
                    receiptTime: context.frame.receiptTime,
                    instrument: instrument,
                    stream: context.stream("kline", symbol, &builder),
                    flags: closed == .yes ? [] : .provisional,
                    payload: .candle(candle)
                )
            )
        }
    }
}
