import BSON
import DocumentStore
import MarketData
import TickCodec

/// Sealed blocks of one document, in order, and what the document says about them.
struct SealedBlocks: Sendable {
    private let bucket: String
    private let slot: Int64
    private(set) var blocks: [StoredBlock] = []

    private typealias Field = MarketDataCollection.Field

    /// - Parameters:
    ///   - bucket: the name of the document.
    ///   - slot: its first slot.
    init(of bucket: String, slot: Int64) {
        self.bucket = bucket
        self.slot = slot
    }

    var eventCount: Int { blocks.eventCount }

    /// The fields of the document that hold the blocks and follow from them.
    var fields: [(field: String, value: BSONValue)] {
        let count = BSONValue.int64(Int64(blocks.count))
        let times = blocks.flatMap { [$0.header.eventTimes.lowerBound, $0.header.eventTimes.upperBound] }
        return [
            (Field.blocks, .array(blocks.map { .binary($0.bytes) })),
            (Field.blockCount, count),
            (Field.sealedBlockCount, count),
            (Field.blockBytes, .int64(Int64(blocks.byteCount))),
            (Field.eventCount, .int64(Int64(eventCount))),
            (Field.firstEventTime, .int64(times.first ?? .max)),
            (Field.lastEventTime, .int64(times.last ?? .min)),
            (Field.checksum, .int64(Int64(blocks.checksum))),
            (Field.sealedTimes, .array(times.map { .int64($0) })),
        ]
    }

    /// - Throws: `StoreError` with code `unreadable` where the bytes are no block.
    mutating func append(_ bytes: [UInt8]) throws(StoreError) {
        let rank = StoredBlock.Rank(source: 0, slot: slot, index: blocks.count)
        blocks.append(try StoredBlock(bytes, rank: rank, bucket: bucket))
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
    ///
    /// - Throws: `StoreError` with code `unreadable` where the encoder did not make a block.
    func append(_ merged: MergedEvents, _ kind: EventKind, to result: inout SealedBlocks) throws(StoreError) {
        let count = merged.events.count
        let parts = (count + SealedBlockEncoder.eventsMax - 1) / SealedBlockEncoder.eventsMax
        for part in 0..<parts {
            let blocks = merged.events.withUnsafeBufferPointer { events in
                let range = part * count / parts..<(part + 1) * count / parts
                return encoder.encode(UnsafeBufferPointer(rebasing: events[range]), kind: kind, texts: merged.texts)
            }
            for block in blocks { try result.append(block.bytes) }
        }
    }

    /// Makes one row of blocks of many.
    ///
    /// Large sealed blocks that overlap no other in time are carried over byte by byte; the others are merged.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block is damaged.
    func join(
        _ blocks: [StoredBlock],
        _ kind: EventKind,
        to result: inout SealedBlocks
    ) throws(StoreError) {
        let sorted = blocks.sorted {
            ($0.header.eventTimes.lowerBound, $0.rank) < ($1.header.eventTimes.lowerBound, $1.rank)
        }
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
            try result.append(block.bytes)
        }
        try merge(&group, kind, to: &result)
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
                try append(pending, kind, to: &result)
                pending.removeAll()
            }
        }
        try append(pending, kind, to: &result)
    }
}

extension MergedEvents {
    /// Where a stretch of at least so many events ends, so that none behind it is of the time of its last; nil where
    /// that is behind what is there.
    func end(ofStretch length: Int) -> Int? {
        guard length > 0, length < events.count else { return nil }
        return (length..<events.count).first { events[$0 - 1].eventTime < events[$0].eventTime }
    }

    /// Whether blocks, decoded one after the other, are exactly these events.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block cannot be decoded.
    func areExactly(in blocks: ArraySlice<StoredBlock>, _ decoder: BlockDecoder) throws(StoreError) -> Bool {
        var next = 0
        for block in blocks {
            guard block.header.count <= events.count - next else { return false }
            var isSame = true
            do throws(BlockError) {
                try decoder.forEachStretch(of: block.bytes) { decoded, decodedTexts, start in
                    isSame = decoded.indices.allSatisfy {
                        EventIdentity.isSame(decoded[$0], decodedTexts, events[next + start + $0], texts)
                    }
                    return isSame
                }
            } catch {
                throw StoredBlock.damaged(block.place, error)
            }
            guard isSame else { return false }
            next += block.header.count
        }
        return next == events.count
    }
}

extension Collection<StoredBlock> {
    /// How many events the blocks hold.
    var eventCount: Int { reduce(0) { $0 + $1.header.count } }

    /// The bytes of all blocks.
    var byteCount: Int { reduce(0) { $0 + $1.bytes.count } }

    /// CRC32C of the checksums of all blocks, in order.
    var checksum: UInt32 { reduce(0) { BlockChecksum.extend($0, $1.bytes) } }
}

extension StoredBlock {
    /// Whether all events of the block come before all of another one.
    func isWhollyBefore(_ other: StoredBlock) -> Bool {
        let (end, start) = (header.eventTimes.upperBound, other.header.eventTimes.lowerBound)
        return end < start || end == start && rank < other.rank
    }
}
