/// What the trades of one stretch of time come to: first, highest, lowest and last price, and how much was traded.
///
/// A value that merges: the bars of parts are the bar of the whole. First and last follow event time; among trades of
/// the same time they follow the order in which they are added, or in which bars are merged.
public struct TradeBar: Equatable, Sendable {
    /// The start of the stretch, in nanoseconds.
    public private(set) var start: Int64
    public private(set) var open: ExactDecimal
    public private(set) var high: ExactDecimal
    public private(set) var low: ExactDecimal
    public private(set) var close: ExactDecimal
    /// Event times of the first and the last trade, in nanoseconds.
    public private(set) var openTime: Int64
    public private(set) var closeTime: Int64
    /// The sum of sizes.
    public private(set) var volume = DecimalSum.zero
    /// The sum of price × size.
    public private(set) var turnover = DecimalSum.zero
    /// Sums of the sizes of trades that a buyer, or a seller, initiated.
    public private(set) var buyVolume = DecimalSum.zero
    public private(set) var sellVolume = DecimalSum.zero
    public private(set) var count: Int64 = 0

    /// The bar of one trade.
    public init(start: Int64, _ trade: Trade, at time: Int64) {
        self.start = start
        open = trade.price
        high = trade.price
        low = trade.price
        close = trade.price
        openTime = time
        closeTime = time
        add(trade, at: time)
    }

    /// A bar that was stored.
    public init(start: Int64, prices: Prices, times: (open: Int64, close: Int64), sums: Sums, count: Int64) {
        self.start = start
        open = prices.open
        high = prices.high
        low = prices.low
        close = prices.close
        openTime = times.open
        closeTime = times.close
        volume = sums.volume
        turnover = sums.turnover
        buyVolume = sums.buyVolume
        sellVolume = sums.sellVolume
        self.count = count
    }

    public typealias Prices = (open: ExactDecimal, high: ExactDecimal, low: ExactDecimal, close: ExactDecimal)
    public typealias Sums = (volume: DecimalSum, turnover: DecimalSum, buyVolume: DecimalSum, sellVolume: DecimalSum)

    /// Adds a trade that stands behind all others in the order of its source.
    @inline(__always)
    public mutating func add(_ trade: Trade, at time: Int64) {
        if time < openTime {
            openTime = time
            open = trade.price
        }
        if time >= closeTime {
            closeTime = time
            close = trade.price
        }
        if trade.price < low { low = trade.price }
        if high < trade.price { high = trade.price }
        volume.add(trade.size)
        turnover.addProduct(trade.price, trade.size)
        switch trade.side {
        case .buy: buyVolume.add(trade.size)
        case .sell: sellVolume.add(trade.size)
        case .unknown: break
        }
        count &+= 1
    }

    /// Merges a bar that stands behind this one: of later trades of the source, or of a source later by name.
    ///
    /// The earlier start stays; of trades at the same time this bar's come first.
    public mutating func merge(_ next: TradeBar) {
        start = min(start, next.start)
        if next.openTime < openTime {
            openTime = next.openTime
            open = next.open
        }
        if next.closeTime >= closeTime {
            closeTime = next.closeTime
            close = next.close
        }
        if next.low < low { low = next.low }
        if high < next.high { high = next.high }
        volume.add(next.volume)
        turnover.add(next.turnover)
        buyVolume.add(next.buyVolume)
        sellVolume.add(next.sellVolume)
        count += next.count
    }

    /// The bar as part of a longer one.
    public func widened(to interval: CandleInterval) -> TradeBar {
        var bar = self
        bar.start = interval.start(of: start)
        return bar
    }

    /// The places that a volume-weighted price is rounded to.
    public static let averagePlaces = 10

    /// The volume-weighted average price, rounded half to even; nil where nothing was traded, or it does not fit.
    public var averagePrice: DecimalSum? { turnover.divided(by: volume, places: Self.averagePlaces) }
}

extension TradeBar {
    /// Merges bars into those of a longer interval, each with the ones before it; the result is in order of start.
    public static func merged(_ bars: some Sequence<TradeBar>, to interval: CandleInterval) -> [TradeBar] {
        var merged: [TradeBar] = []
        for bar in bars {
            let wide = bar.widened(to: interval)
            let last = merged.last?.start ?? .min
            // They are in order nearly always.
            guard last <= wide.start else { return self.merged(sorted(Array(bars)), to: interval) }
            if last == wide.start { merged[merged.count - 1].merge(wide) } else { merged.append(wide) }
        }
        return merged
    }

    /// Bars in order of start; those of one start stay in their order.
    private static func sorted(_ bars: [TradeBar]) -> [TradeBar] {
        bars.indices.sorted { (bars[$0].start, $0) < (bars[$1].start, $1) }.map { bars[$0] }
    }
}
