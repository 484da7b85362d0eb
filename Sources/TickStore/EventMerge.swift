import DocumentStore
import MarketData
import TickCodec

/// A block as it is stored, and where its events belong among others of the same time.
struct StoredBlock: Sendable {
    let bytes: [UInt8]
    /// Decides between events of equal time: the lower one comes first.
    let rank: Rank
    /// What the block is called in errors.
    let place: String
    let header: BlockHeader

    /// Order among blocks: of sources by name, then of documents in their lane, then within the document.
    struct Rank: Comparable, Sendable {
        let source: Int
        let slot: Int64
        let index: Int

        static func < (left: Rank, right: Rank) -> Bool {
            (left.source, left.slot, left.index) < (right.source, right.slot, right.index)
        }
    }

    /// Reads the header of a block, and checks its checksum with that.
    ///
    /// - Throws: `StoreError` with code `unreadable`, which names the block.
    init(_ bytes: [UInt8], rank: Rank, bucket: String) throws(StoreError) {
        self.bytes = bytes
        self.rank = rank
        place = "block \(rank.index) of bucket \(bucket)"
        let header = bytes.withUnsafeBytes { bytes in
            Result<BlockHeader, BlockError> { () throws(BlockError) in try BlockDecoder.header(of: bytes) }
        }
        switch header {
        case .success(let header): self.header = header
        case .failure(let error): throw Self.damaged(place, error)
        }
    }

    static func damaged(_ place: String, _ error: BlockError) -> StoreError {
        StoreError(.unreadable, "\(place) cannot be read: \(error). Run 'tapedesk verify'")
    }
}

/// Events in order, with the texts of their identifiers.
struct MergedEvents: Sendable {
    var events: ContiguousArray<MarketEvent> = []
    var texts = TextPool()

    var isEmpty: Bool { events.isEmpty }
}

/// Puts the events of many blocks into the order of event time, then of the blocks' ranks, then of their rows.
///
/// A block is decoded when nothing earlier can come from elsewhere any more, so decoded are only blocks that overlap in
/// time. Used by one task at a time.
final class EventMerge {
    private let decoder: BlockDecoder
    private let bounds: Range<Int64>
    /// Blocks that are not decoded yet, the earliest last.
    private var waiting: [StoredBlock] = []
    /// Decoded blocks with events that are left, by rank.
    private var runs: [Run] = []
    /// Everything before this time was handed out; what comes in earlier than that is left out.
    private(set) var frontier: Int64

    /// - Parameters:
    ///   - bounds: event times, in nanoseconds; others are left out.
    ///   - decoder: whose memory is used, and nobody else uses meanwhile.
    init(bounds: Range<Int64> = Int64.min..<Int64.max, decoder: BlockDecoder = BlockDecoder()) {
        self.bounds = bounds
        self.decoder = decoder
        frontier = bounds.lowerBound
    }

    private struct Run {
        let rank: StoredBlock.Rank
        let events: ContiguousArray<MarketEvent>
        let texts: TextPool
        var next: Int

        var headTime: Int64 { events[next].eventTime.nanoseconds }

