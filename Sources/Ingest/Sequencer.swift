package import Feeds
import MarketData
import TickStore

/// Rules that look at an event beside others of its stream or instrument.
package struct OrderRules: Sendable {
    /// An event older than the newest of its stream by more than this is flagged `out_of_order`, in nanoseconds.
    package var outOfOrderWindow: Int64 = 1_000_000_000
    /// A trade further than this part from the last regular price of its instrument is flagged `off_market`:
    /// one tenth is written as 10.
    package var offMarketDivisor: Int64 = 10
    /// So many off-market trades in a row are a new price level, not prints out of place.
    package var offMarketRunMax: UInt8 = 5

    package init() {}
}

/// The one stage that sees a tape in order: it numbers positions, follows sequences, drops duplicates, flags what
/// is out of order, and sorts events into buckets.
///
/// Pure: the same batches give the same result. Its state is small and goes into the checkpoint, so that a run that
/// begins in the middle continues exactly as if it had read the tape from the start.
package struct Sequencer: Sendable {
    private let source: String
    private let only: Set<String>?
    private let rules: OrderRules
    /// Everything before this place of the tape was seen.
    package private(set) var place: TapePlace
    package private(set) var counts: ReplayCounts
    /// Where the tape ends in the middle of a record.
    package private(set) var truncatedAt: TapePlace?
    /// The first records that were rejected, without their bytes: an operator wants to see some.
    package private(set) var rejectedSamples: [RejectedRecord] = []
    private static let samplesMax = 10

    /// So many streams, and instruments, of a tape are followed: those that come first.
    ///
    /// Their state must fit into the document of the checkpoint. In streams beyond it no gaps and duplicates are
    /// seen, and prices of instruments beyond it are not compared.
    package static let followedMax = 100_000

    /// Streams that are not followed.
    package var unfollowedStreams: Int { max(0, streams.names.count - Self.followedMax) }

    var streams = NumberedTable<String, SequenceTracker>()
    var lanes = NumberedTable<Instrument, Lane>()
    /// For each decoder, the streams and lanes that its indexes stand for.
    private var decoderTables: [Int: DecoderTables] = [:]
    private var buckets = PendingBuckets()
    private var rejected: [RejectedRecord] = []
    private var gapChanges: [GapKey: GapChange] = [:]

    /// Starts at a place of a tape.
    ///
    /// `only` keeps the instruments of these symbols.
    package init(
        source: String,
        only: Set<String>? = nil,
        rules: OrderRules = OrderRules(),
        place: TapePlace = TapePlace(),
        counts: ReplayCounts = ReplayCounts()
    ) {
        self.source = source
        self.only = only
        self.rules = rules
        self.place = place
        self.counts = counts
    }

    /// How much waits to be written, in events; what else takes memory or time counts for some.
    package private(set) var pendingWork = 0

    /// The holes that are open.
    package var openGaps: [GapChange] {
        streams.entries.flatMap { stream, tracker in
            tracker.gaps.filter { !$0.ranges.isEmpty }.map { GapChange(stream: stream, $0, position: place.position) }
        }
    }

    /// How many holes were open when one changed last; nil before anything was cut.
    private var openGapCount: Int?

    private mutating func countOpenGaps() -> Int {
        if let openGapCount, gapChanges.isEmpty { return openGapCount }
        let count = streams.values.reduce(0) { sum, tracker in sum + tracker.gaps.count { !$0.ranges.isEmpty } }
        openGapCount = count
        return count
    }

    /// Takes the next slab's batch.
    ///
    /// `decoder` tells which decoder's tables its indexes refer to.
    package mutating func apply(_ batch: EventBatch, decoder: Int) {
        var tables = decoderTables[decoder] ?? DecoderTables()
        extend(&tables, batch)
        decoderTables[decoder] = tables
        applyEvents(batch, tables)
        applyRejected(batch.rejected)
        counts.records += batch.records
        for (kind, count) in batch.ignored { counts.ignored[kind, default: 0] += count }
        pendingWork += batch.events.count + Int(batch.lines) / 16
        if batch.truncatedRecord != nil {
            // The rest of the record may still come: the tape is taken up again where the record begins.
            let offset = batch.offsets.upperBound - Int64(batch.truncatedRecordLength)
            place = TapePlace(line: place.line + batch.lines, offset: offset)
            truncatedAt = place
            return
        }
        place = TapePlace(
            line: place.line + batch.lines,
            offset: batch.offsets.upperBound,
            afterOpenLine: batch.endsWithOpenLine
        )
    }

    /// Takes out everything that waits to be written, with the state to go on from.
    ///
    /// - Parameter withState: false where nobody will go on from there.
    package mutating func cut(withState: Bool = true) -> Epoch {
        for index in streams.values.indices { streams.values[index].removeFilledGaps() }
        let epoch = Epoch(
            buckets: buckets.takeAll(),
            rejected: rejected,
            gaps: gapChanges.values.sorted {
                ($0.stream, $0.numbering, $0.after) < ($1.stream, $1.numbering, $1.after)
            },
            place: place,
            isTruncated: truncatedAt != nil,
            counts: counts,
            openGapCount: countOpenGaps(),
            trackers: withState ? encodeState() : []
        )
        rejected = []
        gapChanges = [:]
        pendingWork = 0
        for index in lanes.values.indices { lanes.values[index].current = KindTable(repeating: CurrentBucket()) }
        return epoch
    }
}

