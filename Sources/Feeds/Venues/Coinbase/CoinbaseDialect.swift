import MarketData

/// Coinbase Advanced Trade.
///
/// Source: Coinbase Developer Platform, "Advanced Trade WebSocket Channels" and "Advanced Trade WebSocket Overview".
///
/// - `sequence_num` counts the messages of a connection without holes, over all of its channels, order books and
///   heartbeats included. So it is observed per message; it starts at zero on a new connection.
/// - `side` of a market trade is the side of the MAKER, so ours is the opposite. Coinbase's own text is that of the
///   match message ("Exchange WebSocket Channels": the side field indicates the maker order side); recordings of this
///   API agree, where trades at the best ask say SELL.
/// - `trade_id` counts the trades of a product without holes, in recordings and in answers of the REST interface. So a
///   lost trade is seen, the repetition with which each subscription begins is recognised, and an answer fills holes.
/// - Trades come newest first inside a message and leave oldest first.
/// - Candles are of five minutes, and nothing says that one is closed.
public struct CoinbaseDialect: VenueDialect {
    public static let names = ["COINBASE"]

    /// The fields beside the events, which may be a whole order book.
    public static let initialDepth = 0

    /// Trade, ticker or candle within `events[]…[]`.
    private static let eventDepth = 4
    private static let candleSeconds: Int32 = 300

    private var newestFirst: [JSONValue] = []

    public init() {}

    public mutating func connected(_ frame: Frame, into builder: inout BatchBuilder) {
        builder.observe(stream: builder.stream(frame.connection), number: nil, rule: .contiguous)
    }

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard let channel = message.root["channel"], channel.form == .string else {
            builder.ignore(message.root["type"]?.isString("error") == true ? "error" : "unknown")
            return
        }
        let number = try message.root.integer("sequence_num")
        builder.observe(stream: builder.stream(message.frame.connection), number: number, rule: .contiguous)
        if channel.isString("market_trades") {
            try decodeTrades(&message, number, &builder)
        } else if channel.isString("ticker") || channel.isString("ticker_batch") {
            try decodeTickers(&message, number, &builder)
        } else if channel.isString("candles") {
            try decodeCandles(&message, number, &builder)
        } else {
            builder.ignore(Self.ignoredKind(channel))
        }
    }

    private static func ignoredKind(_ channel: JSONValue) -> String {
        if channel.isString("l2_data") { return "book" }
        if channel.isString("heartbeats") { return "heartbeat" }
        if channel.isString("subscriptions") { return "acknowledgement" }
        if channel.isString("status") { return "status" }
        return "unknown"
    }

    // MARK: Trades

    private mutating func decodeTrades(
        _ message: inout VenueMessage,
        _ number: Int64,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.eventDepth)
        for event in try message.root.list("events").elements {
            newestFirst.removeAll(keepingCapacity: true)
            newestFirst.append(contentsOf: try event.list("trades").elements)
            for trade in newestFirst.reversed() {
                let frame = message.frame
                builder.attempt(.trade) { builder throws(MessageFault) in
                    try Self.decodeTrade(trade, frame, number, &builder)
                }
            }
        }
    }

    static func decodeTrade(
        _ data: JSONValue,
        _ frame: Frame,
        _ number: Int64,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let (instrument, product) = try builder.instrument(try data.required("product_id"), "product_id")
        let id = try data.integer("trade_id")
        let trade = Trade(
            price: try data.decimal("price"),
            size: try data.decimal("size"),
            id: EventID(number: id),
            // The maker sold, so the taker bought.
            side: try data.side("side", buy: "SELL", sell: "BUY")
        )
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: try data.time("time", .rfc3339),
                receiptTime: frame.receiptTime,
                sequence: number,
                orderNumber: id,
                sequenceRule: .contiguous,
                instrument: instrument,
                stream: builder.stream(connection: frame.connection, channel: "market_trades", symbol: product),
                payload: .trade(trade)
            )
        )
    }

    // MARK: Quotes

    private func decodeTickers(
        _ message: inout VenueMessage,
        _ number: Int64,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.eventDepth)
        let frame = message.frame
        let time = try message.root.time("timestamp", .rfc3339)
        for event in try message.root.list("events").elements {
            builder.each(of: try event.list("tickers"), kind: .quote) { data, builder throws(MessageFault) in
                let (instrument, product) = try builder.instrument(try data.required("product_id"), "product_id")
                let quote = Quote(
                    bid: try data.level("best_bid", "best_bid_quantity"),
                    ask: try data.level("best_ask", "best_ask_quantity")
                )
                builder.append(
                    MarketEvent(
                        position: .start,
                        eventTime: time,
                        receiptTime: frame.receiptTime,
                        sequence: number,
                        orderNumber: number,
                        instrument: instrument,
                        stream: builder.stream(connection: frame.connection, channel: "ticker", symbol: product),
                        payload: .quote(quote)
                    )
                )
            }
        }
    }

    // MARK: Candles

    private func decodeCandles(
        _ message: inout VenueMessage,
        _ number: Int64,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        try message.parse(depth: Self.eventDepth)
        let frame = message.frame
        for event in try message.root.list("events").elements {
            let isSnapshot = event["type"]?.isString("snapshot") == true
            builder.each(of: try event.list("candles"), kind: .candle) { data, builder throws(MessageFault) in
                let (instrument, product) = try builder.instrument(try data.required("product_id"), "product_id")
                let candle = Candle(
                    open: try data.decimal("open"),
                    high: try data.decimal("high"),
                    low: try data.decimal("low"),
                    close: try data.decimal("close"),
                    volume: try data.decimal("volume"),
                    interval: Self.candleSeconds
                )
                builder.append(
                    MarketEvent(
                        position: .start,
                        eventTime: try data.time("start", .seconds),
                        receiptTime: frame.receiptTime,
                        sequence: number,
                        orderNumber: number,
                        instrument: instrument,
                        stream: builder.stream(connection: frame.connection, channel: "candles", symbol: product),
                        flags: isSnapshot ? [] : .provisional,
                        payload: .candle(candle)
                    )
                )
            }
        }
    }
}
