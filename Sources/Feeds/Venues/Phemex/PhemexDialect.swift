import MarketData

/// Phemex, contract and spot streams.
///
/// Source: Phemex "API Reference: Websocket". Prices and quantities are integers whose scale is told only in the
/// answer to a products request, which is no market data and need not be part of a recording. Without it a price
/// would be a guess, so trades and candles are counted as ignored under `trade_scaled` and `candle_scaled` and
/// nothing is stored. `sequence` grows by any amount and is no reason for a gap.
public struct PhemexDialect: VenueDialect {
    public static let names = ["PHEMEX"]
    public static let initialDepth = 0

    public init() {}

    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        builder.ignore(Self.ignoredKind(message.root))
    }

    private static func ignoredKind(_ root: JSONValue) -> String {
        if root["book"] != nil || root["orderbook_p"] != nil {
            return root["type"]?.isString("snapshot") == true ? "book_snapshot" : "book"
        }
        if root["trades"] != nil { return "trade_scaled" }
        if root["kline"] != nil { return "candle_scaled" }
        if root["market24h"] != nil || root["spot_market24h"] != nil || root["tick"] != nil { return "ticker" }
        if root["id"] != nil { return "acknowledgement" }
        return "unknown"
    }
}
