import MarketData

/// The columns of the block that is being read, with one value for every event.
///
/// Holds its memory from block to block; used by one task at a time.
final class BlockColumns {
    private var storage = UnsafeMutableBufferPointer<Int64>(start: nil, count: 0)
    /// The length of each column of `storage`: that of the longest block so far.
    private var columnLength = 0
    private var eventCount = 0
    /// Columns of `storage` that are taken.
    ///
    /// The first two stand for columns that the block does not have, and are filled but once.
    private var columnsUsed = 0
    /// Which column of `storage` holds what, by the number of the column in the format.
    private var places = [Int](repeating: 0, count: BlockColumns.idCount)
    private var exponents = [Int8](repeating: 0, count: BlockColumns.idCount)
    /// The texts that the lengths in the column of text identifiers belong to, one behind the other.
    var texts = UnsafeRawBufferPointer(start: nil, count: 0)

    private static let idCount = ColumnID.count + 1
    /// Where a column that the block does not have finds its values: all NONE, or all zero.
    private static let placesOfAbsentColumns: [Int] = (0..<idCount).map { index in
        ColumnID(rawValue: UInt8(index))?.absentValue == 0 ? 1 : 0
    }
    private static let constantColumns = 2

    deinit {
        storage.deallocate()
    }

    /// Forgets the block before and makes room for this one.
    func begin(_ header: BlockHeader) {
        eventCount = header.count
        let length = max(columnLength, eventCount)
        let capacity = (Self.constantColumns + header.columnCount) * length
        if storage.count < capacity || columnLength < length {
            storage.deallocate()
            storage = .allocate(capacity: capacity)
            storage.initialize(repeating: 0)
            columnLength = length
            UnsafeMutableBufferPointer(rebasing: storage[..<length]).update(repeating: .min)
        }
        columnsUsed = Self.constantColumns
        places = Self.placesOfAbsentColumns
        for index in exponents.indices { exponents[index] = 0 }
        texts = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    func has(_ id: ColumnID) -> Bool { places[Int(id.rawValue)] >= Self.constantColumns }

    /// Takes a column that the block has; its values are still to be filled in.
    func add(_ id: ColumnID, _ exponent: Int8) -> UnsafeMutableBufferPointer<Int64> {
        places[Int(id.rawValue)] = columnsUsed
        exponents[Int(id.rawValue)] = exponent
        columnsUsed += 1
        return column(id)
    }

    /// Whether no event has an identifier that is a number and one that is text.
    func idsAreDistinct() -> Bool {
        let (numbers, lengths) = (column(.idNumber), column(.idText))
        return !(0..<eventCount).contains { numbers[$0] != .min && lengths[$0] != .min }
    }

    func column(_ id: ColumnID) -> UnsafeMutableBufferPointer<Int64> {
        let start = places[Int(id.rawValue)] * columnLength
        return UnsafeMutableBufferPointer(rebasing: storage[start..<(start + eventCount)])
    }

    private func decimals(_ id: ColumnID) -> Decimals {
        Decimals(mantissas: column(id), exponent: exponents[Int(id.rawValue)])
    }

    private struct Decimals {
        let mantissas: UnsafeMutableBufferPointer<Int64>
        let exponent: Int8

        @inline(__always)
        subscript(index: Int) -> ExactDecimal {
            let mantissa = mantissas[index]
            return ExactDecimal(mantissa: mantissa, exponent: mantissa == .min ? 0 : exponent)
        }
    }
}

// Presence.
extension BlockColumns {
    /// The bits that are set among the first `count`.
    static func countBits(_ bitmap: UnsafeRawBufferPointer, _ count: Int) -> Int {
        var bits = 0
        for index in 0..<(count / 8) { bits += bitmap[index].nonzeroBitCount }
        if count % 8 > 0 { bits += (bitmap[count / 8] & (1 << UInt8(count % 8) - 1)).nonzeroBitCount }
        return bits
    }

    /// Moves the values at the front of a column to the events that have one.
    static func spread(
        _ column: UnsafeMutableBufferPointer<Int64>,
        present: Int,
        _ bitmap: UnsafeRawBufferPointer,
        absent: Int64
    ) {
        var next = present
        for index in stride(from: column.count - 1, through: 0, by: -1) {
            if bitmap[index >> 3] & (1 << UInt8(index & 7)) != 0 {
                next -= 1
                column[index] = column[next]
            } else {
                column[index] = absent
            }
        }
    }
}

// Rows.
extension BlockColumns {
    /// The rows that lie within some times; all, where they are not in the order of event time.
    func rows(within times: Range<Int64>) -> Range<Int> {
        guard times != .min..<(.max), isInOrderOfTime else { return 0..<eventCount }
        let start = firstRow(notBefore: times.lowerBound)
        return start..<max(start, times.upperBound == .max ? eventCount : firstRow(notBefore: times.upperBound))
    }

