/// A bar of trades, in ticks of its instrument.
struct KlineBar {
    /// Milliseconds since 1970.
    let start: Int64
    /// The first millisecond that is not in the bar.
    let end: Int64
    private(set) var open: Int64
    private(set) var high: Int64
    private(set) var low: Int64
    private(set) var close: Int64
    private(set) var volume: Int64 = 0
    /// Sum of price by size.
    private(set) var turnover: Int128 = 0
    /// What buyers took.
    private(set) var takenVolume: Int64 = 0
    private(set) var takenTurnover: Int128 = 0
    private(set) var trades: UInt64 = 0
    /// -1 where there are no trades.
    private(set) var firstID: Int64 = -1
    private(set) var lastID: Int64 = -1

    /// The bar that a trade begins.
    init(_ trade: PlayedTrade, _ interval: KlineInterval) {
        let start = trade.time - trade.time % interval.length
        self.init(start: start, length: interval.length, price: trade.price)
        add(trade)
    }

    /// A bar without trades.
    private init(start: Int64, length: Int64, price: Int64) {
        self.start = start
        end = start + length
        (open, high, low, close) = (price, price, price, price)
    }

    /// The bar behind this one, as long as it has no trades.
    func next() -> KlineBar { KlineBar(start: end, length: end - start, price: close) }

    /// Adds a trade of the time of the bar, which comes behind those before.
    mutating func add(_ trade: PlayedTrade) {
        if trades == 0 { (open, high, low) = (trade.price, trade.price, trade.price) }
        high = max(high, trade.price)
        low = min(low, trade.price)
        close = trade.price
        volume += trade.size
        let product = Int128(trade.price) * Int128(trade.size)
        turnover += product
        if trade.isBuy {
            takenVolume += trade.size
            takenTurnover += product
        }
        if trades == 0 { firstID = Int64(clamping: trade.id) }
        lastID = Int64(clamping: trade.id)
        trades += 1
    }
}
