/// A bar, and between which positions of the tape its trades stand.
public struct PositionedBar: Equatable, Sendable {
    public private(set) var bar: TradeBar
    public private(set) var firstPosition: Int64
    public private(set) var lastPosition: Int64

    public init(_ bar: TradeBar, firstPosition: Int64, lastPosition: Int64) {
        self.bar = bar
        self.firstPosition = firstPosition
        self.lastPosition = lastPosition
    }

    @inline(__always)
    fileprivate mutating func add(_ trade: Trade, at time: Int64, position: Int64) {
        bar.add(trade, at: time)
        lastPosition = position
    }

    /// Merges a bar that stands behind this one, as `TradeBar.merge`.
    public mutating func merge(_ next: PositionedBar) {
        bar.merge(next.bar)
        firstPosition = min(firstPosition, next.firstPosition)
        lastPosition = max(lastPosition, next.lastPosition)
    }

    /// The bar as part of a longer one.
    public func widened(to interval: CandleInterval) -> PositionedBar {
        PositionedBar(bar.widened(to: interval), firstPosition: firstPosition, lastPosition: lastPosition)
    }
}

/// Builds the bars of one interval from the trades of one source.
///
/// Trades of the same time must come in the order of their positions. Times are nearly in order as a rule, so the bar
/// of the trade before is at hand, and the next one is the last; others are looked up.
public struct BarBuilder: Sendable {
    private let interval: CandleInterval
    private let length: UInt64
    /// The bars in order of start; the current one as it was when it became that.
    private var placed: [PositionedBar] = []
    private var current: PositionedBar?
    /// The place of the current bar.
    private var place = 0

    public init(_ interval: CandleInterval) {
        self.interval = interval
        length = UInt64(interval.nanoseconds)
    }

    /// Adds the trades among events.
    public mutating func add(_ events: ContiguousArray<MarketEvent>) {
        for event in events { add(event) }
    }

    /// Adds an event, if it is a trade.
    @inline(__always)
    public mutating func add(_ event: MarketEvent) {
        guard case .trade(let trade) = event.payload else { return }
        let time = event.eventTime.nanoseconds
        if let start = current?.bar.start, UInt64(bitPattern: time &- start) < length {
            current?.add(trade, at: time, position: event.position.rawValue)
        } else {
            switchBar(trade, at: time, position: event.position.rawValue)
        }
    }

    private mutating func switchBar(_ trade: Trade, at time: Int64, position: Int64) {
        if let current { placed[place] = current }
        let start = interval.start(of: time)
        place = firstPlace(notBefore: start)
        if place < placed.count, placed[place].bar.start == start {
            var known = placed[place]
            known.add(trade, at: time, position: position)
            current = known
        } else {
            let bar = TradeBar(start: start, trade, at: time)
            let positioned = PositionedBar(bar, firstPosition: position, lastPosition: position)
            placed.insert(positioned, at: place)
            current = positioned
        }
    }

    private func firstPlace(notBefore start: Int64) -> Int {
        guard let last = placed.last, last.bar.start >= start else { return placed.count }
        var low = 0
        var high = placed.count
        while low < high {
            let middle = (low + high) / 2
            if placed[middle].bar.start < start { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The bars so far, in order of start.
    public var positionedBars: [PositionedBar] {
        var all = placed
        if let current { all[place] = current }
        return all
    }

    /// The bars so far, in order of start.
    public var bars: [TradeBar] { positionedBars.map(\.bar) }
}
