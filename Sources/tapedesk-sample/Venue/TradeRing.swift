/// A trade as it was played.
struct PlayedTrade {
    /// Index of the instrument.
    let instrument: Int
    let id: UInt64
    /// Milliseconds since 1970.
    let time: Int64
    /// In ticks of the instrument, as its size.
    let price: Int64
    let size: Int64
    let isBuy: Bool
}

/// The newest trades of all instruments together; older ones are forgotten.
struct TradeRing {
    static let capacity = 100_000

    private var trades: ContiguousArray<PlayedTrade> = []
    /// Where the oldest trade is once the ring is full.
    private var oldest = 0

    var count: Int { trades.count }

    /// The trade at a place from the oldest one, 0, on.
    subscript(place: Int) -> PlayedTrade {
        let index = oldest + place
        return trades[index < trades.count ? index : index - trades.count]
    }

    mutating func append(_ trade: PlayedTrade) {
        guard trades.count == Self.capacity else { return trades.append(trade) }
        trades[oldest] = trade
        oldest = oldest + 1 == Self.capacity ? 0 : oldest + 1
    }

    /// Trades of an instrument from an id on, in order; the newest where no id is given.
    func trades(of instrument: Int, from id: UInt64?, limit: Int) -> [PlayedTrade] {
        var found: [PlayedTrade] = []
        guard let id else {
            for place in (0..<count).reversed() where self[place].instrument == instrument {
                guard found.count < limit else { break }
                found.append(self[place])
            }
            return found.reversed()
        }
        for place in 0..<count where self[place].instrument == instrument && self[place].id >= id {
            guard found.count < limit else { break }
            found.append(self[place])
        }
        return found
    }
}
