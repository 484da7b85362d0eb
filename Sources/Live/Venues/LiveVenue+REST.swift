/// What venues answer over REST about trades that were missed.
///
/// Sources: Binance "Spot REST API" and "USD-M futures REST API"; Coinbase "Advanced Trade REST API"; 2026. Kraken
/// numbers no trades on its WebSocket, and Bybit numbers none at all: nothing tells what was missed of them.
extension LiveVenue {
    /// Where the venue answers REST; nil where it is not asked.
    public var restServer: String? {
        switch self {
        case .binance: "https://api.binance.com"
        case .binanceUSDM: "https://fapi.binance.com"
        case .coinbase: "https://api.coinbase.com"
        case .kraken, .bybitSpot, .bybitLinear: nil
        }
    }

    /// The most trades of one answer.
    private static let tradesMax: Int64 = 1_000

    /// What to ask for the trades of a stream between two numbers; nil where the venue does not tell.
    ///
    /// - Parameter topic: the stream without its connection, such as `btcusdt@trade`.
    func repairTarget(topic: String, after: Int64, before: Int64) -> String? {
        let limit = min(Self.tradesMax, before - after - 1)
        let parts = topic.split(separator: "@")
        switch self {
        case .binance where parts.count == 2 && parts[1] == "trade":
            let symbol = parts[0].uppercased()
            return "/api/v3/historicalTrades?symbol=\(symbol)&fromId=\(after + 1)&limit=\(limit)"
        case .binanceUSDM where parts.count == 2 && parts[1] == "aggTrade":
            let symbol = parts[0].uppercased()
            return "/fapi/v1/aggTrades?symbol=\(symbol)&fromId=\(after + 1)&limit=\(limit)"
        case .coinbase:
            // Only the newest can be asked for by number: the last thousand may reach back far enough.
            let words = topic.split(separator: "|")
            guard words.count == 2, words[0] == "market_trades" else { return nil }
            return "/api/v3/brokerage/market/products/\(words[1])/ticker?limit=\(Self.tradesMax)"
        default: return nil
        }
    }
}
