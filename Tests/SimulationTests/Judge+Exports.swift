import MarketData

/// What must hold of an export that ran beside ingest and compaction.
extension Judge {
    /// What is wrong with what was read of a symbol; `before` is what was stored when reading began.
    ///
    /// Everything that was there is there, but for repetitions, which sealing may leave out. What came meanwhile may
    /// be there. Nothing comes twice, nothing is made up, and all of it is in order.
    func problems(ofExport read: [PlainEvent], _ symbol: String, before: [PlainEvent]) -> [String] {
        var problems: [String] = []
        let all = expected(symbol)
        // What is read is a part of all events, in their order: that excludes what is doubled or made up.
        var next = 0
        for event in read {
            while next < all.count, all[next].asStored != event { next += 1 }
            guard next < all.count else {
                problems.append("an export of \(symbol) has an event twice, out of order, or made up: \(event)")
                break
            }
            next += 1
        }
        let counts = Self.counts(read)
        let sure = Self.counts(all.filter { $0.isRepetition != true }.map(\.asStored))
        for (event, count) in Self.counts(before) where counts[event] ?? 0 < min(count, sure[event] ?? 0) {
            problems.append("an export of \(symbol) lacks an event that was stored before: \(event)")
        }
        return problems
    }

    private static func counts(_ events: [PlainEvent]) -> [PlainEvent: Int] {
        events.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}
