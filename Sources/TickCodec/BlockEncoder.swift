private import CChecksum
public import MarketData

/// Makes blocks of events of one kind that are in the order of their tape positions.
///
/// Holds scratch memory; used by one task at a time.
public final class BlockEncoder {
    private var columns = ColumnEncoder()
    private var writer = ByteWriter()
    private let values: UnsafeMutableBufferPointer<Int64>
    private var events = UnsafeBufferPointer<MarketEvent>(start: nil, count: 0)
    private var columnCount: UInt16 = 0

    public init() {
        values = .allocate(capacity: BlockFormat.eventsMax)
    }

    deinit {
        values.deallocate()
    }

    /// One encoded block.
    public struct Block: Sendable {
        public let bytes: [UInt8]
        public let count: Int
    }

    /// Encodes all events, in as many blocks as they need.
    ///
    /// A block holds at most `BlockFormat.eventsMax` events, and its decimals have one exponent for each column:
    /// where a number does not fit at the exponent of its neighbours, the block is split.
    public func encode(_ events: UnsafeBufferPointer<MarketEvent>, kind: EventKind, texts: TextPool) -> [Block] {
        var blocks: [Block] = []
        var start = 0
        while start < events.count {
            let end = min(start + BlockFormat.eventsMax, events.count)
            append(UnsafeBufferPointer(rebasing: events[start..<end]), kind, texts, &blocks)
            start = end
        }
        return blocks
    }

    private func append(
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ kind: EventKind,
        _ texts: TextPool,
        _ blocks: inout [Block]
    ) {
        if let bytes = encodeOne(events, kind, texts) {
            blocks.append(Block(bytes: bytes, count: events.count))
            return
        }
        // A single event always has an exponent of its own, so this ends.
        let middle = events.count / 2
        precondition(middle > 0, "an event whose decimals do not fit by themselves was not validated")
        append(UnsafeBufferPointer(rebasing: events[..<middle]), kind, texts, &blocks)
        append(UnsafeBufferPointer(rebasing: events[middle...]), kind, texts, &blocks)
    }

    private func encodeOne(
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ kind: EventKind,
        _ texts: TextPool
    ) -> [UInt8]? {
        self.events = events
        writer.bytes.removeAll(keepingCapacity: true)
        columnCount = 0
        appendHeader(kind)
        appendCommonColumns()
        let fits =
            switch kind {
            case .trade: appendTradeColumns(texts)
            case .quote: appendQuoteColumns()
            case .candle: appendCandleColumns()
            }
        guard fits else { return nil }
        writer.bytes[6] = UInt8(truncatingIfNeeded: columnCount)
        writer.bytes[7] = UInt8(truncatingIfNeeded: columnCount >> 8)
        let checksum = writer.bytes.withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, $0.count) }
        writer.append(checksum)
        return writer.bytes
    }

    private func appendHeader(_ kind: EventKind) {
        writer.append(BlockFormat.magic)
        writer.append(BlockFormat.version)
        writer.append(kind.rawValue)
        writer.append(UInt16(0))
        writer.append(UInt32(events.count))
        writer.append(events[0].position.rawValue)
        writer.append(events[events.count - 1].position.rawValue)
        var least = Int64.max
        var greatest = Int64.min
        for event in events {
            least = min(least, event.eventTime.nanoseconds)
            greatest = max(greatest, event.eventTime.nanoseconds)
        }
        writer.append(least)
        writer.append(greatest)
    }

    private func appendCommonColumns() {
        append(.eventTime) { $0.eventTime.nanoseconds }
        append(.receiptDelay) {
            $0.receiptTime.isAbsent ? .min : $0.receiptTime.nanoseconds &- $0.eventTime.nanoseconds
        }
        append(.sequence) { $0.sequence }
    }

    private func appendFlags() {
        append(.flags, absent: 0) { Int64($0.flags.rawValue) }
    }

    // Columns come in the order of their ids.

    private func appendTradeColumns(_ texts: TextPool) -> Bool {
        append(.idNumber) { Self.trade($0).id.form == .number ? Self.trade($0).id.value : .min }
        appendTexts(texts)
        append(.side, absent: 0) { Int64(Self.trade($0).side.rawValue) }
        appendFlags()
        guard appendDecimals(.price, { Self.trade($0).price }), appendDecimals(.size, { Self.trade($0).size }) else {
            return false
        }
        append(.venueCode, absent: 0) { Int64(bitPattern: Self.trade($0).venueCode.rawValue) }
        append(.condition, absent: 0) { Int64(bitPattern: Self.trade($0).condition.rawValue) }
        return true
    }

    private func appendQuoteColumns() -> Bool {
        appendFlags()
        append(.venueCode, absent: 0) { Int64(bitPattern: Self.quote($0).venueCode.rawValue) }
        append(.condition, absent: 0) { Int64(bitPattern: Self.quote($0).condition.rawValue) }
        return appendDecimals(.bidPrice) { Self.quote($0).bidPrice }
            && appendDecimals(.bidSize) { Self.quote($0).bidSize }
            && appendDecimals(.askPrice) { Self.quote($0).askPrice }
            && appendDecimals(.askSize) { Self.quote($0).askSize }
    }

    private func appendCandleColumns() -> Bool {
        appendFlags()
        guard appendDecimals(.open, { Self.candle($0).open }), appendDecimals(.high, { Self.candle($0).high }),
            appendDecimals(.low, { Self.candle($0).low }), appendDecimals(.close, { Self.candle($0).close }),
            appendDecimals(.volume, { Self.candle($0).volume })
        else { return false }
        append(.interval, absent: 0) { Int64(Self.candle($0).interval) }
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
}

