import BSON
public import DocumentStore
import MarketData
import TickCodec

/// The newest events of an instrument, read without reading the others.
public struct NewestEvents: Sendable {
    public let events: [StoredEvent]
    /// The damaged documents that were left out, as of `BucketReader`.
    public let leftOut: [String]

    private typealias Field = MarketDataCollection.Field

    /// Documents that are looked at together, the newest first: mongod reads whole documents, be it for their outlines
    /// only, and mostly the first has enough.
    private static let pageSizes = 2...16

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
        let start = try await start(of: count, writer, query)
        let bounded = EventQuery(
            instrument: query.instrument,
            kind: query.kind,
            from: start.map { max($0, query.from ?? $0) } ?? query.from,
            to: query.to,
            source: query.source
        )
        let reader = BucketReader(reading: writer, bounded)
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

    /// A time with at least so many events at it or behind it; nil where there are not so many.
    private static func start(
        of count: Int,
        _ writer: VersionedWriter,
        _ query: EventQuery
    ) async throws(StoreError) -> Timestamp? {
        var left = count
        var earliest = Int64.max
        var windowsBefore: Int64?
        var pageSize = pageSizes.lowerBound
        while left > 0 {
            let page = try await outlines(before: windowsBefore, limit: pageSize, writer, query)
            let sound = page.filter { $0.quarantined == nil }
            for outline in sound.sorted(by: { $0.state.lastEventTime > $1.state.lastEventTime }) where left > 0 {
                for header in try await lastHeaders(outline, writer, query, atLeast: left) {
                    left -= header.count
                    earliest = min(earliest, header.firstTime)
                }
            }
            guard page.count == pageSize, let last = page.last else { break }
            windowsBefore = last.windowStart
            pageSize = min(2 * pageSize, pageSizes.upperBound)
        }
        return left > 0 ? nil : Timestamp(nanoseconds: earliest)
    }

    private static func outlines(
        before windowStart: Int64?,
        limit: Int,
        _ writer: VersionedWriter,
        _ query: EventQuery
    ) async throws(StoreError) -> [BucketOutline] {
        let find = DocumentQuery(
            MarketDataCollection.name,
            where: query.conditions + (windowStart.map { [.less(Field.windowStart, .int64($0))] } ?? []),
            order: [.init(Field.windowStart, ascending: false)],
            fields: .only(BucketOutline.fieldsWithTimes),
            limit: limit
        )
        var outlines: [BucketOutline] = []
        for document in try await writer.find(find) { outlines.append(try BucketOutline(document)) }
        return outlines
    }

    /// What the last blocks of a document say of themselves, until they have enough events before the query's end.
    private static func lastHeaders(
        _ outline: BucketOutline,
        _ writer: VersionedWriter,
        _ query: EventQuery,
        atLeast count: Int
    ) async throws(StoreError) -> [(count: Int, firstTime: Int64)] {
        let wanted = outline.blocks(within: query.bounds)
        var headers: [(count: Int, firstTime: Int64)] = []
        var total = 0
        var end = wanted.upperBound
        var step = 1
        while total < count, end > wanted.lowerBound {
            let start = max(wanted.lowerBound, end - step)
            guard let fetched = try await FetchedBlocks.find(outline, start..<end, writer),
                fetched.version == outline.state.version
            else { return headers }
            for (index, value) in fetched.blocks {
                let block = try StoredBlock(
                    value.binary ?? [],
                    rank: .init(source: 0, slot: 0, index: index),
                    bucket: outline.id
                )
                // A block that goes beyond the end of the query counts for nothing: it may have no event before it.
                guard block.header.eventTimes.upperBound < query.bounds.upperBound else { continue }
                total += block.header.count
                headers.append((block.header.count, block.header.eventTimes.lowerBound))
            }
            end = start
            step *= 2
        }
        return headers
    }
}
