import MarketData

/// Source: Coinbase "Advanced Trade WebSocket", 2026.
///
/// Heartbeats come every second once they are subscribed to, and keep quiet channels open. Candles are of five
/// minutes. Names such as BTC-USDC bring the data of BTC-USD.
extension LiveVenue {
    /// Not documented; a message of so many names is some kilobytes.
    private static let coinbaseProductsMax = 100

    static func coinbase(
        _ server: WebSocketAddress,
        _ symbols: [String],
        _ kinds: Set<EventKind>
    ) -> [ConnectionPlan] {
        var channels: [String] = []
        if kinds.contains(.trade) { channels.append("market_trades") }
        if kinds.contains(.quote) { channels.append("ticker") }
        if kinds.contains(.candle) { channels.append("candles") }
        return parts(symbols, of: coinbaseProductsMax).enumerated().map { number, symbols in
            let heartbeats = "{\"type\":\"subscribe\",\"channel\":\"heartbeats\"}"
            let messages = channels.map {
                "{\"type\":\"subscribe\",\"product_ids\":\(array(symbols)),\"channel\":\"\($0)\"}"
            }
            var plan = ConnectionPlan(name: "ws.\(number + 1)", address: server, messages: [heartbeats] + messages)
            plan.refusalMarks = ["\"type\":\"error\""]
            plan.silence = .seconds(10)
            return plan
        }
    }
}
