public import MarketData

/// The venues that are asked over REST.
///
/// The raw values are what configurations call them. Sources, as of 2026: Alpha Vantage "API Documentation", Binance
/// "Spot REST API", Coinbase "Advanced Trade REST API", Kraken "Spot REST API"; Yahoo documents nothing.
public enum PolledVenue: String, CaseIterable, Sendable {
    case alphavantage
    case binance
    case coinbase
    case kraken
    case yahoo

    /// What its instruments are filed under where nobody says otherwise.
    public var venueName: String {
        switch self {
        case .alphavantage: "ALPHAVANTAGE"
        case .binance: "BINANCE"
        case .coinbase: "COINBASE"
        case .kraken: "KRAKEN"
        case .yahoo: "YAHOO"
        }
    }

    /// What decodes its answers.
    public var dialect: String { rawValue }

    /// Where it answers.
    private var server: String {
        switch self {
        case .alphavantage: "https://www.alphavantage.co"
        case .binance: "https://data-api.binance.vision"
        case .coinbase: "https://api.coinbase.com"
        case .kraken: "https://api.kraken.com"
        case .yahoo: "https://query1.finance.yahoo.com"
        }
    }

    /// What is asked for those events of those symbols; nothing where the venue does not give them.
    ///
    /// - Parameters:
    ///   - bars: the length of bars: 1m, 5m, 1h or 1d.
    ///   - server: another server than the venue's, `https://host:port`.
    ///   - key: what the venue wants to know its user by.
    public func plans(
        symbols: [String],
        kinds: Set<EventKind>,
        bars: String,
        every interval: Duration,
        server: String? = nil,
        key: String? = nil
    ) -> [PollPlan] {
        symbols.flatMap { symbol in
            kinds.sorted { $0.rawValue < $1.rawValue }.compactMap { kind in
                target(kind, Self.escaped(symbol), bars).map { target in
                    var plan = PollPlan(
                        name: "rest.\(symbol)",
                        server: server ?? self.server,
                        target: target,
                        every: interval
                    )
                    plan.cursor = cursor(kind)
                    if self == .alphavantage { plan.secret = "apikey=\(Self.escaped(key ?? "demo"))" }
                    return plan
                }
            }
        }
    }

    private func cursor(_ kind: EventKind) -> PollPlan.Cursor {
        switch (self, kind) {
        case (.kraken, .trade): .krakenSince
        case (.binance, .trade): .binanceFromID
        default: .newest
        }
    }

    private func target(_ kind: EventKind, _ symbol: String, _ bars: String) -> String? {
        switch (self, kind) {
        case (.binance, .candle): "/api/v3/klines?symbol=\(symbol)&interval=\(bars)&limit=100"
        case (.binance, .trade): "/api/v3/aggTrades?symbol=\(symbol)&limit=1000"
        case (.coinbase, .trade): "/api/v3/brokerage/market/products/\(symbol)/ticker?limit=1000"
        case (.kraken, .trade): "/0/public/Trades?pair=\(symbol)"
        case (.yahoo, .candle):
            "/v8/finance/chart/\(symbol)?interval=\(bars == "1h" ? "60m" : bars)&range=\(bars == "1d" ? "1mo" : "1d")"
        case (.alphavantage, .candle): Self.alphaVantage(symbol, bars)
        case (.alphavantage, .quote): "/query?function=GLOBAL_QUOTE&symbol=\(symbol)"
        default: nil
        }
    }

    private static func alphaVantage(_ symbol: String, _ bars: String) -> String {
        let intervals = ["1m": "1min", "5m": "5min", "1h": "60min"]
        guard let interval = intervals[bars] else { return "/query?function=TIME_SERIES_DAILY&symbol=\(symbol)" }
        return "/query?function=TIME_SERIES_INTRADAY&symbol=\(symbol)&interval=\(interval)"
    }

    /// Percent-encoded but for what RFC 3986 leaves alone.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = text.utf8.flatMap { byte -> [UInt8] in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || [45, 46, 95, 126].contains(byte)
            return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
