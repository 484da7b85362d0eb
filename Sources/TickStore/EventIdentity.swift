import DocumentStore
import MarketData

/// What makes two stored events the same, and what makes one a repetition of the other.
enum EventIdentity {
    /// Whether two events are equal in everything that is stored of them, but for the position.
    @inline(__always)
    static func isSame(_ left: MarketEvent, _ leftTexts: TextPool, _ right: MarketEvent, _ rightTexts: TextPool)
        -> Bool
    {
        guard left.eventTime == right.eventTime, left.receiptTime == right.receiptTime,
            left.sequence == right.sequence, left.stream == right.stream, left.flags == right.flags
        else { return false }
        switch (left.payload, right.payload) {
        case (.trade(let left), .trade(let right)):
            return isSame(left, right) && isSame(left.id, leftTexts, right.id, rightTexts)
        case (.quote(let left), .quote(let right)):
            return left.bidPrice == right.bidPrice && left.bidSize == right.bidSize
                && left.askPrice == right.askPrice && left.askSize == right.askSize
                && left.venueCode == right.venueCode && left.condition == right.condition
        case (.candle(let left), .candle(let right)):
            return left.open == right.open && left.high == right.high && left.low == right.low
                && left.close == right.close && left.volume == right.volume && left.interval == right.interval
        default: return false
        }
    }

    @inline(__always)
    private static func isSame(_ left: Trade, _ right: Trade) -> Bool {
        left.price == right.price && left.size == right.size && left.side == right.side
            && left.venueCode == right.venueCode && left.condition == right.condition
    }

    @inline(__always)
    private static func isSame(_ left: EventID, _ leftTexts: TextPool, _ right: EventID, _ rightTexts: TextPool)
        -> Bool
    {
        guard left.form == right.form else { return false }
        return left.form == .text ? leftTexts[left] == rightTexts[right] : left.value == right.value
    }

    /// Whether `later` is the same trade of the same stream, sent once more.
    ///
    /// The identifier decides, within its stream. What the venue says of the trade must be the same besides: a
    /// correction is no repetition, nor is a trade that got its number anew. Receipt time and flags are ours, and may
    /// differ.
    static func isRepetition(_ later: MarketEvent, of first: MarketEvent, _ texts: TextPool) -> Bool {
        guard case .trade(let laterTrade) = later.payload, case .trade(let firstTrade) = first.payload,
            laterTrade.id.form != .absent, later.stream >= 0, later.stream == first.stream,
            later.eventTime == first.eventTime, later.sequence == first.sequence,
            !later.flags.contains(.sequenceReset)
        else { return false }
        return isSame(laterTrade, firstTrade) && isSame(laterTrade.id, texts, firstTrade.id, texts)
    }
}

extension MergedEvents {
    /// Removes trades that are repetitions of others, and answers how many.
    ///
    /// Repetitions have equal event times, so they are looked for among neighbours.
    mutating func removeDuplicates() -> Int {
        var repeated: [Int] = []
        var start = 0
        while start < events.count {
            var end = start + 1
            while end < events.count, events[end].eventTime == events[start].eventTime { end += 1 }
            if end - start > 1, !idsAscend(in: start..<end) { repeated += repetitions(in: start..<end) }
            start = end
        }
        guard !repeated.isEmpty else { return 0 }
        for index in repeated.reversed() { events.remove(at: index) }
        return repeated.count
    }

    /// Whether numbers alone show that no identifier comes twice, or there are none: that is so nearly always.
    private func idsAscend(in range: Range<Int>) -> Bool {
        var last = Int64.min
        for index in range {
            guard case .trade(let trade) = events[index].payload, trade.id.form != .absent else { continue }
            guard trade.id.form == .number, trade.id.value > last else { return false }
            last = trade.id.value
        }
        return true
    }

    private func repetitions(in range: Range<Int>) -> [Int] {
        var found: [Int] = []
        var first: [Key: [Int]] = [:]
        for index in range {
            guard let key = Key(events[index], texts) else { continue }
            let known = first[key] ?? []
            if known.contains(where: { EventIdentity.isRepetition(events[index], of: events[$0], texts) }) {
                found.append(index)
            } else {
                first[key] = known + [index]
            }
        }
        return found
    }

    /// The identifier of a trade within its stream.
    private struct Key: Hashable {
        let stream: Int32
        let number: Int64
        let text: [UInt8]?

        init?(_ event: MarketEvent, _ texts: TextPool) {
            guard case .trade(let trade) = event.payload, trade.id.form != .absent else { return nil }
            stream = event.stream
            let isText = trade.id.form == .text
            number = isText ? 0 : trade.id.value
            text = isText ? Array(texts[trade.id]) : nil
        }
    }
}

/// Events of a merge, one by one.
struct EventCursor {
    private let merge: EventMerge
    private var current = MergedEvents()
    private var index = 0

    init(_ merge: EventMerge) {
        self.merge = merge
    }

    /// The texts of the event that `next` answered last.
    var texts: TextPool { current.texts }

    /// The next event; nil at the end.
    ///
    /// - Throws: `StoreError` with code `unreadable`.
    @inline(__always)
    mutating func next() throws(StoreError) -> MarketEvent? {
        if index == current.events.count {
            // Into the same memory.
            current.removeAll()
            index = 0
            guard try merge.appendNext(to: &current) else { return nil }
        }
        defer { index += 1 }
        return current.events[index]
    }
}
