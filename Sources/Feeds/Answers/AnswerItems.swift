public import MarketData

/// What an answer holds, found by decoding it exactly as a tape's reader will.
public struct AnswerItems: Sendable {
    /// One event of the answer, or something of it that is rejected.
    public struct Item: Sendable {
        /// Nil for what is rejected.
        public let kind: EventKind?
        /// The symbol of the instrument; empty for what is rejected.
        public let symbol: String
        /// The time of a trade, or the start of a bar.
        public let time: Timestamp
        /// The number in a sequence without holes; nil where there is none.
        public let number: Int64?
        /// The length of a bar in seconds; nil for other kinds.
        public let interval: Int32?
        /// Says which trade or bar it is.
        let identity: String
        /// Says what is said of it; receipt times are left out.
        let content: String
    }

    /// In the order of their places.
    public private(set) var items: [(place: Int, item: Item)] = []
    /// What of the answer, or that all of it, is no event, by kind: `error`, `note`, `empty`, `empty_bar`, ….
    public let ignored: [String: Int]
    /// Why something of the answer, or all of it, is rejected.
    public let rejected: [String]

    /// Decodes the answer to a request.
    ///
    /// - Parameter receiptTime: when it came; bars that are not over by then are provisional.
    /// - Throws: `TapeError.unusableTarget`.
    public init(
        _ dialect: any VenueDialect.Type,
        target: String,
        body: [UInt8],
        receiptTime: Timestamp
    ) throws(TapeError) {
        let payload = try AnswerPayload.bytes(target: target, body: body)
        let slab = payload.withUnsafeBytes { Slab(copying: $0, offset: 0) }
        var decoder: any VenueDialect = dialect.init()
        var builder = BatchBuilder(venue: "")
        builder.begin(byteCount: slab.count)
        builder.beginRecord(slab.bytes)
        let frame = Frame(receiptTime: receiptTime)
        decoder.decodeAnswer(slab.bytes, frame: frame, with: JSONTokenizer(), into: &builder)
        let batch = builder.finish(slab)
        ignored = batch.ignored
        rejected = batch.rejected.map(\.reason)
        items = batch.events.map { ($0.position.place, Item($0, batch)) }
        items += batch.rejected.map { ($0.position.place, Item($0)) }
        items.sort { $0.place < $1.place }
    }
}

extension AnswerItems.Item {
    fileprivate init(_ event: MarketEvent, _ batch: EventBatch) {
        kind = event.payload.kind
        symbol = batch.instruments[Int(event.instrument)].symbol
        time = event.eventTime
        number = event.sequenceRule == .contiguous ? event.orderNumber : nil
        let about = "\(event.payload.kind.name) \(batch.streams[Int(event.stream)]) \(symbol) \(time.nanoseconds)"
        switch event.payload {
        case .trade(let trade):
            interval = nil
            let id =
                trade.id.form == .text ? String(decoding: batch.texts[trade.id], as: UTF8.self) : "\(trade.id.value)"
            let values = "\(trade.price) \(trade.size) \(trade.side.name)"
            // Of trades without an identifier, equal ones are one.
            identity = trade.id.form == .absent ? "\(about) \(values)" : "\(about) \(id)"
            content = values
        case .quote(let quote):
            interval = nil
            identity = about
            content = "\(quote.bidPrice) \(quote.bidSize) \(quote.askPrice) \(quote.askSize)"
        case .candle(let bar):
            interval = bar.interval
            identity = "\(about) \(bar.interval)"
            // A bar that is over is news, even where its last trade was known before.
            let state = event.flags.contains(.provisional) ? "open" : "closed"
            content = "\(bar.open) \(bar.high) \(bar.low) \(bar.close) \(bar.volume) \(state)"
        }
    }

    /// What is rejected is known by its reason: an answer that is wrong in the same way each time is news once.
    fileprivate init(_ record: RejectedRecord) {
        kind = nil
        symbol = ""
        time = .absent
        number = nil
        interval = nil
        identity = "rejected \(record.kindName ?? "") \(record.reason)"
        content = ""
    }
}

/// Remembers what answers held, to tell what of the next one is news.
///
/// A bar that changed is news each time, also where it becomes again what it was before. Bounded: what was not seen
/// among the last `itemsMax` items may be forgotten, and among twice as many it is. So `itemsMax` is to be larger than
/// what the answers to one round of requests hold.
public struct AnswerMemory: Sendable {
    private let itemsMax: Int
    /// What was seen lately, and what was seen before that: the older half goes as a whole.
    private var recent: [String: String] = [:]
    private var older: [String: String] = [:]

    public init(itemsMax: Int) {
        self.itemsMax = max(1, itemsMax)
    }

    /// How many items are remembered.
    public var count: Int { recent.count + older.keys.count { recent[$0] == nil } }

    /// What of an answer is not remembered as it is.
    public func news(in answer: AnswerItems) -> AnswerNews {
        var ranges: [ClosedRange<Int>] = []
        for (place, item) in answer.items where (recent[item.identity] ?? older[item.identity]) != item.content {
            if let last = ranges.last, last.upperBound + 1 == place {
                ranges[ranges.count - 1] = last.lowerBound...place
            } else {
                ranges.append(place...place)
            }
        }
        if ranges.isEmpty { return .nothing }
        let count = ranges.reduce(0) { $0 + $1.count }
        return count == answer.items.count ? .all : .places(ranges)
    }

    /// Remembers an answer: to be called once it is on the tape, since what is not there must be news again.
    public mutating func remember(_ answer: AnswerItems) {
        for (_, item) in answer.items {
            if recent.count >= itemsMax, recent[item.identity] == nil {
                older = recent
                recent = [:]
            }
            recent[item.identity] = item.content
        }
    }
}
