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
    /// Of this source only, where given.
    public let source: String?

    public init(
        instrument: Instrument,
        kind: EventKind,
        from: Timestamp? = nil,
        to: Timestamp? = nil,
        source: String? = nil
    ) {
        self.instrument = instrument
        self.kind = kind
        self.from = from
        self.to = to
        self.source = source
    }
}

/// An event as it is read: with its source, and with the text of its identifier where that is no number.
public struct StoredEvent: Sendable {
    public let event: MarketEvent
    public let idText: String?
}

/// Reads the events of one instrument and kind in order of event time, then source, then position.
///
/// What is read is what was stored when reading began, whatever is written, sealed and rolled up meanwhile. Where that
/// takes longer than the store keeps its history (five minutes with MongoDB), reading goes on with what is stored then:
/// still no event is missing that was there, none comes twice, and none stands out of order.
///
/// Documents are fetched one after the other in the order of their first event, and their blocks decoded when nothing
/// earlier can come any more. So memory is bounded by what overlaps in time, not by how much is read. Used by one task
/// at a time.
public final class BucketReader {
    private let writer: VersionedWriter
    private let query: EventQuery
    private let preview: BlockPreview?
    private var merge: EventMerge
    /// The documents that overlap the query, by first event time; nil where they are to be looked up.
    private var outlines: [RankedOutline]?
    private var nextOutline = 0
    private var lookups = 0
    /// The moment that is read; nil before reading began, and with a store that keeps no history.
    private var moment: StoreMoment?

    /// The damaged documents that were left out, by their names: they are in quarantine.
    public private(set) var leftOut: [String] = []

    /// So often a document may be gone when it is to be fetched, because it was rolled up meanwhile.
    private static let lookupsMax = 1_000
    private static let outlinesMax = 1_000_000

    public convenience init(reading writer: VersionedWriter, _ query: EventQuery) {
        self.init(reading: writer, query, after: nil)
    }

    /// - Parameter preview: what was read of the same instrument before, and when; nil for nothing.
    init(reading writer: VersionedWriter, _ query: EventQuery, after preview: BlockPreview?) {
        self.writer = writer
        self.query = query
        self.preview = preview
        merge = EventMerge(bounds: query.bounds)
    }

    /// The next events in order; nil at the end.
    ///
    /// - Throws: `StoreError`, with code `unreadable` where a block is damaged: the message names bucket and block.
    public func next() async throws(StoreError) -> [StoredEvent]? {
        guard let merged = try await nextMerged() else { return nil }
        return merged.stored(merged.events.indices)
    }

    /// The next events in order, as columns of memory; nil at the end.
    ///
    /// - Throws: `StoreError`, as `next`.
    func nextMerged() async throws(StoreError) -> MergedEvents? {
        var merged = MergedEvents()
        return try await appendNext(to: &merged) ? merged : nil
    }

    /// Appends the next events in order; answers whether there were any.
    ///
    /// - Throws: `StoreError`, as `next`.
    func appendNext(to merged: inout MergedEvents) async throws(StoreError) -> Bool {
        while true {
            guard let outlines = try await currentOutlines() else { continue }
            let limit = nextOutline < outlines.count ? outlines[nextOutline].outline.state.firstEventTime : Int64.max
            if try merge.appendNext(to: &merged, before: limit) { return true }
            guard nextOutline < outlines.count else { return false }
            let isThere = try await fetch(outlines[nextOutline])
            if isThere { nextOutline += 1 } else { lookAgain() }
        }
    }
}

extension BucketReader {
    private typealias Field = MarketDataCollection.Field

    private struct RankedOutline {
        let outline: BucketOutline
        /// The place of the source among all sources of the query, by name.
        let sourceRank: Int
    }

    /// The documents to read; nil where the history to read them from was lost on the way.
    private func currentOutlines() async throws(StoreError) -> [RankedOutline]? {
        if let outlines { return outlines }
        if lookups == 0, let preview { moment = preview.moment } else { moment = try await writer.moment() }
        do throws(StoreError) {
            outlines = try await loadOutlines()
        } catch {
            guard error.code == .historyLost else { throw error }
            return nil
        }
        nextOutline = 0
        return outlines
    }

    /// Begins anew where reading stands, with what is stored now.
    private func lookAgain() {
        outlines = nil
        let rest = merge.frontier..<max(query.bounds.upperBound, merge.frontier)
        merge = EventMerge(bounds: rest)
    }

