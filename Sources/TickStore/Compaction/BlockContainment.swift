import DocumentStore
import MarketData

/// Whether blocks hold all events of others: what has to be proved before those others go.
enum BlockContainment {
    /// Whether all events of `part` are among those of `whole`, each for itself, and in the same order.
    ///
    /// A block that is there byte by byte holds the same events; only the others are decoded and compared.
    ///
    /// - Throws: `StoreError` with code `unreadable`.
    static func holds(_ whole: [StoredBlock], all part: [StoredBlock]) throws(StoreError) -> Bool {
        var carried: [[UInt8]: Int] = [:]
        for block in whole { carried[block.bytes, default: 0] += 1 }
        var rest: [StoredBlock] = []
        var taken: [[UInt8]: Int] = [:]
        for block in part {
            // Equal bytes of unsealed blocks would have equal positions, too: each block counts once.
            if let left = carried[block.bytes], left > 0 {
                carried[block.bytes] = left - 1
                taken[block.bytes, default: 0] += 1
            } else {
                rest.append(block)
            }
        }
        guard !rest.isEmpty else { return true }
        // An event of the rest must not be found in a block that stands for another one already.
        var others: [StoredBlock] = []
        for block in whole {
            if let left = taken[block.bytes], left > 0 {
                taken[block.bytes] = left - 1
            } else {
                others.append(block)
            }
        }
        let (wholeEvents, partEvents) = (EventMerge(), EventMerge())
        wholeEvents.add(others)
        partEvents.add(rest)
        return try isSubsequence(EventCursor(partEvents), of: EventCursor(wholeEvents))
    }

    private static func isSubsequence(_ part: EventCursor, of whole: EventCursor) throws(StoreError) -> Bool {
        var (part, whole) = (part, whole)
        while let wanted = try part.next() {
            var isThere = false
            while !isThere, let event = try whole.next() {
                isThere = EventIdentity.isSame(event, whole.texts, wanted, part.texts)
            }
            guard isThere else { return false }
        }
        return true
    }
}
