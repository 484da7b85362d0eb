/// The length of a bar.
enum KlineInterval: String, CaseIterable {
    case minute = "1m"
    case fiveMinutes = "5m"
    case quarter = "15m"
    case hour = "1h"

    /// How long a bar lasts, in milliseconds.
    var length: Int64 {
        switch self {
        case .minute: 60_000
        case .fiveMinutes: 300_000
        case .quarter: 900_000
        case .hour: 3_600_000
        }
    }
}

/// What a client can subscribe to; every stream has a number.
struct StreamList {
    /// Kinds of streams, by what stands behind the `@`.
    private static let suffixes =
        ["trade", "aggTrade", "bookTicker"] + KlineInterval.allCases.map { "kline_" + $0.rawValue }

    static let trade = 0
    static let aggregateTrade = 1
    static let bookTicker = 2
    /// The kind of the first interval of bars; those of the others follow.
    static let firstKline = 3
    static let kinds = suffixes.count

    /// The symbols as Binance spells them: BTCUSDT.
    let symbols: [String]
    /// Names of streams, by their numbers: btcusdt@trade.
    let names: [String]
    private let numbers: [String: Int]
    private let symbolIndices: [String: Int]

    init(_ instruments: [Instrument]) {
        symbols = instruments.map { Self.symbol(of: $0) }
        names = symbols.flatMap { symbol in Self.suffixes.map { symbol.lowercased() + "@" + $0 } }
        numbers = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        symbolIndices = Dictionary(symbols.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The number of a stream.
    @inline(__always)
    static func number(instrument: Int, kind: Int) -> Int { instrument &* kinds &+ kind }

    /// The number of the stream of a name; nil where there is none.
    func number(of name: String) -> Int? { numbers[name] }

    /// The instrument of a symbol; nil where there is none.
    func instrument(of symbol: String) -> Int? { symbolIndices[symbol] }

    private static func symbol(of instrument: Instrument) -> String {
        let base = instrument.symbol.prefix { $0 != "-" }
        return base + "USDT"
    }
}