    private func loadOutlines() async throws(StoreError) -> [RankedOutline] {
        guard lookups < Self.lookupsMax else {
            throw StoreError(.unavailable, "the buckets of \(query.instrument) kept changing; read again")
        }
        lookups += 1
        var conditions = query.conditions
        if merge.frontier > .min {
            // Of a document that it passes over, the server reads no more than this.
            conditions.append(.greaterOrEqual(Field.lastEventTime, .int64(merge.frontier)))
        }
        var find = DocumentQuery(
            MarketDataCollection.name,
            where: conditions,
            order: [.init(Field.windowStart), .init(Field.source), .init(Field.part)],
            fields: .only(query.isBounded ? BucketOutline.fieldsWithTimes : BucketOutline.fields),
            limit: Self.outlinesMax
        )
        find.moment = moment
        var found: [BucketOutline] = []
        for document in try await writer.find(find) {
            let outline = try BucketOutline(document)
            guard outline.state.lastEventTime >= merge.frontier,
                outline.state.firstEventTime < query.bounds.upperBound, outline.state.eventCount > 0
            else { continue }
            guard outline.quarantined == nil else {
                if !leftOut.contains(outline.id) { leftOut.append(outline.id) }
                continue
            }
            found.append(outline)
        }
        let sources = Set(found.map(\.source)).sorted()
        let ranks = Dictionary(uniqueKeysWithValues: zip(sources, 0...))
        return found.map { RankedOutline(outline: $0, sourceRank: ranks[$0.source] ?? 0) }
            .sorted { $0.outline.state.firstEventTime < $1.outline.state.firstEventTime }
    }

    /// Finds blocks; nil where the document is gone, or its history.
    private func find(_ outline: BucketOutline, _ wanted: Range<Int>?) async throws(StoreError) -> FetchedBlocks? {
        if let wanted, let known = preview?.blocks(wanted, of: outline) { return known }
        do throws(StoreError) {
            return try await FetchedBlocks.find(outline, wanted, writer, at: moment)
        } catch {
            guard error.code == .historyLost else { throw error }
            return nil
        }
    }

    /// Fetches the blocks of a document that overlap what is asked for; answers false where the document is gone.
    private func fetch(_ ranked: RankedOutline) async throws(StoreError) -> Bool {
        let outline = ranked.outline
        let wanted = outline.blocks(within: merge.frontier..<max(query.bounds.upperBound, merge.frontier))
        if wanted.isEmpty { return true }
        guard var fetched = try await find(outline, wanted) else { return false }
        if fetched.version != outline.state.version {
            // It was changed meanwhile: its blocks have other places.
            guard let whole = try await find(outline, nil) else { return false }
            fetched = whole
        }
        var added: [StoredBlock] = []
        for (index, block) in fetched.blocks {
            guard let bytes = block.binary else {
                throw StoreError(.unreadable, "block \(index) of bucket \(outline.id) is not binary")
            }
            let rank = StoredBlock.Rank(source: ranked.sourceRank, slot: outline.firstSlot, index: index)
            let stored = try StoredBlock(bytes, rank: rank, bucket: outline.id)
            // Without history: what came in since reading began may belong before what was read already.
            let isLater =
                index >= fetched.sealedCount && stored.header.positions.lowerBound > outline.state.appliedThrough
            if !isLater { added.append(stored) }
        }
        merge.add(added)
        return true
    }
}

extension MergedEvents {
    /// Some of the events, each with the text of its identifier.
    func stored(_ range: Range<Int>) -> [StoredEvent] {
        events[range].map { event in
            var idText: String?
            if case .trade(let trade) = event.payload, trade.id.form == .text {
                idText = String(decoding: texts[trade.id], as: UTF8.self)
            }
            return StoredEvent(event: event, idText: idText)
        }
    }
}

extension EventQuery {
    var bounds: Range<Int64> {
        let lower = from?.nanoseconds ?? .min
        return lower..<max(to?.nanoseconds ?? .max, lower)
    }

    /// Whether a part of the events is asked for.
    fileprivate var isBounded: Bool { from != nil || to != nil }

    /// What holds for the documents that may hold such events.
    var conditions: [DocumentQuery.Condition] {
        typealias Field = MarketDataCollection.Field
        var conditions: [DocumentQuery.Condition] = [
            .equals(Field.instrumentSymbol, .string(instrument.description)),
            .equals(Field.kind, .string(kind.name)),
            .equals(Field.replacedBy, .null),
        ]
        if let source { conditions.append(.equals(Field.source, .string(source))) }
        if let from {
            // What begins before may reach into the range: a window, or the segment of its day.
            let window = kind.windowStart(of: from)
            let start = kind.segmentStart(of: window) ?? window
            conditions.append(.greaterOrEqual(Field.windowStart, .int64(start)))
        }
        if let to { conditions.append(.less(Field.windowStart, .int64(to.nanoseconds))) }
        return conditions
    }
}
