import MarketData

/// Source: Kraken "WebSockets API v1", 2026.
///
/// Symbols are those of its field `wsname`, such as XBT/USD. Trades have no identifiers, and the first message of
/// trades of each subscription repeats the last fifty.
extension LiveVenue {
    private static let krakenPairsMax = 50

    static func kraken(_ server: WebSocketAddress, _ symbols: [String], _ kinds: Set<EventKind>) -> [ConnectionPlan] {
        var subscriptions: [String] = []
        if kinds.contains(.trade) { subscriptions.append("{\"name\":\"trade\"}") }
        if kinds.contains(.quote) { subscriptions.append("{\"name\":\"spread\"}") }
        if kinds.contains(.candle) { subscriptions.append("{\"name\":\"ohlc\",\"interval\":1}") }
        return parts(symbols, of: krakenPairsMax).enumerated().map { number, symbols in
            let messages = subscriptions.map {
                "{\"event\":\"subscribe\",\"pair\":\(array(symbols)),\"subscription\":\($0)}"
            }
            var plan = ConnectionPlan(name: "ws.\(number + 1)", address: server, messages: messages)
            // Messages that come too fast are refused.
            plan.messageInterval = .seconds(1)
            plan.keepAlive = ConnectionPlan.KeepAlive("{\"event\":\"ping\"}", every: .seconds(30))
            plan.silence = .seconds(10)
            plan.refusalMarks = ["\"status\":\"error\"", "\"event\":\"error\""]
            plan.snapshotMark = "\"trade\",\""
            return plan
        }
    }
}
