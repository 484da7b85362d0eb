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
        // Blocks of equal bytes are looked for by their checksums first.
        var candidates: [Key: [Int]] = [:]
        for (index, block) in whole.enumerated() { candidates[Key(block), default: []].append(index) }
        var taken = Set<Int>()
        var rest: [StoredBlock] = []
        for block in part {
            let place = candidates[Key(block)]?.first { !taken.contains($0) && whole[$0].bytes == block.bytes }
            if let place { taken.insert(place) } else { rest.append(block) }
        }
        guard !rest.isEmpty else { return true }
        // An event of the rest must not be found in a block that stands for another one already.
        let others = whole.enumerated().filter { !taken.contains($0.offset) }.map(\.element)
        let (wholeEvents, partEvents) = (EventMerge(), EventMerge())
        wholeEvents.add(others)
        partEvents.add(rest)
        return try isSubsequence(EventCursor(partEvents), of: EventCursor(wholeEvents))
    }

    /// What equal blocks have in common, and most others have not.
    private struct Key: Hashable {
        let length: Int
        let checksum: UInt32

        init(_ block: StoredBlock) {
            length = block.bytes.count
            checksum = BlockChecksum.extend(0, block.bytes)
        }
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