        /// The first place behind `next` with an event at `time` or later.
        func end(before time: Int64) -> Int {
            var low = next
            var high = events.count
            while low < high {
                let middle = (low + high) / 2
                if events[middle].eventTime.nanoseconds < time { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    /// Adds blocks; those that hold nothing within the bounds are left out.
    func add(_ blocks: [StoredBlock]) {
        waiting += blocks.filter {
            $0.header.eventTimes.upperBound >= frontier && $0.header.eventTimes.lowerBound < bounds.upperBound
        }
        waiting.sort { left, right in
            (left.header.eventTimes.lowerBound, left.rank) > (right.header.eventTimes.lowerBound, right.rank)
        }
    }

    /// Appends the next events, all of them earlier than `limit`, to those that are there; answers whether there were
    /// any, so far.
    ///
    /// Whoever calls promises that no block that is still to be added holds an event before `limit`.
    ///
    /// - Throws: `StoreError` with code `unreadable` where a block is damaged.
    func appendNext(to merged: inout MergedEvents, before limit: Int64 = .max) throws(StoreError) -> Bool {
        while true {
            let earliest = waiting.last?.header.eventTimes.lowerBound ?? .max
            let end = min(limit, earliest)
            if let head = runs.lazy.map(\.headTime).min(), head < end || earliest == .max && limit == .max {
                take(before: end, into: &merged)
                return true
            }
            guard let block = waiting.last, earliest < limit || limit == .max else { return false }
            waiting.removeLast()
            let next = min(limit, waiting.last?.header.eventTimes.lowerBound ?? .max)
            if isAlone(block, before: next) {
                try append(block, to: &merged)
                frontier = max(frontier, min(next, bounds.upperBound))
                return true
            }
            try decode(block)
        }
    }

    /// Whether a block is wanted as a whole, and its events stand before all others that are left.
    private func isAlone(_ block: StoredBlock, before next: Int64) -> Bool {
        let times = block.header.eventTimes
        return runs.isEmpty && frontier <= times.lowerBound && times.upperBound < min(next, bounds.upperBound)
    }

    /// Decodes a block right behind what is merged.
    private func append(_ block: StoredBlock, to merged: inout MergedEvents) throws(StoreError) {
        let start = merged.events.count
        do throws(BlockError) {
            try decoder.decode(block.bytes, appendingTo: &merged.events, &merged.texts)
        } catch {
            throw StoredBlock.damaged(block.place, error)
        }
        if !block.header.isSealed { merged.events.sortByTime(from: start) }
    }

    private func decode(_ block: StoredBlock) throws(StoreError) {
        let decoded: DecodedBlock
        do throws(BlockError) {
            decoded = try decoder.decode(block.bytes, within: frontier..<max(frontier, bounds.upperBound))
        } catch {
            throw StoredBlock.damaged(block.place, error)
        }
        var events = decoded.events
        if !block.header.isSealed { events.sortByTime(from: 0) }
        var run = Run(rank: block.rank, events: events, texts: decoded.texts, next: 0)
        run.next = run.end(before: frontier)
        guard run.next < run.events.count, run.headTime < bounds.upperBound else { return }
        let place = runs.firstIndex { block.rank < $0.rank } ?? runs.count
        runs.insert(run, at: place)
    }

    private func take(before end: Int64, into merged: inout MergedEvents) {
        let end = min(end, bounds.upperBound)
        let start = merged.events.count
        for index in runs.indices {
            let stop = end == .max ? runs[index].events.count : runs[index].end(before: end)
            guard stop > runs[index].next else { continue }
            merged.merge(runs[index].events, runs[index].next..<stop, runs[index].texts, from: start)
            runs[index].next = stop
        }
        frontier = max(frontier, end)
        runs.removeAll { $0.next >= $0.events.count || $0.headTime >= bounds.upperBound }
    }
}

extension MergedEvents {
    /// Merges events of a run with those from a place on; at equal times they come behind them.
    fileprivate mutating func merge(
        _ run: ContiguousArray<MarketEvent>,
        _ range: Range<Int>,
        _ runTexts: TextPool,
        from start: Int
    ) {
        guard events.count > start, let last = events.last, run[range.lowerBound].eventTime < last.eventTime else {
            append(run[range], runTexts)
            return
        }
        let before = events[start...]
        var result = ContiguousArray<MarketEvent>()
        result.reserveCapacity(before.count + range.count)
        var left = before.startIndex
        var right = range.lowerBound
        while left < before.endIndex || right < range.upperBound {
            let takesLeft =
                right == range.upperBound
                || left < before.endIndex && before[left].eventTime <= run[right].eventTime
            if takesLeft {
                result.append(before[left])
                left += 1
            } else {
                var event = run[right]
                if !runTexts.bytes.isEmpty { texts.adopt(&event, from: runTexts) }
                result.append(event)
                right += 1
            }
        }
        events.replaceSubrange(start..., with: result)
    }

    /// Appends events that come behind those that are there.
    mutating func append(_ added: ArraySlice<MarketEvent>, _ addedTexts: TextPool) {
        let start = events.count
        events.append(contentsOf: added)
        guard !addedTexts.bytes.isEmpty else { return }
        for index in start..<events.count { texts.adopt(&events[index], from: addedTexts) }
    }

    /// Forgets all events, but not the memory for so many.
    mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        texts = TextPool()
    }
}

extension TextPool {
    /// Moves the text of an event's identifier from another pool into this one.
    @inline(__always)
    mutating func adopt(_ event: inout MarketEvent, from other: TextPool) {
        guard case .trade(var trade) = event.payload, trade.id.form == .text else { return }
        trade.id = add(other[trade.id])
        event.payload = .trade(trade)
    }
}

extension ContiguousArray<MarketEvent> {
    /// Sorts the events from a place on by event time; those of equal time keep their order.
    mutating func sortByTime(from start: Int) {
        guard !(start + 1..<Swift.max(count, start + 1)).allSatisfy({ self[$0 - 1].eventTime <= self[$0].eventTime })
        else { return }
        // The standard library's sort is stable, though it does not promise to be: the place decides.
        let order = (start..<count).sorted { (self[$0].eventTime, $0) < (self[$1].eventTime, $1) }
        replaceSubrange(start..., with: order.map { self[$0] })
    }
}
