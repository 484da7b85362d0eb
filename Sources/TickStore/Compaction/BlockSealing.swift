import DocumentStore
import MarketData
import TickCodec

/// Makes the sealed blocks of a bucket of those that it has.
///
/// The events are passed through in stretches of about one sealed block, which stay in the cache of the processor:
/// merged, freed of repetitions, encoded, decoded again and compared, and added to bars, one stretch after the other.
/// Holds scratch memory; used by one task at a time.
final class BlockSealing {
    /// What a bucket comes to.
    struct Result {
        var blocks: SealedBlocks
        /// Trades that were left out, as repetitions of others.
        var duplicates = 0
        /// The bars of seconds that its trades make; none of other events.
        var bars: [TradeBar] = []
    }

    private let encoder = SealedBlockWriter()
    private let decoder = BlockDecoder()
    /// The events that are not in blocks yet.
    private var pending = MergedEvents()
    /// Room for those behind the stretch that is being sealed.
    private var behind: ContiguousArray<MarketEvent> = []

    /// A stretch ends where event times change: some of its places are left for that.
    private static let stretchMax = SealedBlockEncoder.eventsMax - SealedBlockEncoder.eventsMax / 64

    /// Seals the blocks of a bucket.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block is damaged, where the blocks do not hold as many
    ///   events as the bucket says, or where sealed blocks would not hold exactly these events.
    func seal(_ blocks: [StoredBlock], of bucket: BucketOutline) throws(StoreError) -> Result {
        let count = blocks.eventCount
        guard count == Int(bucket.state.eventCount) else { throw Self.miscounted }
        pending.removeAll()
        behind.removeAll(keepingCapacity: true)
        let merge = EventMerge(decoder: decoder)
        merge.add(blocks)
        var result = Result(blocks: SealedBlocks(of: bucket.id, slot: bucket.firstSlot))
        var bars = BarBuilder(.second)
        var left = count
        while try merge.appendNext(to: &pending) {
            while let end = pending.end(ofStretch: Self.length(left)) {
                try seal(end, bucket.kind, &result, &bars)
                left -= end
            }
        }
        guard pending.events.count == left else { throw Self.miscounted }
        try seal(left, bucket.kind, &result, &bars)
        result.bars = bars.bars
        return result
    }

    /// How long a stretch is to be, so that what is left makes about equally large ones: the last would else be small.
    private static func length(_ left: Int) -> Int {
        let stretches = max(1, (left + stretchMax - 1) / stretchMax)
        return (left + stretches - 1) / stretches
    }

    /// Seals the first events that are pending, and takes them away.
    private func seal(
        _ end: Int,
        _ kind: EventKind,
        _ result: inout Result,
        _ bars: inout BarBuilder
    ) throws(StoreError) {
        guard end > 0 else { return }
        behind.append(contentsOf: pending.events[end...])
        pending.events.removeLast(pending.events.count - end)
        result.duplicates += pending.removeDuplicates()
        let first = result.blocks.blocks.count
        try encoder.append(pending, kind, to: &result.blocks)
        guard try pending.areExactly(in: result.blocks.blocks[first...], decoder) else {
            throw StoreError(.unreadable, "its events do not come back from sealed blocks; left as it is")
        }
        bars.add(pending.events)
        pending.events.removeAll(keepingCapacity: true)
        swap(&pending.events, &behind)
    }

    /// The blocks do not hold as many events as the bucket says.
    static var miscounted: StoreError { StoreError(.unreadable, "event_count does not match the blocks") }
}
