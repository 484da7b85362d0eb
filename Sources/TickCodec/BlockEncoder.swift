private import CChecksum
public import MarketData

/// Makes blocks of events of one kind that are in the order of their tape positions.
///
/// Holds scratch memory; used by one task at a time.
public final class BlockEncoder {
    private var columns = ColumnEncoder()
    private var writer = ByteWriter()
    private let taken = ColumnValues(capacity: BlockFormat.eventsMax)
    private var events = UnsafeBufferPointer<MarketEvent>(start: nil, count: 0)
    private var columnCount: UInt16 = 0

    public init() {}

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
        Block.split(events, most: BlockFormat.eventsMax) { encodeOne($0, kind, texts) }
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
        taken.take(kind, from: events)
        for id in ColumnID.allCases where id.belongs(to: kind) {
            guard append(id, texts) else { return nil }
        }
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

    /// Appends a column, or answers false where its decimals fit no common exponent.
    ///
    /// A column in which no event has a value is left out; one in which only some have one begins with a bitmap.
    private func append(_ id: ColumnID, _ texts: TextPool) -> Bool {
        guard let column = taken.column(id) else { return false }
        guard column.present > 0 else { return true }
        let entry = beginColumn(id, column.exponent)
        let isSparse = column.present < events.count
        if isSparse { appendBitmap(of: column.values, absent: id.absentValue) }
        let filled = UnsafeBufferPointer(rebasing: column.values[0..<column.present])
        if id == .idText {
            appendTexts(lengths: filled, texts)
            endColumn(entry, .text, isSparse: isSparse)
        } else {
            let encoding = columns.encode(filled, into: &writer)
            endColumn(entry, encoding, isSparse: isSparse)
        }
        return true
    }

    /// Appends one bit for each event and moves the values that there are to the front.
    private func appendBitmap(of values: UnsafeMutableBufferPointer<Int64>, absent: Int64) {
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

    private func appendTexts(lengths: UnsafeBufferPointer<Int64>, _ texts: TextPool) {
        let encodingPlace = writer.bytes.count
        writer.bytes.append(0)
        let encoding = columns.encode(lengths, into: &writer)
        writer.bytes[encodingPlace] = encoding.rawValue
        for event in events {
            guard case .trade(let trade) = event.payload, trade.id.form == .text else { continue }
            writer.bytes.append(contentsOf: texts[trade.id])
        }
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

extension BlockEncoder.Block {
    /// Encodes all events in as many blocks as they need, none with more than `most`.
    ///
    /// Where `encodeOne` answers nil, it is given the halves.
    static func split(
        _ events: UnsafeBufferPointer<MarketEvent>,
        most: Int,
        _ encodeOne: (UnsafeBufferPointer<MarketEvent>) -> [UInt8]?
    ) -> [BlockEncoder.Block] {
        var blocks: [BlockEncoder.Block] = []
        for start in stride(from: 0, to: events.count, by: most) {
            let end = min(start + most, events.count)
            append(UnsafeBufferPointer(rebasing: events[start..<end]), to: &blocks, encodeOne)
        }
        return blocks
    }

    private static func append(
        _ events: UnsafeBufferPointer<MarketEvent>,
        to blocks: inout [BlockEncoder.Block],
        _ encodeOne: (UnsafeBufferPointer<MarketEvent>) -> [UInt8]?
    ) {
        if let bytes = encodeOne(events) {
            blocks.append(BlockEncoder.Block(bytes: bytes, count: events.count))
            return
        }
        // A single event always has an exponent of its own, so this ends.
        let middle = events.count / 2
        precondition(middle > 0, "an event whose decimals do not fit by themselves was not validated")
        append(UnsafeBufferPointer(rebasing: events[..<middle]), to: &blocks, encodeOne)
        append(UnsafeBufferPointer(rebasing: events[middle...]), to: &blocks, encodeOne)
    }
}
