import MarketData

/// Source: Binance "WebSocket Streams" (spot) and "Websocket Market Streams" (USD-M), 2026.
///
/// The server pings, and cuts every connection after a day. An unknown stream is acknowledged and silent: only silence
/// tells.
extension LiveVenue {
    /// Of 1,024 streams that a connection takes; mirrors of the futures take 200.
    private static let binanceStreamsMax = 200
    private static let binanceRefusals = ["\"code\":", "\"error\":"]

    static func binance(
        _ server: WebSocketAddress,
        _ symbols: [String],
        _ kinds: Set<EventKind>
    ) -> [ConnectionPlan] {
        var suffixes: [String] = []
        if kinds.contains(.trade) { suffixes.append("@trade") }
        if kinds.contains(.quote) { suffixes.append("@bookTicker") }
        if kinds.contains(.candle) { suffixes.append("@kline_1m") }
        return binance(server.at("/stream"), symbols, suffixes, name: "stream")
    }

    /// Kinds of data are on paths of their own; on the wrong one a stream is acknowledged and silent.
    static func binanceUSDM(
        _ server: WebSocketAddress,
        _ symbols: [String],
        _ kinds: Set<EventKind>
    ) -> [ConnectionPlan] {
        var market: [String] = []
        if kinds.contains(.trade) { market.append("@aggTrade") }
        if kinds.contains(.candle) { market.append("@kline_1m") }
        let quotes = kinds.contains(.quote) ? ["@bookTicker"] : []
        return binance(server.at("/market/stream"), symbols, market, name: "market")
            + binance(server.at("/public/stream"), symbols, quotes, name: "public")
    }

    private static func binance(
        _ address: WebSocketAddress,
        _ symbols: [String],
        _ suffixes: [String],
        name: String
    ) -> [ConnectionPlan] {
        let streams = symbols.flatMap { symbol in suffixes.map { symbol.lowercased() + $0 } }
        return parts(streams, of: binanceStreamsMax).enumerated().map { number, streams in
            let message = "{\"method\":\"SUBSCRIBE\",\"params\":\(array(streams)),\"id\":1}"
            var plan = ConnectionPlan(name: "\(name).\(number + 1)", address: address, messages: [message])
            plan.refusalMarks = binanceRefusals
            plan.silence = .seconds(60)
            return plan
        }
    }
}
