import MarketData

/// Bitstamp, WebSocket API version 2.
///
/// Source: Bitstamp "WebSocket API v2". The channel carries the pair (`live_trades_btcusd`). `type` of a trade is 0
/// for buy and 1 for sell; its texts `price_str` and `amount_str` are exact, where its numbers need not be.
public struct BitstampDialect: VenueDialect {
    public static let names = ["BITSTAMP"]

    /// Event and channel; data may be an order book.
    public static let initialDepth = 0

    private static let tradesPrefix: StaticString = "live_trades_"

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard let event = message.root["event"], event.form == .string else {
            builder.ignore("unknown")
            return
        }
        guard event.isString("trade") else {
            builder.ignore(Self.ignoredKind(event, channel: message.root["channel"]))
            return
        }
        try message.parse(depth: 1)
        let root = message.root
        let frame = message.frame
        builder.attempt(.trade) { builder throws(MessageFault) in try Self.decodeTrade(root, frame, &builder) }
    }

    private static func ignoredKind(_ event: JSONValue, channel: JSONValue?) -> String {
        if event.isString("bts:subscription_succeeded") || event.isString("bts:unsubscription_succeeded") {
            return "acknowledgement"
        }
        if event.isString("bts:heartbeat") { return "heartbeat" }
        if event.isString("bts:request_reconnect") { return "status" }
        if event.isString("bts:error") { return "error" }
        if event.hasPrefix("order_") { return "order" }
        guard event.isString("data"), let channel else { return "unknown" }
        if channel.hasPrefix("diff_order_book_") { return "book" }
        if channel.hasPrefix("order_book_") || channel.hasPrefix("detail_order_book_") { return "book_snapshot" }
        return "unknown"
    }

    private static func decodeTrade(
        _ root: JSONValue,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let channel = try root.required("channel")
        guard channel.hasPrefix(tradesPrefix) else { throw MessageFault(.missingField, "channel") }
        let data = try root.object("data")
        let symbol = channel.text.dropping(tradesPrefix.utf8CodeUnitCount)
        let id = try data.integer("id")
        let trade = Trade(
            price: try data.decimal("price_str"),
            size: try data.decimal("amount_str"),
            id: EventID(number: id),
            side: try data.side("type", buy: "0", sell: "1")
        )
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: try data.time("microtimestamp", .microseconds),
                receiptTime: frame.receiptTime,
                orderNumber: id,
                sequenceRule: .increasing,
                instrument: try builder.instrument(symbol, hasEscapes: channel.hasEscapes, "channel"),
                stream: builder.stream(connection: frame.connection, topic: channel.text),
                payload: .trade(trade)
            )
        )
    }
}
