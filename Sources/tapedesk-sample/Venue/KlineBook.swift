import NIOCore

/// The bars of all instruments and intervals: those that go on, and the newest of those that have ended.
struct KlineBook {
    /// How many ended bars are kept, over all instruments and intervals.
    private static let endedMax = 100_000

    /// By instrument and interval; nil before the first trade.
    private var bars: [KlineBar?]
    private var ended: [CircularBuffer<KlineBar>]
    /// How many ended bars are kept of one instrument and interval.
    private let endedMax: Int

    init(instruments: Int) {
        let count = instruments * KlineInterval.allCases.count
        bars = Array(repeating: nil, count: count)
        ended = Array(repeating: CircularBuffer(), count: count)
        endedMax = Self.endedMax / count
    }

    /// Adds a trade, which is not older than those before.
    ///
    /// - Parameter whenEnded: gets each bar that ends by that, with the number of its stream.
    mutating func add(_ trade: PlayedTrade, whenEnded: (KlineBar, Int) -> Void) {
        for (ordinal, interval) in KlineInterval.allCases.enumerated() {
            let place = trade.instrument * KlineInterval.allCases.count + ordinal
            if bars[place] == nil {
                bars[place] = KlineBar(trade, interval)
            } else {
                end(place, at: trade.time, whenEnded)
                bars[place]?.add(trade)
            }
        }
    }

    /// Goes through all bars as they stand at a time, and before them those that have ended until then.
    ///
    /// - Parameter show: gets each bar with the number of its stream.
    mutating func showAll(at time: Int64, _ show: (KlineBar, Int) -> Void) {
        for place in bars.indices {
            end(place, at: time, show)
            if let bar = bars[place] { show(bar, Self.stream(at: place)) }
        }
    }

    /// The bars of an instrument, in order, with the one that goes on.
    func bars(of instrument: Int, _ interval: KlineInterval) -> [KlineBar] {
        guard let ordinal = KlineInterval.allCases.firstIndex(of: interval) else { return [] }
        let place = instrument * KlineInterval.allCases.count + ordinal
        return Array(ended[place]) + (bars[place].map { [$0] } ?? [])
    }

    /// Ends the bars that are over; one without trades is flat, as Binance has it.
    private mutating func end(_ place: Int, at time: Int64, _ whenEnded: (KlineBar, Int) -> Void) {
        while let bar = bars[place], bar.end <= time {
            whenEnded(bar, Self.stream(at: place))
            if ended[place].count == endedMax { ended[place].removeFirst() }
            ended[place].append(bar)
            bars[place] = bar.next()
        }
    }

    private static func stream(at place: Int) -> Int {
        let (instrument, ordinal) = place.quotientAndRemainder(dividingBy: KlineInterval.allCases.count)
        return StreamList.number(instrument: instrument, kind: StreamList.firstKline + ordinal)
    }
}