extension Sequencer {
    private struct DecoderTables {
        var streams: ContiguousArray<Int> = []
        var lanes: ContiguousArray<Int> = []
    }

    private struct GapKey: Hashable {
        let stream: Int
        let numbering: Int64
        let after: Int64
    }

    /// What is remembered of one instrument.
    struct Lane: Equatable, Sendable {
        /// The last price that was in line with those before it.
        var referencePrice = ExactDecimal.absent
        var offMarketRun: UInt8 = 0
        var isSelected = true
        var current = KindTable(repeating: CurrentBucket())

        static func == (left: Lane, right: Lane) -> Bool {
            left.referencePrice == right.referencePrice && left.offMarketRun == right.offMarketRun
        }
    }

    private mutating func extend(_ tables: inout DecoderTables, _ batch: EventBatch) {
        while tables.streams.count < batch.streams.count {
            tables.streams.append(streams.index(of: batch.streams[tables.streams.count]) { SequenceTracker() })
        }
        while tables.lanes.count < batch.instruments.count {
            let instrument = batch.instruments[tables.lanes.count]
            let isSelected = only?.contains(instrument.symbol) ?? true
            let index = lanes.index(of: instrument) { Lane() }
            lanes.values[index].isSelected = isSelected
            tables.lanes.append(index)
        }
    }

    /// Feeds numbers that belong to messages rather than to events, up to a position of the batch, and returns how
    /// many of them were fed so far.
    private mutating func observe(
        _ observations: [SequenceObservation],
        from start: Int,
        through position: TapePosition,
        _ tables: DecoderTables
    ) -> Int {
        var next = start
        while next < observations.count, observations[next].position <= position {
            let observation = observations[next]
            next += 1
            let stream = tables.streams[Int(observation.stream)]
            guard let number = observation.number else {
                streams.values[stream].restart()
                continue
            }
            let line = place.line + observation.position.line
            let verdict = track(stream, number, observation.rule, eventTime: .min, line: line)
            // A broken repetition of what is stored says nothing about what is stored.
            if observation.isOfRejectedEvent, verdict != .duplicate { streams.values[stream].awaitAgain(number) }
        }
        return next
    }

    private mutating func track(
        _ stream: Int,
        _ number: Int64,
        _ rule: SequenceRule,
        eventTime: Int64,
        line: Int64
    ) -> SequenceVerdict {
        guard stream < Self.followedMax else { return .new }
        switch rule {
        case .none: return .new
        case .increasing: return streams.values[stream].observeIncreasing(number)
        case .contiguous:
            let verdict = streams.values[stream].observeContiguous(number, eventTime: eventTime)
            if verdict == .gap || verdict == .late { noteGap(verdict, stream, number, line) }
            return verdict
        }
    }

    /// Notes the hole that a number opened or narrowed.
    private mutating func noteGap(_ verdict: SequenceVerdict, _ stream: Int, _ number: Int64, _ line: Int64) {
        // The holes of one numbering do not overlap.
        let numbering = streams.values[stream].numbering
        let gap =
            verdict == .gap
            ? streams.values[stream].gaps.last
            : streams.values[stream].gaps.last { $0.numbering == numbering && $0.after < number && number < $0.before }
        guard let gap else { return }
        let position = TapePosition(line: line, event: 0)
        gapChanges[GapKey(stream: stream, numbering: numbering, after: gap.after)] =
            GapChange(stream: streams.names[stream], gap, position: position)
    }

    private mutating func applyEvents(_ batch: EventBatch, _ tables: DecoderTables) {
        let base = place.position.rawValue
        var totals = KindTable(repeating: 0)
        var newest = counts.lastEventTime
        var observed = 0
        batch.events.withUnsafeBufferPointer { events in
            for index in 0..<events.count {
                var event = events[index]
                let lane = tables.lanes[Int(event.instrument)]
                let stream = tables.streams[Int(event.stream)]
                if observed < batch.observations.count {
                    observed = observe(batch.observations, from: observed, through: event.position, tables)
                }
                event.position.rawValue &+= base
                let verdict = track(
                    stream,
                    event.orderNumber,
                    event.sequenceRule,
                    eventTime: event.eventTime.nanoseconds,
                    line: event.position.line
                )
                // Streams are followed whole: what is left out still tells a repetition from a new beginning.
                if verdict != .duplicate { flagOrder(&event, stream) }
                guard lanes.values[lane].isSelected else { continue }
                totals[event.payload.kind] += 1
                guard verdict != .duplicate else { continue }
                if verdict == .reset { event.flags.insert(.sequenceReset) }
                flagPrice(&event, lane)
                if event.flags.rawValue != 0 { count(event.flags) }
                newest = max(newest, event.eventTime.nanoseconds)
                // The number of the stream in the order of the tape. One that is not followed has no lasting number.
                event.stream = stream < Self.followedMax ? Int32(truncatingIfNeeded: stream) : -1
                add(event, lane, batch.texts)
            }
        }
        _ = observe(batch.observations, from: observed, through: TapePosition(rawValue: .max), tables)
        counts.lastEventTime = newest
        for kind in EventKind.allCases where totals[kind] > 0 {
            counts.events[kind.name, default: 0] += totals[kind]
        }
    }

