/// Draws trades and quotes of instruments of Zipf-like popularity.
///
/// Prices walk randomly on the tick grid of their instrument, sizes have a long tail, and trade ids of an instrument
/// count by one. The same seed and the same calls draw the same.
struct MarketWalk {
    /// A trade without its time.
    struct Trade {
        /// Index of the instrument.
        let instrument: Int
        let sequence: UInt64
        let tradeID: UInt64
        /// Microseconds since the trade before it.
        let pause: Int64
        /// In ticks of the instrument, as its size.
        let price: Int64
        let size: Int64
        let isBuy: Bool
    }

    /// The best prices of an instrument.
    struct Quote {
        let instrument: Int
        /// Grows by any amount from one quote of the instrument to the next.
        let sequence: UInt64
        let bid: Int64
        let bidSize: Int64
        let ask: Int64
        let askSize: Int64
    }

    /// Popularity is drawn from a table of so many entries: more where few would leave instruments out.
    private static func popularityBits(instruments count: Int) -> UInt64 { count > 10_000 ? 22 : 16 }

    var instruments: [Instrument]
    var random: SplitMix64
    private let popularity: [UInt32]
    private let popularityBits: UInt64

    init(instruments count: Int, seed: UInt64) {
        instruments = (0..<count).map { Instrument(listing: .at(rank: $0), rank: $0) }
        popularityBits = Self.popularityBits(instruments: count)
        popularity = Self.popularityTable(instruments: count, bits: popularityBits)
        random = SplitMix64(seed: seed)
    }

    /// Draws the next trade and moves its instrument on.
    ///
    /// - Parameter longestPause: of its time, in microseconds.
    mutating func nextTrade(longestPause: UInt64) -> Trade {
        let bits = random.next()
        let index = Int(popularity[Int(bits >> (64 - popularityBits))])
        let pause = Int64(random.next(below: longestPause + 1))
        // Half of the trades print at the price before; the others move by one to three ticks.
        let step = bits & 1 == 0 ? 0 : Int64(bits >> 1 & 0xFF) % 3 + 1
        let isUp = bits >> 9 & 1 == 0
        let keepsSide = bits >> 10 & 3 != 0
        let isRound = bits >> 12 & 7 == 0
        let size = drawSize(of: index, isRound: isRound)

        let range = instruments[index].priceRange
        var price = instruments[index].price + (isUp ? step : -step)
        price = min(max(price, range.lowerBound), range.upperBound)
        instruments[index].price = price
        if !keepsSide {
            instruments[index].lastWasBuy.toggle()
        }
        let trade = Trade(
            instrument: index,
            sequence: instruments[index].nextSequence,
            tradeID: instruments[index].nextTradeID,
            pause: pause,
            price: price,
            size: size,
            isBuy: instruments[index].lastWasBuy
        )
        instruments[index].nextSequence += 1
        instruments[index].nextTradeID += 1
        return trade
    }

    /// Draws the next quote: one tick wide, around the price of the newest trade of its instrument.
    mutating func nextQuote() -> Quote {
        let bits = random.next()
        let index = Int(popularity[Int(bits >> (64 - popularityBits))])
        // Who bought paid the ask.
        let ask = max(2, instruments[index].price + (instruments[index].lastWasBuy ? 0 : 1))
        instruments[index].nextSequence += bits & 7 + 1
        return Quote(
            instrument: index,
            sequence: instruments[index].nextSequence,
            bid: ask - 1,
            bidSize: drawSize(of: index, isRound: false),
            ask: ask,
            askSize: drawSize(of: index, isRound: false)
        )
    }

    /// Draws a size whose magnitude is spread over many powers of two, some of them round numbers.
    private mutating func drawSize(of index: Int, isRound: Bool) -> Int64 {
        let bits = random.next()
        let width = instruments[index].sizeBits - bits % (instruments[index].sizeBits / 2)
        let size = Int64(bits >> (64 - width)) + 1
        guard isRound else { return size }
        let lot = max(1, Int64(instruments[index].sizeScale) / 100)
        return max(lot, size / lot * lot)
    }

    private static func popularityTable(instruments count: Int, bits: UInt64) -> [UInt32] {
        let entries = 1 << bits
        let weights = (0..<count).map { 1_000_000_000 / ($0 + 1) }
        let sum = weights.reduce(0, +)
        var table: [UInt32] = []
        table.reserveCapacity(entries)
        var reached = 0
        for (index, weight) in weights.enumerated() {
            reached += weight
            let end = index == count - 1 ? entries : reached * entries / sum
            while table.count < end {
                table.append(UInt32(index))
            }
        }
        return table
    }
}
