import BSON
import DocumentStore
import MarketData
import TickCodec

/// Sealed blocks, in order, and what a document says about them.
struct SealedBlocks: Sendable {
    private(set) var blocks: [[UInt8]] = []
    private(set) var eventCount = 0
    private(set) var byteCount = 0
    /// First and last event time of each block.
    private(set) var times: [Int64] = []

    private typealias Field = MarketDataCollection.Field

    /// The fields of a document that hold the blocks and follow from them.
    var fields: [(field: String, value: BSONValue)] {
        let count = BSONValue.int64(Int64(blocks.count))
        let checksum = blocks.reduce(UInt32(0)) { BlockChecksum.extend($0, $1) }
        return [
            (Field.blocks, .array(blocks.map { .binary($0) })),
            (Field.blockCount, count),
            (Field.sealedBlockCount, count),
            (Field.blockBytes, .int64(Int64(byteCount))),
            (Field.eventCount, .int64(Int64(eventCount))),
            (Field.firstEventTime, .int64(times.first ?? .max)),
            (Field.lastEventTime, .int64(times.last ?? .min)),
            (Field.checksum, .int64(Int64(checksum))),
            (Field.sealedTimes, .array(times.map { .int64($0) })),
        ]
    }

    mutating func append(_ block: [UInt8], count: Int, first: Int64, last: Int64) {
        blocks.append(block)
        byteCount += block.count
        eventCount += count
        times += [first, last]
    }

    /// The blocks as if they had been stored.
    ///
    /// - Throws: `StoreError` with code `unreadable` where one of them is none.
    func stored() throws(StoreError) -> [StoredBlock] {
        var stored: [StoredBlock] = []
        for (index, bytes) in blocks.enumerated() {
            stored.append(try StoredBlock(bytes, rank: .init(source: 0, slot: 0, index: index), bucket: "being sealed"))
        }
        return stored
    }

    /// Whether the blocks, decoded, are exactly these events in this order.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block cannot be decoded.
    func holds(_ expected: MergedEvents) throws(StoreError) -> Bool {
        let merge = EventMerge()
        merge.add(try stored())
        var cursor = EventCursor(merge)
        for index in expected.events.indices {
            guard let event = try cursor.next(),
                EventIdentity.isSame(event, cursor.texts, expected.events[index], expected.texts)
            else { return false }
        }
        return try cursor.next() == nil
    }
}

/// Makes sealed blocks of events that come in order.
///
/// Holds scratch memory; used by one task at a time.
final class SealedBlockWriter {
    private let encoder = SealedBlockEncoder()

    /// Blocks of at least so many events are worth carrying over as they are.
    static let wholeBlockMin = SealedBlockEncoder.eventsMax / 2

    /// Appends blocks of events, about equally large ones: the last one would else be small.
    func append(_ merged: MergedEvents, _ kind: EventKind, to result: inout SealedBlocks) {
        let count = merged.events.count
        let parts = (count + SealedBlockEncoder.eventsMax - 1) / SealedBlockEncoder.eventsMax
        for part in 0..<parts {
            append(merged, part * count / parts..<(part + 1) * count / parts, kind, to: &result)
        }
    }

    private func append(
        _ merged: MergedEvents,
        _ range: Range<Int>,
        _ kind: EventKind,
        to result: inout SealedBlocks
    ) {
        let blocks = merged.events.withUnsafeBufferPointer {
            encoder.encode(UnsafeBufferPointer(rebasing: $0[range]), kind: kind, texts: merged.texts)
        }
        var start = range.lowerBound
        for block in blocks {
            let end = start + block.count
            let (first, last) = (merged.events[start].eventTime, merged.events[end - 1].eventTime)
            result.append(block.bytes, count: block.count, first: first.nanoseconds, last: last.nanoseconds)
            start = end
        }
    }

    /// Makes one row of blocks of many.
    ///
    /// Large sealed blocks that overlap no other in time are carried over byte by byte; the others are merged.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block is damaged.
    func join(_ blocks: [StoredBlock], _ kind: EventKind) throws(StoreError) -> SealedBlocks {
        let sorted = blocks.sorted {
            ($0.header.eventTimes.lowerBound, $0.rank) < ($1.header.eventTimes.lowerBound, $1.rank)
        }
        var result = SealedBlocks()
        var group: [StoredBlock] = []
        var reach: StoredBlock?
        for (index, block) in sorted.enumerated() {
            let next = index + 1 < sorted.count ? sorted[index + 1] : nil
            let isAlone = reach.map { $0.isWhollyBefore(block) } ?? true && next.map(block.isWhollyBefore) ?? true
            if reach.map({ $0.header.eventTimes.upperBound <= block.header.eventTimes.upperBound }) ?? true {
                reach = block
            }
            guard isAlone, block.header.isSealed, block.header.count >= Self.wholeBlockMin else {
                group.append(block)
                continue
            }
            try merge(&group, kind, to: &result)
            let times = block.header.eventTimes
            result.append(block.bytes, count: block.header.count, first: times.lowerBound, last: times.upperBound)
        }
        try merge(&group, kind, to: &result)
        return result
    }

    /// Merges blocks and appends what comes of it, with as much in memory as some blocks take.
    private func merge(
        _ group: inout [StoredBlock],
        _ kind: EventKind,
        to result: inout SealedBlocks
    ) throws(StoreError) {
        guard !group.isEmpty else { return }
        let merge = EventMerge()
        merge.add(group)
        group = []
        var pending = MergedEvents()
        while try merge.appendNext(to: &pending) {
            if pending.events.count >= 4 * SealedBlockEncoder.eventsMax {
                append(pending, kind, to: &result)
                pending.removeAll()
            }
        }
        append(pending, kind, to: &result)
    }
}

extension StoredBlock {
    /// Whether all events of the block come before all of another one.
    func isWhollyBefore(_ other: StoredBlock) -> Bool {
        let (end, start) = (header.eventTimes.upperBound, other.header.eventTimes.lowerBound)
        return end < start || end == start && rank < other.rank
    }
}