extension BlockEncoder {
    /// Appends a column of integers; `absent` stands for events without a value.
    @inline(__always)
    private func append(_ id: ColumnID, absent: Int64 = .min, _ value: (MarketEvent) -> Int64) {
        var present = 0
        for index in 0..<events.count {
            let value = value(events[index])
            values[index] = value
            present += value == absent ? 0 : 1
        }
        appendValues(id, exponent: 0, present: present, absent: absent)
    }

    /// Appends a column of decimals at their least exponent, or answers false where one does not fit there.
    @inline(__always)
    private func appendDecimals(_ id: ColumnID, _ value: (MarketEvent) -> ExactDecimal) -> Bool {
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
                guard let scaled = value(events[index]).scaled(to: least) else { return false }
                values[index] = scaled
            }
        }
        appendValues(id, exponent: present > 0 ? least : 0, present: present, absent: .min)
        return true
    }

    /// Appends what is in `values`: nothing where no event has a value, a bitmap first where only some have one.
    private func appendValues(_ id: ColumnID, exponent: Int8, present: Int, absent: Int64) {
        guard present > 0 else { return }
        let entry = beginColumn(id, exponent)
        let isSparse = present < events.count
        if isSparse { appendBitmap(absent: absent) }
        let filled = UnsafeBufferPointer(rebasing: values[0..<present])
        let encoding = columns.encode(filled, into: &writer)
        endColumn(entry, encoding, isSparse: isSparse)
    }

    /// Appends one bit for each event and moves the values that there are to the front.
    private func appendBitmap(absent: Int64) {
        var next = 0
        var start = 0
        while start < events.count {
            var bits: UInt8 = 0
            for index in start..<min(start + 8, events.count) where values[index] != absent {
                bits |= 1 << UInt8(index - start)
                values[next] = values[index]
                next += 1
            }
            writer.bytes.append(bits)
            start += 8
        }
    }

    private func appendTexts(_ texts: TextPool) {
        guard events.contains(where: { Self.trade($0).id.form == .text }) else { return }
        var present = 0
        for index in 0..<events.count {
            let id = Self.trade(events[index]).id
            values[index] = id.form == .text ? Int64(id.textRange.count) : .min
            present += id.form == .text ? 1 : 0
        }
        let entry = beginColumn(.idText, 0)
        let isSparse = present < events.count
        if isSparse { appendBitmap(absent: .min) }
        let encodingPlace = writer.bytes.count
        writer.bytes.append(0)
        let lengths = columns.encode(UnsafeBufferPointer(rebasing: values[0..<present]), into: &writer)
        writer.bytes[encodingPlace] = lengths.rawValue
        for event in events {
            let id = Self.trade(event).id
            if id.form == .text { writer.bytes.append(contentsOf: texts[id]) }
        }
        endColumn(entry, .text, isSparse: isSparse)
    }

    /// Appends a directory entry whose encoding and length `endColumn` fills in.
    private func beginColumn(_ id: ColumnID, _ exponent: Int8) -> Int {
        columnCount += 1
        let entry = writer.bytes.count
        writer.append(id.rawValue)
        writer.append(UInt8(0))
        writer.append(exponent)
        writer.append(UInt8(0))
        writer.append(UInt32(0))
        return entry
    }

    private func endColumn(_ entry: Int, _ encoding: BlockFormat.Encoding, isSparse: Bool) {
        writer.bytes[entry + 1] = encoding.rawValue | (isSparse ? BlockFormat.sparseBit : 0)
        let length = writer.bytes.count - entry - BlockFormat.directoryEntryBytes
        writer.replace(at: entry + 4, with: UInt32(length))
    }
}
