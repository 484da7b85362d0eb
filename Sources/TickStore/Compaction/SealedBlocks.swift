import BSON
import DocumentStore
import MarketData
import TickCodec

/// Sealed blocks, in order, and everything that a document says about them.
struct SealedBlocks: Sendable {
    fileprivate(set) var blocks: [[UInt8]] = []
    fileprivate(set) var eventCount = 0
    fileprivate(set) var byteCount = 0
    fileprivate(set) var times: [Int64] = []
    fileprivate(set) var summary: BucketSummary?

    private typealias Field = MarketDataCollection.Field

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
        ] + (summary?.fields ?? [])
    }

    /// Whether the blocks, decoded, are exactly these events in this order.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block cannot be decoded.
    func holds(_ expected: MergedEvents) throws(StoreError) -> Bool {
        var cursor = EventCursor(try merge())
        for index in expected.events.indices {
            guard let event = try cursor.next(),
                EventIdentity.isSame(event, cursor.texts, expected.events[index], expected.texts)
            else { return false }
        }
        return try cursor.next() == nil
    }

    /// The events of the blocks, decoded anew.
    func merge() throws(StoreError) -> EventMerge {
        let merge = EventMerge()
        var stored: [StoredBlock] = []
        for (index, bytes) in blocks.enumerated() {
            stored.append(
                try StoredBlock(bytes, rank: .init(source: 0, slot: 0, index: index), bucket: "that is being sealed")
            )
        }
        merge.add(stored)
        return merge
    }
}

/// Makes sealed blocks of events that come in order, in pieces of any size.
///
/// Holds scratch memory; used by one task at a time.
final class SealedBlockWriter {
    private let encoder = SealedBlockEncoder()
    private var kind = EventKind.trade
    private var result = SealedBlocks()
    private var pending = MergedEvents()

    func begin(_ kind: EventKind) {
        self.kind = kind
        result = SealedBlocks()
        pending = MergedEvents()
    }

    func append(_ events: MergedEvents) {
        pending.append(events)
        let full = pending.events.count / SealedBlockEncoder.eventsMax * SealedBlockEncoder.eventsMax
        if full > 0 { encode(full) }
    }

    func finish() -> SealedBlocks {
        if !pending.isEmpty { encode(pending.events.count) }
        return result
    }

    /// Encodes the first events that wait.
    private func encode(_ count: Int) {
        let blocks = pending.events.withUnsafeBufferPointer {
            encoder.encode(UnsafeBufferPointer(rebasing: $0[..<count]), kind: kind, texts: pending.texts)
        }
        var start = 0
        for block in blocks {
            result.blocks.append(block.bytes)
            result.byteCount += block.bytes.count
            let end = start + block.count
            result.times.append(pending.events[start].eventTime.nanoseconds)
            result.times.append(pending.events[end - 1].eventTime.nanoseconds)
            start = end
        }
        result.eventCount += count
        let sealed = pending.events[..<count]
        if result.summary == nil { result.summary = BucketSummary(sealed) } else { result.summary?.add(sealed) }
        var rest = MergedEvents()
        for var event in pending.events[count...] {
            rest.texts.adopt(&event, from: pending.texts)
            rest.events.append(event)
        }
        pending = rest
    }
}

extension MergedEvents {
    /// Appends events that come behind those that are there.
    mutating func append(_ other: MergedEvents) {
        guard !isEmpty else {
            self = other
            return
        }
        events.reserveCapacity(events.count + other.events.count)
        for var event in other.events {
            texts.adopt(&event, from: other.texts)
            events.append(event)
        }
        sources += other.sources
    }
}
