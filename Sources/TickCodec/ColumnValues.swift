import MarketData

/// Takes the columns out of the events of a block, all in one pass.
///
/// The events are passed over in stretches that stay in the cache of the processor: column after column over a whole
/// block would fetch them all from memory for each. Holds the values of the events taken last; used by one task at a
/// time.
final class ColumnValues {
    /// The values of one column.
    struct Column {
        /// One value for each event, to be overwritten at will.
        ///
        /// Events without one have `ColumnID.absentValue`.
        let values: UnsafeMutableBufferPointer<Int64>
        /// How many events have a value.
        let present: Int
        /// That of all decimals of the column; 0 for other columns.
        let exponent: Int8
    }

    /// What is known of a column so far.
    private struct Tally {
        var present = 0
        /// The least exponent of a decimal, which all values have been brought to.
        var exponent = Int8.max
        /// Whether all decimals fit at that exponent.
        var fits = true
    }

    private let capacity: Int
    private let storage: UnsafeMutableBufferPointer<Int64>
    private var tallies: [Tally] = []
    private var count = 0
    /// The least and the greatest tape position of the events.
    private(set) var positions: (least: Int64, greatest: Int64) = (.max, .min)

    /// Some twenty kilobytes of events.
    private static let stretch = 128

    /// Makes room for the columns of up to `capacity` events.
    init(capacity: Int) {
        self.capacity = capacity
        storage = .allocate(capacity: capacity * (ColumnID.count + 1))
    }

    deinit {
        storage.deallocate()
    }

    /// Takes all columns that events of the kind have.
    func take(_ kind: EventKind, from events: UnsafeBufferPointer<MarketEvent>) {
        let columns = ColumnID.allCases.filter { $0.belongs(to: kind) }
        tallies = Array(repeating: Tally(), count: ColumnID.count + 1)
        count = events.count
        positions = (.max, .min)
        for start in stride(from: 0, to: events.count, by: Self.stretch) {
            let stretch = UnsafeBufferPointer(rebasing: events[start..<min(start + Self.stretch, events.count)])
            for id in columns { take(id, from: stretch, at: start) }
            for event in stretch {
                positions.least = min(positions.least, event.position.rawValue)
                positions.greatest = max(positions.greatest, event.position.rawValue)
            }
        }
    }

    /// A column of what was taken, or nil where its decimals fit no common exponent.
    func column(_ id: ColumnID) -> Column? {
        let tally = tallies[Int(id.rawValue)]
        guard tally.fits else { return nil }
        let exponent = id.isDecimal && tally.present > 0 ? tally.exponent : 0
        return Column(values: values(id, 0..<count), present: tally.present, exponent: exponent)
    }

    private func values(_ id: ColumnID, _ range: Range<Int>) -> UnsafeMutableBufferPointer<Int64> {
        let start = Int(id.rawValue) * capacity
        return UnsafeMutableBufferPointer(rebasing: storage[(start + range.lowerBound)..<(start + range.upperBound)])
    }

    private func take(_ id: ColumnID, from events: UnsafeBufferPointer<MarketEvent>, at start: Int) {
        switch id {
        case .eventTime: takeIntegers(id, events, start) { $0.eventTime.nanoseconds }
        case .receiptDelay:
            takeIntegers(id, events, start) {
                $0.receiptTime.isAbsent ? .min : $0.receiptTime.nanoseconds &- $0.eventTime.nanoseconds
            }
        case .sequence: takeIntegers(id, events, start) { $0.sequence }
        case .idNumber:
            takeIntegers(id, events, start) { Self.trade($0).id.form == .number ? Self.trade($0).id.value : .min }
        case .idText:
            takeIntegers(id, events, start) {
                Self.trade($0).id.form == .text ? Int64(Self.trade($0).id.textRange.count) : .min
            }
        case .side: takeIntegers(id, events, start) { Int64(Self.trade($0).side.rawValue) }
        case .flags: takeIntegers(id, events, start) { Int64($0.flags.rawValue) }
        case .price: takeDecimals(id, events, start) { Self.trade($0).price }
        case .size: takeDecimals(id, events, start) { Self.trade($0).size }
        case .venueCode: takeIntegers(id, events, start) { Self.codes($0).venue }
        case .condition: takeIntegers(id, events, start) { Self.codes($0).condition }
        case .bidPrice: takeDecimals(id, events, start) { Self.quote($0).bidPrice }
        case .bidSize: takeDecimals(id, events, start) { Self.quote($0).bidSize }
        case .askPrice: takeDecimals(id, events, start) { Self.quote($0).askPrice }
        case .askSize: takeDecimals(id, events, start) { Self.quote($0).askSize }
        case .open: takeDecimals(id, events, start) { Self.candle($0).open }
        case .high: takeDecimals(id, events, start) { Self.candle($0).high }
        case .low: takeDecimals(id, events, start) { Self.candle($0).low }
        case .close: takeDecimals(id, events, start) { Self.candle($0).close }
        case .volume: takeDecimals(id, events, start) { Self.candle($0).volume }
        case .interval: takeIntegers(id, events, start) { Int64(Self.candle($0).interval) }
        case .stream: takeIntegers(id, events, start) { Int64($0.stream) }
        }
    }

    @inline(__always)
    private func takeIntegers(
        _ id: ColumnID,
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ start: Int,
        _ value: (MarketEvent) -> Int64
    ) {
        let (values, absent) = (values(id, start..<(start + events.count)), id.absentValue)
        var present = 0
        for index in 0..<events.count {
            let value = value(events[index])
            values[index] = value
            present += value == absent ? 0 : 1
        }
        tallies[Int(id.rawValue)].present += present
    }

    /// Takes decimals, and brings them and those before them to the least exponent of all.
    @inline(__always)
    private func takeDecimals(
        _ id: ColumnID,
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ start: Int,
        _ value: (MarketEvent) -> ExactDecimal
    ) {
        let values = values(id, start..<(start + events.count))
        var tally = tallies[Int(id.rawValue)]
        let before = tally
        var greatest = Int8.min
        for index in 0..<events.count {
            let decimal = value(events[index])
            values[index] = decimal.mantissa
            guard !decimal.isAbsent else { continue }
            tally.present += 1
            tally.exponent = min(tally.exponent, decimal.exponent)
            greatest = max(greatest, decimal.exponent)
        }
        if before.present > 0, tally.exponent < before.exponent {
            tally.fits = tally.fits && rescale(id, 0..<start, from: before.exponent, to: tally.exponent)
        }
        if tally.exponent < greatest {
            for index in 0..<events.count where values[index] != .min {
                guard let scaled = value(events[index]).scaled(to: tally.exponent) else {
                    tally.fits = false
                    break
                }
                values[index] = scaled
            }
        }
        tallies[Int(id.rawValue)] = tally
    }

    /// Brings values from one exponent to a lower one; answers false where one of them does not fit there.
    private func rescale(_ id: ColumnID, _ range: Range<Int>, from exponent: Int8, to lower: Int8) -> Bool {
        let values = values(id, range)
        for index in 0..<values.count where values[index] != .min {
            let decimal = ExactDecimal(mantissa: values[index], exponent: exponent)
            guard let scaled = decimal.scaled(to: lower) else { return false }
            values[index] = scaled
        }
        return true
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
