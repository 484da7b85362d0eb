import MarketData

/// Source: Bybit "V5 API, WebSocket Stream", 2026.
///
/// One topic that is not known refuses the whole request.
extension LiveVenue {
    /// What a request on the spot market may hold.
    private static let bybitTopicsPerRequest = 10
    /// Their text may have 21,000 characters over one connection.
    private static let bybitTopicsMax = 400

    static func bybit(_ address: WebSocketAddress, _ symbols: [String], _ kinds: Set<EventKind>) -> [ConnectionPlan] {
        var prefixes: [String] = []
        if kinds.contains(.trade) { prefixes.append("publicTrade.") }
        if kinds.contains(.quote) { prefixes.append("orderbook.1.") }
        if kinds.contains(.candle) { prefixes.append("kline.1.") }
        let topics = symbols.flatMap { symbol in prefixes.map { $0 + symbol } }
        return parts(topics, of: bybitTopicsMax).enumerated().map { number, topics in
            let messages = parts(topics, of: bybitTopicsPerRequest).enumerated().map { request, topics in
                "{\"req_id\":\"\(request + 1)\",\"op\":\"subscribe\",\"args\":\(array(topics))}"
            }
            var plan = ConnectionPlan(name: "ws.\(number + 1)", address: address, messages: messages)
            plan.keepAlive = ConnectionPlan.KeepAlive("{\"op\":\"ping\"}", every: .seconds(20))
            plan.silence = .seconds(45)
            plan.refusalMarks = ["\"success\":false"]
            return plan
        }
    }
}
