import BSON
import DocumentStore
import MarketData

/// What a bucket of trades says without being decoded: first, highest, lowest and last price, and volume.
///
/// First and last follow event time, then position. Buckets of other kinds have none.
struct BucketSummary: Equatable, Sendable {
    private(set) var open: ExactDecimal
    private(set) var high: ExactDecimal
    private(set) var low: ExactDecimal
    private(set) var close: ExactDecimal
    private var openTime: Int64
    private(set) var closeTime: Int64
    /// The sum of all sizes: mantissa and exponent.
    ///
    /// Nil once it does not fit into 34 digits.
    private(set) var volume: Volume?

    typealias Volume = (mantissa: Int128, exponent: Int8)

    /// The summary of trades, or nil where the events are no trades.
    init?(_ events: some Collection<MarketEvent>) {
        guard let first = events.first, case .trade(let trade) = first.payload else { return nil }
        open = trade.price
        high = trade.price
        low = trade.price
        close = trade.price
        openTime = first.eventTime.nanoseconds
        closeTime = openTime
        volume = (0, 0)
        for event in events { add(event) }
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
        // A zero adds nothing, whatever its exponent.
        if !trade.size.isAbsent, trade.size.mantissa != 0 { addVolume(trade.size) }
    }

    @inline(__always)
    private mutating func addVolume(_ size: ExactDecimal) {
        guard var sum = volume else { return }
        if size.exponent == sum.exponent {
            sum.mantissa += Int128(size.mantissa)
            volume = sum.mantissa < Self.mantissaMax ? sum : nil
            return
        }
        let exponent = min(sum.mantissa == 0 ? size.exponent : sum.exponent, size.exponent)
        guard let left = Self.scale(sum.mantissa, from: sum.exponent, to: exponent),
            let right = Self.scale(Int128(size.mantissa), from: size.exponent, to: exponent),
            left + right < Self.mantissaMax
        else {
            volume = nil
            return
        }
        volume = (left + right, exponent)
    }

    private static let mantissaMax = Int128(1) << 112

    private static func scale(_ mantissa: Int128, from: Int8, to: Int8) -> Int128? {
        guard mantissa != 0 else { return 0 }
        var result = mantissa
        for _ in 0..<(Int(from) - Int(to)) {
            guard result <= (mantissaMax - 1) / 10 else { return nil }
            result *= 10
        }
        return result
    }

    /// Compares values: blocks hold all prices of a column at one exponent, so `0.10` comes back as `0.1`.
    static func == (left: BucketSummary, right: BucketSummary) -> Bool {
        left.open == right.open && left.high == right.high && left.low == right.low && left.close == right.close
            && left.openTime == right.openTime && left.closeTime == right.closeTime
            && isEqual(left.volume, right.volume)
    }

    private static func isEqual(_ left: Volume?, _ right: Volume?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        let exponent = min(left.exponent, right.exponent)
        let sums = [left, right].map { scale($0.mantissa, from: $0.exponent, to: exponent) }
        return sums[0] != nil && sums[0] == sums[1]
    }
}

// The form in documents: decimals that any client of MongoDB can read and compare.
extension BucketSummary {
    private typealias Field = MarketDataCollection.Field

    private static let openTimeField = "open_time"

    var fields: [(field: String, value: BSONValue)] {
        [
            (Field.open, Self.value(open)),
            (Field.high, Self.value(high)),
            (Field.low, Self.value(low)),
            (Field.close, Self.value(close)),
            (Self.openTimeField, .int64(openTime)),
            (Field.closeTime, .int64(closeTime)),
            (
                Field.volume,
                volume.map { .decimal128(Decimal128(coefficient: $0.mantissa, exponent: Int($0.exponent))) } ?? .null
            ),
        ]
    }

    /// Reads the summary back; nil where the document has none.
    init?(_ document: BSONDocument) {
        guard let open = Self.decimal(document[Field.open]), let high = Self.decimal(document[Field.high]),
            let low = Self.decimal(document[Field.low]), let close = Self.decimal(document[Field.close]),
            let openTime = document[Self.openTimeField]?.integer, let closeTime = document[Field.closeTime]?.integer
        else { return nil }
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.openTime = openTime
        self.closeTime = closeTime
        if let parts = document[Field.volume]?.decimal128?.parts, let exponent = Int8(exactly: parts.exponent) {
            volume = (parts.coefficient, exponent)
        }
    }

    private static func value(_ decimal: ExactDecimal) -> BSONValue {
        .decimal128(Decimal128(coefficient: Int128(decimal.mantissa), exponent: Int(decimal.exponent)))
    }

    static func decimal(_ value: BSONValue?) -> ExactDecimal? {
        guard let parts = value?.decimal128?.parts, let mantissa = Int64(exactly: parts.coefficient),
            let exponent = Int8(exactly: parts.exponent)
        else { return nil }
        return ExactDecimal(mantissa: mantissa, exponent: exponent)
    }
}
