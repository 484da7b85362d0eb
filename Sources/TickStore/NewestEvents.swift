import BSON
public import DocumentStore
import MarketData
import TickCodec

/// The newest events of an instrument, read without reading the others.
public struct NewestEvents: Sendable {
    public let events: [StoredEvent]
    /// The damaged documents that were left out, as of `BucketReader`.
    public let leftOut: [String]

    /// The last `count` events that a query has, in its order; all where there are fewer.
    ///
    /// Touches the last blocks of the last documents only, so the time that it takes does not grow with what is stored.
    ///
    /// - Throws: `StoreError`, as `BucketReader.next`.
    public static func read(
        _ count: Int,
        reading writer: VersionedWriter,
        _ query: EventQuery
    ) async throws(StoreError) -> NewestEvents {
        guard count > 0 else { return NewestEvents(events: [], leftOut: []) }
        for _ in 0..<attemptsMax {
            var search = NewestSearch(writer, query, at: try await writer.moment())
            do throws(StoreError) {
                let start = try await search.start(of: count)
                let newest = try await read(count, reading: writer, query, from: start, after: search.preview)
                // Without history, some may have been removed between the search and the reading.
                if start == nil || newest.events.count == count { return newest }
            } catch {
                // That was but a moment ago: the next one may be there.
                guard error.code == .historyLost else { throw error }
            }
        }
        throw StoreError(.unavailable, "what is stored kept changing; read again")
    }

    private static let attemptsMax = 8

    private static func read(
        _ count: Int,
        reading writer: VersionedWriter,
        _ query: EventQuery,
        from start: Timestamp?,
        after preview: BlockPreview
    ) async throws(StoreError) -> NewestEvents {
        let bounded = EventQuery(
            instrument: query.instrument,
            kind: query.kind,
            from: start.map { max($0, query.from ?? $0) } ?? query.from,
            to: query.to,
            source: query.source
        )
        let reader = BucketReader(reading: writer, bounded, after: preview)
        var tail = Tail(count: count)
        while let merged = try await reader.nextMerged() { tail.append(merged) }
        return NewestEvents(events: tail.events, leftOut: reader.leftOut)
    }

    /// The last of the events that pass by, of which nothing is copied before all have passed.
    private struct Tail {
        let count: Int
        private var parts: [MergedEvents] = []
        private var total = 0

        init(count: Int) {
            self.count = count
        }

        mutating func append(_ part: MergedEvents) {
            parts.append(part)
            total += part.events.count
            let superfluous = parts.prefix { part in
                guard total - part.events.count >= count else { return false }
                total -= part.events.count
                return true
            }
            parts.removeFirst(superfluous.count)
        }

        var events: [StoredEvent] {
            var left = max(0, total - count)
            return parts.flatMap { part in
                let skipped = min(left, part.events.count)
                left -= skipped
                return part.stored(skipped..<part.events.count)
            }
        }
    }
}

/// Looks for the time from which on an instrument has so many events, the newest documents first.
///
/// Everything is read as of one moment.
private struct NewestSearch {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let query: EventQuery
    private let decoder = BlockDecoder()
    /// The blocks that were read.
    private(set) var preview: BlockPreview
    /// The event times in them.
    private var times: [Int64] = []

    /// Documents that are looked at together, the newest first: mongod reads whole documents, be it for their outlines
    /// only, and mostly the first has enough.
    private static let pageSizes = 2...16

    init(_ writer: VersionedWriter, _ query: EventQuery, at moment: StoreMoment?) {
        self.writer = writer
        self.query = query
        preview = BlockPreview(at: moment)
    }

    /// A time with at least so many events at it or behind it; nil where there are not so many.
    ///
    /// - Throws: `StoreError`; with code `historyLost` where the moment is too long ago.
    mutating func start(of count: Int) async throws(StoreError) -> Timestamp? {
        var windowsBefore: Int64?
        var pageSize = Self.pageSizes.lowerBound
        while times.count < count {
            let page = try await outlines(before: windowsBefore, limit: pageSize)
            let sound = page.filter { $0.quarantined == nil }
            for outline in sound.sorted(by: { $0.state.lastEventTime > $1.state.lastEventTime }) {
                try await addLastTimes(of: outline, upTo: count)
            }
            guard page.count == pageSize, let last = page.last else { break }
            windowsBefore = last.windowStart
            pageSize = min(2 * pageSize, Self.pageSizes.upperBound)
        }
        guard times.count >= count else { return nil }
        times.sort()
        return Timestamp(nanoseconds: times[times.count - count])
    }

    private func outlines(before windowStart: Int64?, limit: Int) async throws(StoreError) -> [BucketOutline] {
        var find = DocumentQuery(
            MarketDataCollection.name,
            where: query.conditions + (windowStart.map { [.less(Field.windowStart, .int64($0))] } ?? []),
            order: [.init(Field.windowStart, ascending: false)],
            fields: .only(BucketOutline.fieldsWithTimes),
            limit: limit
        )
        find.moment = preview.moment
        var outlines: [BucketOutline] = []
        for document in try await writer.find(find) { outlines.append(try BucketOutline(document)) }
        return outlines
    }

    /// Adds the event times of the last blocks of a document, until there are enough.
    private mutating func addLastTimes(of outline: BucketOutline, upTo count: Int) async throws(StoreError) {
        let wanted = outline.blocks(within: query.bounds)
        var end = wanted.upperBound
        var step = 1
        while times.count < count, end > wanted.lowerBound {
            let start = max(wanted.lowerBound, end - step)
            guard let fetched = try await FetchedBlocks.find(outline, start..<end, writer, at: preview.moment),
                fetched.version == outline.state.version
            else { return }
            preview.prepend(fetched, of: outline)
            for (index, value) in fetched.blocks { try addTimes(of: value.binary ?? [], index, outline) }
            end = start
            step *= 2
        }
    }

    private mutating func addTimes(
        of bytes: [UInt8],
        _ index: Int,
        _ outline: BucketOutline
    ) throws(StoreError) {
        do throws(BlockError) {
            times += try decoder.eventTimes(bytes).filter(query.bounds.contains)
        } catch {
            throw StoredBlock.damaged("block \(index) of bucket \(outline.id)", error)
        }
    }
}
