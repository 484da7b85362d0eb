import MarketData

/// Gemini, market data version 2.
///
/// Source: Gemini "WebSocket API: Market Data Version 2". Books and trades share a subscription: the first message
/// of a symbol holds its book and, under `trades`, its latest trades. `tid` identifies a trade; `event_id` is the
/// event of the matching engine, which several trades may share. `side` is the side of the taker. Messages carry no
/// number of their own, and equal ones are not repetitions.
public struct GeminiDialect: VenueDialect {
    public static let names = ["GEMINI"]

    /// The fields beside the changes of the book.
    public static let initialDepth = 0

    private static let rowDepth = 2

    private var candles: [JSONValue] = []

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard let type = message.root["type"], type.form == .string else {
            builder.ignore("unknown")
            return
        }
        let name = type.text
        if name.matches("l2_updates") {
            try decodeUpdates(&message, &builder)
        } else if name.matches("trade") {
            let (root, frame) = (message.root, message.frame)
            builder.attempt(.trade) { builder throws(MessageFault) in try Self.decodeTrade(root, frame, &builder) }
        } else if name.hasPrefix("candles_") {
            try decodeCandles(&message, name.dropping(8), &builder)
        } else {
            builder.ignore(Self.ignoredKind(name))
        }
    }

    private static func ignoredKind(_ type: UnsafeRawBufferPointer) -> String {
        if type.matches("heartbeat") { return "heartbeat" }
        if type.hasPrefix("auction_") { return "auction" }
        if type.matches("subscription_ack") { return "acknowledgement" }
        if type.matches("error") { return "error" }
        return "unknown"
    }

    // MARK: Trades

    private func decodeUpdates(_ message: inout VenueMessage, _ builder: inout BatchBuilder) throws(MessageFault) {
        guard message.root["trades"] != nil else {
            builder.ignore("book")
            return
        }
        try message.parse(depth: Self.rowDepth)
        let trades = try message.root.list("trades")
        let frame = message.frame
        guard trades[0] != nil else {
            builder.ignore("book_snapshot")
            return
        }
        // They are sent oldest first.
        builder.each(of: trades, kind: .trade) { data, builder throws(MessageFault) in
            try Self.decodeTrade(data, frame, &builder)
        }
    }

    private static func decodeTrade(
        _ data: JSONValue,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let (instrument, symbol) = try builder.instrument(try data.required("symbol"), "symbol")
        let event = try data.integer("event_id")
        let id = try data.optionalInteger("tid") ?? event
        let trade = Trade(
            price: try data.decimal("price"),
            size: try data.decimal("quantity"),
            id: EventID(number: id),
            side: try data.side("side", buy: "buy", sell: "sell")
        )
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: try data.time("timestamp", .milliseconds),
                receiptTime: frame.receiptTime,
                sequence: event,
                orderNumber: id,
                sequenceRule: .increasing,
                instrument: instrument,
                stream: builder.stream(connection: frame.connection, channel: "trade", symbol: symbol),
                payload: .trade(trade)
            )
        )
    }

    // MARK: Candles

    /// `candles_1m_updates`: rows of start, open, high, low, close and volume, newest first; the newest may be open.
    private mutating func decodeCandles(
        _ message: inout VenueMessage,
        _ name: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let unit = UnsafeRawBufferPointer(rebasing: name.prefix { $0 != UInt8(ascii: "_") })
        guard let interval = Self.interval(unit) else { throw MessageFault(.invalidNumber, "type") }
        try message.parse(depth: Self.rowDepth)
        let frame = message.frame
        let (instrument, symbol) = try builder.instrument(try message.root.required("symbol"), "symbol")
        let stream = builder.stream(connection: frame.connection, channel: "candles", symbol: symbol)
        candles.removeAll(keepingCapacity: true)
        candles.append(contentsOf: try message.root.list("changes").elements)
        for (place, row) in candles.enumerated().reversed() {
            builder.attempt(.candle) { builder throws(MessageFault) in
                let candle = try row.candle(from: 1, volume: 5, interval: interval)
                builder.append(
                    MarketEvent(
                        position: .start,
                        eventTime: try row.required(0, "time").asTime("time", .milliseconds),
                        receiptTime: frame.receiptTime,
                        instrument: instrument,
                        stream: stream,
                        flags: place == 0 ? .provisional : [],
                        payload: .candle(candle)
                    )
                )
            }
        }
    }

    /// `1m`, `1hr`, `1day`.
    private static func interval(_ text: UnsafeRawBufferPointer) -> Int32? {
        for (suffix, unit) in [("hr" as StaticString, Int32(3_600)), ("day", 86_400)] {
            let digits = text.count - suffix.utf8CodeUnitCount
            guard digits == 1, text.dropping(digits).matches(suffix) else { continue }
            let count = Int32(text[0] &- UInt8(ascii: "0"))
            return (1...9).contains(count) ? count * unit : nil
        }
        return BarLength.seconds(text)
    }
}
