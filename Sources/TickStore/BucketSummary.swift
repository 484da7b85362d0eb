import BSON
import DocumentStore
import MarketData

/// What a bucket of trades says without being decoded: first, highest, lowest and last price, and volume.
///
/// First and last follow event time, then position. Buckets of other kinds have none. Values are compared, not their
/// digits: blocks hold all prices of a column at one exponent, so `0.10` comes back as `0.1`.
struct BucketSummary: Equatable, Sendable {
    private(set) var open: ExactDecimal
    private(set) var high: ExactDecimal
    private(set) var low: ExactDecimal
    private(set) var close: ExactDecimal
    private var openTime: Int64
    private(set) var closeTime: Int64
    /// The sum of all sizes.
    private(set) var volume = DecimalSum.zero

    /// The summary of trades, or nil where the events are no trades.
    init?(_ events: some Collection<MarketEvent>) {
        guard let first = events.first, case .trade(let trade) = first.payload else { return nil }
        open = trade.price
        high = trade.price
        low = trade.price
        close = trade.price
        openTime = first.eventTime.nanoseconds
        closeTime = openTime
        for event in events { add(event) }
    }

    /// The summary of the trades that bars were made of, which are in order; nil where there are none.
    init?(_ bars: [TradeBar]) {
        guard let first = bars.first else { return nil }
        self.init(first)
        for bar in bars.dropFirst() { add(BucketSummary(bar)) }
    }

    private init(_ bar: TradeBar) {
        open = bar.open
        high = bar.high
        low = bar.low
        close = bar.close
        openTime = bar.openTime
        closeTime = bar.closeTime
        volume = bar.volume
    }

    /// Adds events that stand behind all others on the tape.
    mutating func add(_ events: some Collection<MarketEvent>) {
        for event in events { add(event) }
    }

    @inline(__always)
    private mutating func add(_ event: MarketEvent) {
        guard case .trade(let trade) = event.payload else { return }
        let time = event.eventTime.nanoseconds
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
    }

    /// Adds what stands behind all of this, at equal times.
    mutating func add(_ later: BucketSummary) {
        if later.openTime < openTime {
            openTime = later.openTime
            open = later.open
        }
        if later.closeTime >= closeTime {
            closeTime = later.closeTime
            close = later.close
        }
        if later.low < low { low = later.low }
        if high < later.high { high = later.high }
        volume.add(later.volume)
    }
}

// The form in documents: decimals that any client of MongoDB can read and compare.
extension BucketSummary {
    private typealias Field = MarketDataCollection.Field

    private static let openTimeField = "open_time"

    static let fieldNames = [
        Field.open, Field.high, Field.low, Field.close, openTimeField, Field.closeTime, Field.volume,
    ]

    var fields: [(field: String, value: BSONValue)] {
        [
            (Field.open, .decimal(open)),
            (Field.high, .decimal(high)),
            (Field.low, .decimal(low)),
            (Field.close, .decimal(close)),
            (Self.openTimeField, .int64(openTime)),
            (Field.closeTime, .int64(closeTime)),
            (Field.volume, .sum(volume)),
        ]
    }

    /// Reads the summary back; nil where the document has none.
    init?(_ document: BSONDocument) {
        guard let open = document[Field.open]?.exactDecimal, let high = document[Field.high]?.exactDecimal,
            let low = document[Field.low]?.exactDecimal, let close = document[Field.close]?.exactDecimal,
            let openTime = document[Self.openTimeField]?.integer, let closeTime = document[Field.closeTime]?.integer
        else { return nil }
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.openTime = openTime
        self.closeTime = closeTime
        volume = document[Field.volume]?.decimalSum ?? .overflown
    }
}