    @inline(__always)
    private mutating func flagOrder(_ event: inout MarketEvent, _ stream: Int) {
        guard stream < Self.followedMax else { return }
        let time = event.eventTime.nanoseconds
        let newest = streams.values[stream].newestEventTime
        if time >= newest {
            streams.values[stream].newestEventTime = time
        } else if newest &- time > rules.outOfOrderWindow {
            event.flags.insert(.outOfOrder)
        }
    }

    @inline(__always)
    private mutating func flagPrice(_ event: inout MarketEvent, _ lane: Int) {
        guard lane < Self.followedMax, case .trade(let trade) = event.payload else { return }
        let reference = lanes.values[lane].referencePrice
        if reference.isAbsent || isNear(trade.price, reference) {
            lanes.values[lane].referencePrice = trade.price
            lanes.values[lane].offMarketRun = 0
            return
        }
        event.flags.insert(.offMarket)
        lanes.values[lane].offMarketRun += 1
        if lanes.values[lane].offMarketRun >= rules.offMarketRunMax {
            lanes.values[lane].referencePrice = trade.price
            lanes.values[lane].offMarketRun = 0
        }
    }

    @inline(__always)
    private func isNear(_ price: ExactDecimal, _ reference: ExactDecimal) -> Bool {
        // A price that does not fit at the reference's exponent is not near it.
        let exponent = min(price.exponent, reference.exponent)
        guard let left = price.scaled(to: exponent), let right = reference.scaled(to: exponent) else { return false }
        let distance = left > right ? left &- right : right &- left
        return distance <= right / rules.offMarketDivisor
    }

    private mutating func count(_ flags: EventFlags) {
        for name in flags.setNames { counts.flagged[name, default: 0] += 1 }
    }

    @inline(__always)
    private mutating func add(_ event: MarketEvent, _ lane: Int, _ texts: TextPool) {
        let kind = event.payload.kind
        let window = kind.windowStart(of: event.eventTime)
        if lanes.values[lane].current[kind].window != window {
            let key = BucketKey(
                source: source,
                instrument: lanes.names[lane],
                kind: kind,
                windowStart: window
            )
            lanes.values[lane].current[kind] = CurrentBucket(window: window, index: buckets.index(of: key))
        }
        buckets.append(event, texts, to: lanes.values[lane].current[kind].index)
    }

    private mutating func applyRejected(_ records: [RejectedRecord]) {
        for var record in records {
            record.position.rawValue &+= place.position.rawValue
            counts.rejected[record.rule.rawValue, default: 0] += 1
            if let kind = record.kindName {
                counts.events[kind, default: 0] += 1
                counts.rejectedEvents += 1
            }
            pendingWork += 16 + record.raw.count / 64
            rejected.append(record)
            if rejectedSamples.count < Self.samplesMax { rejectedSamples.append(record) }
        }
    }
}

/// The bucket that takes the events of one lane and kind at the moment.
struct CurrentBucket: Sendable {
    var window = Int64.min
    var index = 0
}

/// Events that wait, by bucket.
private struct PendingBuckets: Sendable {
    private var buckets: ContiguousArray<PendingBucket> = []
    private var indexes: [BucketKey: Int] = [:]

    mutating func index(of key: BucketKey) -> Int {
        if let index = indexes[key] { return index }
        indexes[key] = buckets.count
        buckets.append(PendingBucket(key: key))
        return buckets.count - 1
    }

    @inline(__always)
    mutating func append(_ event: MarketEvent, _ texts: TextPool, to index: Int) {
        guard case .trade(var trade) = event.payload, trade.id.form == .text else {
            buckets[index].events.append(event)
            return
        }
        // The text moves from the batch's pool to the bucket's.
        var event = event
        trade.id = buckets[index].texts.add(texts[trade.id])
        event.payload = .trade(trade)
        buckets[index].events.append(event)
    }

    mutating func takeAll() -> [PendingBucket] {
        defer {
            buckets = []
            indexes = [:]
        }
        return Array(buckets)
    }
}
