private import CChecksum
public import MarketData

/// The events of one block, in the order of their positions. Instruments and streams are not part of a block.
///
/// A block keeps the positions of its first and last event only: those of the events between are lower bounds, in
/// the order of the true ones.
public struct DecodedBlock: Sendable {
    public let header: BlockHeader
    public let events: ContiguousArray<MarketEvent>
    public let texts: TextPool
}

/// Reads blocks. Any bytes give events or a typed error, in time and memory bounded by their length.
///
/// Holds scratch memory; used by one task at a time.
public final class BlockDecoder {
    private var columns = ColumnDecoder()
    private var values = ContiguousArray<Int64>()

    public init() {}

    /// Reads what a block says about itself, after checking its checksum.
    ///
    /// - Throws: `BlockError`.
    public static func header(of bytes: UnsafeRawBufferPointer) throws(BlockError) -> BlockHeader {
        let smallest = BlockFormat.headerBytes + BlockFormat.checksumBytes
        guard bytes.count >= smallest else { throw BlockError(.truncated) }
        var reader = ByteReader(bytes)
        guard try reader.read() == BlockFormat.magic else { throw BlockError(.notABlock) }
        guard try reader.read() == BlockFormat.version else { throw BlockError(.unknownVersion) }
        let content = bytes.count - BlockFormat.checksumBytes
        let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: content, as: UInt32.self))
        guard tapedesk_crc32c(0, bytes.baseAddress, content) == stored else { throw BlockError(.checksumMismatch) }
        let kind = EventKind(rawValue: try reader.read())
        let columnCount: UInt16 = try reader.read()
        let count: UInt32 = try reader.read()
        let firstPosition: Int64 = try reader.read()
        let lastPosition: Int64 = try reader.read()
        let firstTime: Int64 = try reader.read()
        let lastTime: Int64 = try reader.read()
        guard let kind, count > 0, count <= BlockFormat.eventsMax, firstPosition <= lastPosition, firstTime <= lastTime
        else { throw BlockError(.malformedHeader) }
        return BlockHeader(
            kind: kind,
            count: Int(count),
            positions: firstPosition...lastPosition,
            eventTimes: firstTime...lastTime,
            columnCount: Int(columnCount)
        )
    }

    /// Decodes a block.
    ///
    /// - Throws: `BlockError`.
    public func decode(_ bytes: UnsafeRawBufferPointer) throws(BlockError) -> DecodedBlock {
        let header = try Self.header(of: bytes)
        var rows = BlockRows(header: header)
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - BlockFormat.checksumBytes)])
        var reader = ByteReader(content)
        reader.position = BlockFormat.headerBytes
        for _ in 0..<header.columnCount {
            try decodeColumn(&reader, &rows)
        }
        guard reader.remaining == 0 else { throw BlockError(.malformedHeader) }
        return try rows.finish()
    }

    /// Decodes a block that is held in an array.
    ///
    /// - Throws: `BlockError`.
    public func decode(_ bytes: [UInt8]) throws(BlockError) -> DecodedBlock {
        let result = bytes.withUnsafeBytes { bytes in
            Result<DecodedBlock, BlockError> { () throws(BlockError) in try decode(bytes) }
        }
        return try result.get()
    }

    private func decodeColumn(_ reader: inout ByteReader, _ rows: inout BlockRows) throws(BlockError) {
        let rawID: UInt8 = try reader.read()
        let rawEncoding: UInt8 = try reader.read()
        let exponent: Int8 = try reader.read()
        let _: UInt8 = try reader.read()
        let length: UInt32 = try reader.read()
        let content = try reader.take(Int(length))
        guard let id = ColumnID(rawValue: rawID),
            let encoding = BlockFormat.Encoding(rawValue: rawEncoding & ~BlockFormat.sparseBit)
        else { throw BlockError(.malformedColumn, column: rawID) }
        var column = ByteReader(content, column: rawID)
        let isSparse = rawEncoding & BlockFormat.sparseBit != 0
        let bitmap = try isSparse ? column.take((rows.count + 7) / 8) : nil
        let present = bitmap.map { Self.countBits($0, rows.count) } ?? rows.count
        if encoding == .text {
            try decodeTexts(&column, present, bitmap, &rows)
        } else {
            try fill(&column, encoding, present)
            values.withUnsafeBufferPointer { rows.set(id, exponent, $0, bitmap) }
        }
        guard column.remaining == 0 else { throw BlockError(.malformedColumn, column: rawID) }
    }

    private func fill(
        _ reader: inout ByteReader,
        _ encoding: BlockFormat.Encoding,
        _ count: Int
    ) throws(BlockError) {
        if values.count != count { values = ContiguousArray(repeating: 0, count: count) }
        // The closure is typed to throw anything; the one error that it can throw is carried out by hand.
        var failure: BlockError?
        values.withUnsafeMutableBufferPointer { target in
            do throws(BlockError) {
                try columns.decode(encoding, from: &reader, into: target)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func decodeTexts(
        _ reader: inout ByteReader,
        _ present: Int,
        _ bitmap: UnsafeRawBufferPointer?,
        _ rows: inout BlockRows
    ) throws(BlockError) {
        let rawEncoding: UInt8 = try reader.read()
        guard let encoding = BlockFormat.Encoding(rawValue: rawEncoding), encoding != .text else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        try fill(&reader, encoding, present)
        var next = 0
        for index in 0..<rows.count where Self.bit(bitmap, index) {
            let length = values[next]
            next += 1
            guard (0...Int64(TextPool.textLengthMax)).contains(length) else {
                throw BlockError(.malformedColumn, column: reader.column)
            }
            rows.setText(try reader.take(Int(length)), at: index)
        }
    }

    private static func countBits(_ bitmap: UnsafeRawBufferPointer, _ count: Int) -> Int {
        (0..<count).reduce(into: 0) { $0 += bit(bitmap, $1) ? 1 : 0 }
    }

    @inline(__always)
    fileprivate static func bit(_ bitmap: UnsafeRawBufferPointer?, _ index: Int) -> Bool {
        guard let bitmap else { return true }
        return bitmap[index >> 3] & (1 << UInt8(index & 7)) != 0
    }
}

/// Events under construction, filled column by column.
private struct BlockRows {
    private let header: BlockHeader
    private var events: ContiguousArray<MarketEvent>
    private var texts = TextPool()
    private var hasEventTime = false

    var count: Int { header.count }

    init(header: BlockHeader) {
        self.header = header
        let none = ExactDecimal.absent
        let payload: MarketEvent.Payload =
            switch header.kind {
            case .trade: .trade(Trade(price: none, size: none))
            case .quote: .quote(Quote(bidPrice: none, bidSize: none, askPrice: none, askSize: none))
            case .candle: .candle(Candle(open: none, high: none, low: none, close: none, volume: none, interval: 0))
            }
        let blank = MarketEvent(
            position: .start,
            eventTime: .absent,
            instrument: 0,
            stream: 0,
            payload: payload
        )
        events = ContiguousArray(repeating: blank, count: header.count)
        // Positions ascend by at least one, so these keep the order of the events within and between blocks.
        for index in 0..<header.count {
            events[index].position = TapePosition(rawValue: header.positions.lowerBound &+ Int64(index))
        }
    }

    mutating func setText(_ text: UnsafeRawBufferPointer, at index: Int) {
        let id = texts.add(text)
        modifyTrade(index) { $0.id = id }
    }

    /// Sets one column of all events that have a value.
    mutating func set(
        _ id: ColumnID,
        _ exponent: Int8,
        _ values: UnsafeBufferPointer<Int64>,
        _ bitmap: UnsafeRawBufferPointer?
    ) {
        func decimal(_ value: Int64) -> ExactDecimal { ExactDecimal(mantissa: value, exponent: exponent) }
        func each(_ body: (Int, Int64) -> Void) {
            var next = 0
            for index in 0..<header.count where BlockDecoder.bit(bitmap, index) {
                body(index, values[next])
                next += 1
            }
        }
        switch id {
        case .eventTime:
            hasEventTime = bitmap == nil
            each { events[$0].eventTime = Timestamp(nanoseconds: $1) }
        case .receiptDelay:
            // The event time comes first in every block.
            each { events[$0].receiptTime = Timestamp(nanoseconds: events[$0].eventTime.nanoseconds &+ $1) }
        case .sequence: each { events[$0].sequence = $1 }
        case .flags: each { events[$0].flags = EventFlags(rawValue: UInt32(truncatingIfNeeded: $1)) }
        case .idNumber: each { index, value in modifyTrade(index) { $0.id = EventID(number: value) } }
        case .idText: break
        case .side:
            each { index, value in
                modifyTrade(index) { $0.side = Side(rawValue: UInt8(truncatingIfNeeded: value)) ?? .unknown }
            }
        case .price: each { index, value in modifyTrade(index) { $0.price = decimal(value) } }
        case .size: each { index, value in modifyTrade(index) { $0.size = decimal(value) } }
        case .venueCode: each { setCode(\.venueCode, \.venueCode, $0, $1) }
        case .condition: each { setCode(\.condition, \.condition, $0, $1) }
        case .bidPrice: each { index, value in modifyQuote(index) { $0.bidPrice = decimal(value) } }
        case .bidSize: each { index, value in modifyQuote(index) { $0.bidSize = decimal(value) } }
        case .askPrice: each { index, value in modifyQuote(index) { $0.askPrice = decimal(value) } }
        case .askSize: each { index, value in modifyQuote(index) { $0.askSize = decimal(value) } }
        case .open: each { index, value in modifyCandle(index) { $0.open = decimal(value) } }
        case .high: each { index, value in modifyCandle(index) { $0.high = decimal(value) } }
        case .low: each { index, value in modifyCandle(index) { $0.low = decimal(value) } }
        case .close: each { index, value in modifyCandle(index) { $0.close = decimal(value) } }
        case .volume: each { index, value in modifyCandle(index) { $0.volume = decimal(value) } }
        case .interval:
            each { index, value in modifyCandle(index) { $0.interval = Int32(truncatingIfNeeded: value) } }
        }
    }

    consuming func finish() throws(BlockError) -> DecodedBlock {
        guard hasEventTime else { throw BlockError(.malformedColumn, column: ColumnID.eventTime.rawValue) }
        return DecodedBlock(header: header, events: events, texts: texts)
    }

    private mutating func setCode(
        _ trade: WritableKeyPath<Trade, ShortCode>,
        _ quote: WritableKeyPath<Quote, ShortCode>,
        _ index: Int,
        _ value: Int64
    ) {
        let code = ShortCode(rawValue: UInt64(bitPattern: value))
        modifyTrade(index) { $0[keyPath: trade] = code }
        modifyQuote(index) { $0[keyPath: quote] = code }
    }

    @inline(__always)
    private mutating func modifyTrade(_ index: Int, _ change: (inout Trade) -> Void) {
        guard case .trade(var trade) = events[index].payload else { return }
        change(&trade)
        events[index].payload = .trade(trade)
    }

    @inline(__always)
    private mutating func modifyQuote(_ index: Int, _ change: (inout Quote) -> Void) {
        guard case .quote(var quote) = events[index].payload else { return }
        change(&quote)
        events[index].payload = .quote(quote)
    }

    @inline(__always)
    private mutating func modifyCandle(_ index: Int, _ change: (inout Candle) -> Void) {
        guard case .candle(var candle) = events[index].payload else { return }
        change(&candle)
        events[index].payload = .candle(candle)
    }
}
