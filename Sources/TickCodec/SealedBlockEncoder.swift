private import CChecksum
public import MarketData

/// Makes sealed blocks: events of one kind in the order of event time, in as few bytes as pays.
///
/// The tape positions of single events are not kept, only the least and the greatest of the block.
///
/// Holds scratch memory; used by one task at a time.
public final class SealedBlockEncoder {
    /// The most events of one block: a reader of the newest trades decodes a block in about a millisecond.
    public static let eventsMax = 16_384

    private let series = SeriesEncoder(capacity: eventsMax)
    private let taken = ColumnValues(capacity: eventsMax)
    private let presence = UnsafeMutableBufferPointer<Int64>.allocate(capacity: eventsMax)
    private var writer = ByteWriter()
    /// The content of the column that is being written.
    private var content = ByteWriter()
    private var columnBytes = ByteWriter()
    private var columnCount = 0
    private var events = UnsafeBufferPointer<MarketEvent>(start: nil, count: 0)

    public init() {}

    deinit {
        presence.deallocate()
    }

    /// Encodes all events, in as many blocks as they need.
    ///
    /// The events are in the order of their event times; those of one time stay in their order. A block holds at most
    /// `eventsMax` events and 1 MiB of texts, and its decimals have one exponent for each column: where that is too
    /// little, the block is split.
    public func encode(
        _ events: UnsafeBufferPointer<MarketEvent>,
        kind: EventKind,
        texts: TextPool
    ) -> [BlockEncoder.Block] {
        BlockEncoder.Block.split(events, most: Self.eventsMax) { encodeOne($0, kind, texts) }
    }

    private func encodeOne(
        _ events: UnsafeBufferPointer<MarketEvent>,
        _ kind: EventKind,
        _ texts: TextPool
    ) -> [UInt8]? {
        self.events = events
        columnBytes.bytes.removeAll(keepingCapacity: true)
        columnCount = 0
        taken.take(kind, from: events)
        for id in ColumnID.allCases where id.belongs(to: kind) {
            guard append(id, texts) else { return nil }
        }
        writer.bytes.removeAll(keepingCapacity: true)
        appendHeader(kind)
        writer.bytes.append(contentsOf: columnBytes.bytes)
        let checksum = writer.bytes.withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, $0.count) }
        writer.append(checksum)
        return writer.bytes
    }

    private func appendHeader(_ kind: EventKind) {
        writer.append(BlockFormat.magic)
        writer.append(SealedFormat.version)
        writer.append(kind.rawValue)
        writer.append(variable: UInt64(events.count))
        writer.append(variable: UInt64(columnCount))
        let (least, greatest) = taken.positions
        // Events that were sealed before have lower bounds for positions, which may coincide; the true ones do not.
        append(least, max(greatest, least &+ Int64(events.count - 1)))
        append(events[0].eventTime.nanoseconds, events[events.count - 1].eventTime.nanoseconds)
    }

    /// Appends a range: where it begins, and how far it goes.
    private func append(_ first: Int64, _ last: Int64) {
        writer.append(variable: first.zigzag)
        writer.append(variable: UInt64(bitPattern: last &- first))
    }

    /// Appends a column, or answers false where its decimals fit no common exponent or its texts are too many.
    private func append(_ id: ColumnID, _ texts: TextPool) -> Bool {
        guard let column = taken.column(id) else { return false }
        guard column.present > 0 else { return true }
        content.bytes.removeAll(keepingCapacity: true)
        if id.isDecimal { content.append(column.exponent) }
        // Zero is as good a value as any; only what no value can stand for needs a word about who has one.
        let isSparse = column.present < events.count && id.absentValue == .min
        if isSparse { appendPresence(of: column.values) }
        if id == .eventTime { makeRelative(column.values) }
        let count = isSparse ? column.present : events.count
        series.encode(UnsafeBufferPointer(rebasing: column.values[..<count]), into: &content)
        if id == .idText, !appendTexts(texts) { return false }
        columnCount += 1
        columnBytes.append(id.rawValue | (isSparse ? SealedFormat.sparseBit : 0))
        columnBytes.append(variable: UInt64(content.bytes.count))
        columnBytes.bytes.append(contentsOf: content.bytes)
        return true
    }

    /// Appends who has a value, and moves the values that there are to the front.
    private func appendPresence(of values: UnsafeMutableBufferPointer<Int64>) {
        var next = 0
        for index in 0..<events.count {
            let isPresent = values[index] != .min
            presence[index] = isPresent ? 1 : 0
            guard isPresent else { continue }
            values[next] = values[index]
            next += 1
        }
        series.encode(UnsafeBufferPointer(rebasing: presence[..<events.count]), into: &content)
    }

    /// Event times count from that of the first event, which is in the header.
    private func makeRelative(_ times: UnsafeMutableBufferPointer<Int64>) {
        let first = events[0].eventTime.nanoseconds
        var previous = first
        for index in 0..<events.count {
            precondition(times[index] >= previous, "events of a sealed block are in the order of their times")
            previous = times[index]
            times[index] &-= first
        }
    }

    private func appendTexts(_ texts: TextPool) -> Bool {
        var bytes: [Int64] = []
        for event in events {
            guard case .trade(let trade) = event.payload, trade.id.form == .text else { continue }
            for byte in texts[trade.id] { bytes.append(Int64(byte)) }
        }
        guard bytes.count <= SealedFormat.textBytesMax else { return false }
        if !bytes.isEmpty { bytes.withUnsafeBufferPointer { series.encode($0, into: &content) } }
        return true
    }
}
