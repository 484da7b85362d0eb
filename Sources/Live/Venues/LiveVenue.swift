public import MarketData

/// The venues that live feeds are taken from over WebSocket.
///
/// The raw values are what configurations call them.
public enum LiveVenue: String, CaseIterable, Sendable {
    case binance
    case binanceUSDM = "binance-usdm"
    case coinbase
    case kraken
    case bybitSpot = "bybit-spot"
    case bybitLinear = "bybit-linear"

    /// What its instruments are filed under where nobody says otherwise.
    public var venueName: String {
        switch self {
        case .binance: "BINANCE"
        case .binanceUSDM: "BINANCE_FUTURES"
        case .coinbase: "COINBASE"
        case .kraken: "KRAKEN"
        case .bybitSpot: "BYBIT_SPOT"
        case .bybitLinear: "BYBIT"
        }
    }

    /// What decodes its messages.
    public var dialect: String {
        switch self {
        case .binance, .binanceUSDM: "binance"
        case .coinbase: "coinbase"
        case .kraken: "kraken"
        case .bybitSpot, .bybitLinear: "bybit"
        }
    }

    /// Where its server is, without path.
    var server: WebSocketAddress {
        switch self {
        case .binance: WebSocketAddress(host: "data-stream.binance.vision")
        case .binanceUSDM: WebSocketAddress(host: "fstream.binance.com")
        case .coinbase: WebSocketAddress(host: "advanced-trade-ws.coinbase.com")
        case .kraken: WebSocketAddress(host: "ws.kraken.com")
        case .bybitSpot, .bybitLinear: WebSocketAddress(host: "stream.bybit.com")
        }
    }

    /// The connections that bring those events of those symbols, in the venue's own spelling.
    ///
    /// - Parameter server: another server than the venue's.
    public func connections(
        symbols: [String],
        kinds: Set<EventKind>,
        server: WebSocketAddress? = nil
    ) -> [ConnectionPlan] {
        let server = server ?? self.server
        switch self {
        case .binance: return Self.binance(server, symbols, kinds)
        case .binanceUSDM: return Self.binanceUSDM(server, symbols, kinds)
        case .coinbase: return Self.coinbase(server, symbols, kinds)
        case .kraken: return Self.kraken(server, symbols, kinds)
        case .bybitSpot: return Self.bybit(server.at("/v5/public/spot"), symbols, kinds)
        case .bybitLinear: return Self.bybit(server.at("/v5/public/linear"), symbols, kinds)
        }
    }

    /// Splits a list into parts, because venues take so many in one request or over one connection.
    static func parts<Element>(_ list: [Element], of count: Int) -> [[Element]] {
        stride(from: 0, to: list.count, by: count).map { Array(list[$0..<min($0 + count, list.count)]) }
    }

    /// A list of strings as JSON.
    static func array(_ texts: [String]) -> String {
        "[" + texts.map(quoted).joined(separator: ",") + "]"
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"", "\\": quoted += "\\\(character)"
            case "\u{0}"..."\u{1F}": break
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }
}