    private var isInOrderOfTime: Bool {
        let times = column(.eventTime)
        return zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }
    }

    private func firstRow(notBefore time: Int64) -> Int {
        let times = column(.eventTime)
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func appendEvents(
        _ header: BlockHeader,
        _ rows: Range<Int>,
        to events: inout ContiguousArray<MarketEvent>,
        _ texts: inout TextPool
    ) {
        switch header.kind {
        case .trade: appendTrades(header, rows, to: &events, &texts)
        case .quote: appendQuotes(header, rows, to: &events)
        case .candle: appendCandles(header, rows, to: &events)
        }
    }

    private func appendTrades(
        _ header: BlockHeader,
        _ rows: Range<Int>,
        to events: inout ContiguousArray<MarketEvent>,
        _ texts: inout TextPool
    ) {
        let (prices, sizes, sides) = (decimals(.price), decimals(.size), column(.side))
        let (numbers, lengths) = (column(.idNumber), column(.idText))
        let (codes, conditions) = (column(.venueCode), column(.condition))
        var textStart = has(.idText) ? lengths[..<rows.lowerBound].reduce(0) { $0 + ($1 == .min ? 0 : Int($1)) } : 0
        append(header, rows, to: &events) { index in
            var id = EventID.absent
            if numbers[index] != .min {
                id = EventID(number: numbers[index])
            } else if lengths[index] != .min {
                let end = textStart + Int(lengths[index])
                id = texts.add(UnsafeRawBufferPointer(rebasing: self.texts[textStart..<end]))
                textStart = end
            }
            return .trade(
                Trade(
                    price: prices[index],
                    size: sizes[index],
                    id: id,
                    side: Side(rawValue: UInt8(truncatingIfNeeded: sides[index])) ?? .unknown,
                    venueCode: ShortCode(rawValue: UInt64(bitPattern: codes[index])),
                    condition: ShortCode(rawValue: UInt64(bitPattern: conditions[index]))
                )
            )
        }
    }

    private func appendQuotes(
        _ header: BlockHeader,
        _ rows: Range<Int>,
        to events: inout ContiguousArray<MarketEvent>
    ) {
        let (bidPrices, bidSizes) = (decimals(.bidPrice), decimals(.bidSize))
        let (askPrices, askSizes) = (decimals(.askPrice), decimals(.askSize))
        let (codes, conditions) = (column(.venueCode), column(.condition))
        append(header, rows, to: &events) { index in
            .quote(
                Quote(
                    bidPrice: bidPrices[index],
                    bidSize: bidSizes[index],
                    askPrice: askPrices[index],
                    askSize: askSizes[index],
                    venueCode: ShortCode(rawValue: UInt64(bitPattern: codes[index])),
                    condition: ShortCode(rawValue: UInt64(bitPattern: conditions[index]))
                )
            )
        }
    }

    private func appendCandles(
        _ header: BlockHeader,
        _ rows: Range<Int>,
        to events: inout ContiguousArray<MarketEvent>
    ) {
        let (opens, highs, lows) = (decimals(.open), decimals(.high), decimals(.low))
        let (closes, volumes, intervals) = (decimals(.close), decimals(.volume), column(.interval))
        append(header, rows, to: &events) { index in
            .candle(
                Candle(
                    open: opens[index],
                    high: highs[index],
                    low: lows[index],
                    close: closes[index],
                    volume: volumes[index],
                    interval: Int32(truncatingIfNeeded: intervals[index])
                )
            )
        }
    }

    @inline(__always)
    private func append(
        _ header: BlockHeader,
        _ rows: Range<Int>,
        to events: inout ContiguousArray<MarketEvent>,
        _ payload: (Int) -> MarketEvent.Payload
    ) {
        let (times, delays) = (column(.eventTime), column(.receiptDelay))
        let (sequences, flags, streams) = (column(.sequence), column(.flags), column(.stream))
        if events.isEmpty { events.reserveCapacity(rows.count) }
        for index in rows {
            let time = times[index]
            let delay = delays[index]
            let event = MarketEvent(
                // Positions in tape order ascend by at least one: these keep the order of events within and between
                // blocks. Those of a sealed block only keep the order within it.
                position: TapePosition(rawValue: header.positions.lowerBound &+ Int64(index)),
                eventTime: Timestamp(nanoseconds: time),
                receiptTime: delay == .min ? .absent : Timestamp(nanoseconds: time &+ delay),
                sequence: sequences[index],
                instrument: 0,
                stream: Int32(truncatingIfNeeded: streams[index]),
                flags: EventFlags(rawValue: UInt32(truncatingIfNeeded: flags[index])),
                payload: payload(index)
            )
            events.append(event)
        }
    }
}
