import MarketData

/// Takes single columns out of the events of a block.
///
/// Holds the values of the column taken last; used by one task at a time.
final class ColumnValues {
    /// One value for each event; those without one have `ColumnID.absentValue`.
    let values: UnsafeMutableBufferPointer<Int64>

    /// What was taken.
    struct Summary {
        /// How many events have a value.
        let present: Int
        /// That of all decimals of the column; 0 for other columns.
        let exponent: Int8
    }

    /// Makes room for the columns of up to `capacity` events.
    init(capacity: Int) {
        values = .allocate(capacity: capacity)
    }

    deinit {
        values.deallocate()
    }

    /// Fills `values` with a column, or answers nil where its decimals fit no common exponent.
    func take(_ id: ColumnID, from events: UnsafeBufferPointer<MarketEvent>) -> Summary? {
        switch id {
        case .eventTime: takeIntegers(id, events) { $0.eventTime.nanoseconds }
        case .receiptDelay:
            takeIntegers(id, events) {
                $0.receiptTime.isAbsent ? .min : $0.receiptTime.nanoseconds &- $0.eventTime.nanoseconds
            }
        case .sequence: takeIntegers(id, events) { $0.sequence }
        case .idNumber:
            takeIntegers(id, events) { Self.trade($0).id.form == .number ? Self.trade($0).id.value : .min }
        case .idText:
            takeIntegers(id, events) {
                Self.trade($0).id.form == .text ? Int64(Self.trade($0).id.textRange.count) : .min
            }
        case .side: takeIntegers(id, events) { Int64(Self.trade($0).side.rawValue) }
        case .flags: takeIntegers(id, events) { Int64($0.flags.rawValue) }
        case .price: takeDecimals(events) { Self.trade($0).price }
        case .size: takeDecimals(events) { Self.trade($0).size }
        case .venueCode: takeIntegers(id, events) { Self.codes($0).venue }
        case .condition: takeIntegers(id, events) { Self.codes($0).condition }
        case .bidPrice: takeDecimals(events) { Self.quote($0).bidPrice }
        case .bidSize: takeDecimals(events) { Self.quote($0).bidSize }
        case .askPrice: takeDecimals(events) { Self.quote($0).askPrice }
        case .askSize: takeDecimals(events) { Self.quote($0).askSize }
        case .open: takeDecimals(events) { Self.candle($0).open }
        case .high: takeDecimals(events) { Self.candle($0).high }
        case .low: takeDecimals(events) { Self.candle($0).low }
        case .close: takeDecimals(events) { Self.candle($0).close }
        case .volume: takeDecimals(events) { Self.candle($0).volume }
        case .interval: takeIntegers(id, events) { Int64(Self.candle($0).interval) }
        case .stream: takeIntegers(id, events) { Int64($0.stream) }
        }
    }

    @inline(__always)
    private func takeIntegers(
        _ id: ColumnID,
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ value: (MarketEvent) -> Int64
    ) -> Summary {
        let (values, absent) = (values, id.absentValue)
        var present = 0
        for index in 0..<events.count {
            let value = value(events[index])
            values[index] = value
            present += value == absent ? 0 : 1
        }
        return Summary(present: present, exponent: 0)
    }

    /// Takes decimals at their least exponent.
    @inline(__always)
    private func takeDecimals(
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ value: (MarketEvent) -> ExactDecimal
    ) -> Summary? {
        let values = values
        var least = Int8.max
        var greatest = Int8.min
        var present = 0
        for index in 0..<events.count {
            let decimal = value(events[index])
            values[index] = decimal.mantissa
            guard !decimal.isAbsent else { continue }
            present += 1
            least = min(least, decimal.exponent)
            greatest = max(greatest, decimal.exponent)
        }
        if least < greatest {
            for index in 0..<events.count where values[index] != .min {
                guard let scaled = value(events[index]).scaled(to: least) else { return nil }
                values[index] = scaled
            }
        }
        return Summary(present: present, exponent: present > 0 ? least : 0)
    }

    @inline(__always)
    private static func trade(_ event: MarketEvent) -> Trade {
        guard case .trade(let trade) = event.payload else { preconditionFailure("a trade block holds trades") }
        return trade
    }

    @inline(__always)
    private static func quote(_ event: MarketEvent) -> Quote {
        guard case .quote(let quote) = event.payload else { preconditionFailure("a quote block holds quotes") }
        return quote
    }

    @inline(__always)
    private static func candle(_ event: MarketEvent) -> Candle {
        guard case .candle(let candle) = event.payload else { preconditionFailure("a candle block holds candles") }
        return candle
    }

    @inline(__always)
    private static func codes(_ event: MarketEvent) -> (venue: Int64, condition: Int64) {
        switch event.payload {
        case .trade(let trade):
            (Int64(bitPattern: trade.venueCode.rawValue), Int64(bitPattern: trade.condition.rawValue))
        case .quote(let quote):
            (Int64(bitPattern: quote.venueCode.rawValue), Int64(bitPattern: quote.condition.rawValue))
        case .candle: preconditionFailure("a candle has no codes")
        }
    }
}
