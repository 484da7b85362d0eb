import BSON
public import DocumentStore
public import MarketData
import TickCodec

/// Which events are asked for.
public struct EventQuery: Sendable {
    public let instrument: Instrument
    public let kind: EventKind
    /// From this event time on, where given.
    public let from: Timestamp?
    /// Before this event time, where given.
    public let to: Timestamp?

    public init(instrument: Instrument, kind: EventKind, from: Timestamp? = nil, to: Timestamp? = nil) {
        self.instrument = instrument
        self.kind = kind
        self.from = from
        self.to = to
    }
}

/// An event as it is read: with its source, and with the text of its identifier where that is no number.
public struct StoredEvent: Sendable {
    public let event: MarketEvent
    public let idText: String?
}

/// Reads the events of one instrument and kind in order of event time, then source, then position.
///
/// Buckets are read one after the other in the order of their first event, and their events wait until no bucket
/// that is still to come can hold an earlier one. So memory is bounded by buckets that overlap in time, not by
/// how much is read. Used by one task at a time.
public final class BucketReader {
    private let writer: VersionedWriter
    private let query: EventQuery
    private let decoder = BlockDecoder()
    /// The buckets that overlap the query, without their blocks, by first event time.
    private var outline: [BucketOutline]?
    private var nextBucket = 0
    /// Decoded events that wait, in order; those before `waitingStart` were handed out.
    private var waiting: [WaitingEvent] = []

    public init(reading writer: VersionedWriter, _ query: EventQuery) {
        self.writer = writer
        self.query = query
    }

    /// The next events in order; nil at the end.
    ///
    /// - Throws: `StoreError`, with code `unreadable` where a block is damaged: the message names bucket and block.
    public func next() async throws(StoreError) -> [StoredEvent]? {
        let buckets = try await loadOutline()
        while true {
            if nextBucket < buckets.count {
                try await load(buckets[nextBucket])
                nextBucket += 1
            }
            let frontier = nextBucket < buckets.count ? buckets[nextBucket].firstEventTime : Int64.max
            let ready = takeWaiting(before: frontier)
            if !ready.isEmpty { return ready }
            if nextBucket >= buckets.count { return nil }
        }
    }
}

extension BucketReader {
    private typealias Field = MarketDataCollection.Field

    private struct BucketOutline {
        let id: BSONValue
        let source: String
        let firstEventTime: Int64
        /// The place of the source among all sources of the query, by name.
        var sourceRank = 0
    }

    private struct WaitingEvent {
        let event: MarketEvent
        let sourceRank: Int
        let idText: String?

        static func isBefore(_ left: WaitingEvent, _ right: WaitingEvent) -> Bool {
            if left.event.eventTime != right.event.eventTime { return left.event.eventTime < right.event.eventTime }
            if left.sourceRank != right.sourceRank { return left.sourceRank < right.sourceRank }
            return left.event.position < right.event.position
        }
    }

    private func loadOutline() async throws(StoreError) -> [BucketOutline] {
        if let outline { return outline }
        let documents = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                where: conditions,
                fields: .only([Field.source, Field.firstEventTime, Field.lastEventTime]),
                limit: 1_000_000
            )
        )
        var result: [BucketOutline] = []
        for document in documents {
            guard let id = document[DocumentField.id], let source = document[Field.source]?.string,
                let first = document[Field.firstEventTime]?.integer, let last = document[Field.lastEventTime]?.integer
            else { throw StoreError(.unreadable, "a bucket lacks its first or last event time") }
            if let from = query.from, last < from.nanoseconds { continue }
            if let to = query.to, first >= to.nanoseconds { continue }
            result.append(BucketOutline(id: id, source: source, firstEventTime: first))
        }
        let sources = Set(result.map(\.source)).sorted()
        let ranks = Dictionary(uniqueKeysWithValues: zip(sources, 0...))
        for index in result.indices { result[index].sourceRank = ranks[result[index].source] ?? 0 }
        result.sort { $0.firstEventTime < $1.firstEventTime }
        outline = result
        return result
    }

    private var conditions: [DocumentQuery.Condition] {
        var conditions: [DocumentQuery.Condition] = [
            .equals(Field.instrumentSymbol, .string(query.instrument.description)),
            .equals(Field.kind, .string(query.kind.name)),
        ]
        // Windows end after they start: one that began a window's length before may still overlap.
        if let from = query.from {
            conditions.append(.greaterOrEqual(Field.windowStart, .int64(query.kind.windowStart(of: from))))
        }
        if let to = query.to { conditions.append(.less(Field.windowStart, .int64(to.nanoseconds))) }
        return conditions
    }

    private func load(_ bucket: BucketOutline) async throws(StoreError) {
        let found = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                where: [
                    .equals(DocumentField.id, bucket.id),
                    .equals(Field.instrumentSymbol, .string(query.instrument.description)),
                ],
                fields: .only([Field.blocks]),
                limit: 1
            )
        )
        guard let blocks = found.first?[Field.blocks]?.array else {
            throw StoreError(.unreadable, "bucket \(bucket.id.string ?? "?") disappeared or has no blocks")
        }
        var added: [WaitingEvent] = []
        for (number, block) in blocks.enumerated() {
            guard let bytes = block.binary else {
                throw StoreError(.unreadable, "block \(number) of bucket \(bucket.id.string ?? "?") is not binary")
            }
            try append(bytes, number, bucket, to: &added)
        }
        merge(added)
    }

    private func append(
        _ bytes: [UInt8],
        _ number: Int,
        _ bucket: BucketOutline,
        to added: inout [WaitingEvent]
    ) throws(StoreError) {
        let block: DecodedBlock
        do throws(BlockError) {
            block = try decoder.decode(bytes)
        } catch {
            let place = "block \(number) of bucket \(bucket.id.string ?? "?")"
            throw StoreError(.unreadable, "\(place) cannot be read: \(error). Run 'tapedesk verify'")
        }
        for event in block.events {
            if let from = query.from, event.eventTime < from { continue }
            if let to = query.to, event.eventTime >= to { continue }
            var idText: String?
            if case .trade(let trade) = event.payload, trade.id.form == .text {
                idText = String(decoding: block.texts[trade.id], as: UTF8.self)
            }
            added.append(WaitingEvent(event: event, sourceRank: bucket.sourceRank, idText: idText))
        }
    }

    /// Merges new events into the waiting ones.
    ///
    /// Both are nearly sorted most of the time; the sort is stable in effect because no two events of one source have
    /// the same position.
    private func merge(_ added: [WaitingEvent]) {
        waiting.append(contentsOf: added)
        waiting.sort(by: WaitingEvent.isBefore)
    }

    private func takeWaiting(before frontier: Int64) -> [StoredEvent] {
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].event.eventTime.nanoseconds < frontier { low = middle + 1 } else { high = middle }
        }
        let ready = waiting[..<low].map { StoredEvent(event: $0.event, idText: $0.idText) }
        waiting.removeFirst(low)
        return ready
    }
}
