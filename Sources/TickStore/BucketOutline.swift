import BSON
import DocumentStore
import MarketData

/// Everything that a document of market data says about itself, but for its blocks: a bucket, or a segment that
/// sealed buckets were rolled up into.
///
/// It belongs to one version of the document.
struct BucketOutline: Sendable {
    let id: String
    let source: String
    let instrument: Instrument
    let kind: EventKind
    /// The start of what it covers in event time, in nanoseconds, and the length.
    let windowStart: Int64
    let windowSeconds: Int64
    /// What a writer knows of it, the version included.
    private(set) var state: BucketState
    /// Blocks at the front that are sealed.
    let sealedBlockCount: Int64
    let duplicateCount: Int64
    /// The parts of windows that are the document's alone; empty in replaced documents.
    let storedSlots: [Int64]
    private let formerSlots: [Int64]
    /// First and last event time of each sealed block, where the outline was asked for them.
    let sealedTimes: [Int64]
    /// The windows that are in it; empty for a bucket.
    let windows: [SegmentWindow]
    /// Why it is in quarantine; nil where it is not.
    let quarantined: String?
    /// The segment that took its place.
    let replacedBy: String?
    /// What retention deleted; the document is the tombstone of it.
    let deleted: Deleted?
    /// Until when retention leaves the document alone, in nanoseconds.
    let keepUntil: Int64?
    /// Whether it has fields that this program does not know, as far as they were read: a newer one added them, and
    /// only that one can tell what becomes of them where documents are made of others.
    let hasUnknownFields: Bool

    /// Events that are not there any more.
    struct Deleted: Equatable, Sendable {
        let eventCount: Int64
        let bytes: Int64
        let checksum: UInt32
    }

    private typealias Field = MarketDataCollection.Field

    /// The fields that an outline is made of.
    static let fields: [String] =
        [
            DocumentField.version, DocumentField.schemaVersion, Field.instrumentSymbol, Field.kind, Field.source,
            Field.windowStart, Field.windowSeconds, Field.part, Field.isClosed, Field.blockCount, Field.blockBytes,
            Field.eventCount, Field.firstEventTime, Field.lastEventTime, Field.appliedThrough, Field.checksum,
            Field.sealedBlockCount, Field.duplicateCount, Field.slots, Field.windows, Field.replacedBy,
            Field.formerSlots, Field.deletedEventCount, Field.deletedBytes, Field.deletedChecksum, Field.keepUntil,
            Field.quarantined,
        ] + BucketSummary.fieldNames

    /// Those, and the times of sealed blocks, for reading a part of the blocks.
    static let fieldsWithTimes = fields + [Field.sealedTimes]

    /// All fields that this program knows.
    private static let fieldsKnown = Set(
        fieldsWithTimes + [DocumentField.id, DocumentField.lastOperationID, Field.blocks]
    )

    /// Reads the outline of a document, with or without its blocks.
    ///
    /// - Throws: `StoreError` with code `unreadable` where the document is of another layout, `newerSchema` where that
    ///   is a newer one.
    init(_ document: BSONDocument) throws(StoreError) {
        state = try BucketState(document)
        let document = state.upcast?.applied(to: document) ?? document
        hasUnknownFields = document.hasFields(besides: Self.fieldsKnown)
        windows = try SegmentWindow.all(in: document)
        do throws(BSONError) {
            id = try document.string(DocumentField.id)
            source = try document.string(Field.source)
            windowStart = try document.integer(Field.windowStart)
            windowSeconds = try document.integer(Field.windowSeconds)
        } catch {
            throw StoreError(.unreadable, "a bucket cannot be read: \(error)")
        }
        guard let kind = document[Field.kind]?.string.flatMap(EventKind.init(name:)),
            let instrument = document[Field.instrumentSymbol]?.string.flatMap(Instrument.init(parsing:))
        else { throw StoreError(.unreadable, "bucket '\(id)' is of an unknown kind, or has no instrument") }
        self.kind = kind
        self.instrument = instrument
        sealedBlockCount = document[Field.sealedBlockCount]?.integer ?? 0
        duplicateCount = document[Field.duplicateCount]?.integer ?? 0
        sealedTimes = (document[Field.sealedTimes]?.array ?? []).compactMap(\.integer)
        storedSlots = (document[Field.slots]?.array ?? []).compactMap(\.integer)
        formerSlots = (document[Field.formerSlots]?.array ?? []).compactMap(\.integer)
        quarantined = document[Field.quarantined]?.string
        replacedBy = document[Field.replacedBy]?.string
        deleted = Deleted(document)
        if case .datetime(let milliseconds) = document[Field.keepUntil] {
            // What is too far away for nanoseconds is for ever.
            let (nanoseconds, isTooFar) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
            keepUntil = isTooFar ? .max : nanoseconds
        } else {
            keepUntil = nil
        }
    }

    var isSegment: Bool { !windows.isEmpty }
    /// Whether all of its blocks are sealed.
    var isSealed: Bool { state.blockCount > 0 && sealedBlockCount == state.blockCount }
    /// The end of what it covers, exclusive.
    var windowEnd: Int64 { windowStart.adding(seconds: windowSeconds) }

    /// Where in its lane it belongs, or belonged: its parts of windows.
    var slots: [Int64] {
        if !storedSlots.isEmpty { return storedSlots }
        return formerSlots.isEmpty ? [BucketSlot.make(windowStart: windowStart, part: state.part)] : formerSlots
    }

    /// The first slot: it orders the documents of a lane, and with that events of equal time.
    var firstSlot: Int64 { slots.min() ?? windowStart }

    /// The windows that are in it, be it a segment or a bucket.
    var coveredWindows: [SegmentWindow] {
        guard windows.isEmpty else { return windows }
        return [SegmentWindow(start: windowStart, lastPart: state.part, appliedThrough: state.appliedThrough)]
    }

    /// The blocks that may hold events within bounds: sealed ones by their times, and all that are not sealed.
    ///
    /// All blocks where the outline does not have the times.
    func blocks(within bounds: Range<Int64>) -> Range<Int> {
        let (sealed, all) = (Int(sealedBlockCount), Int(state.blockCount))
        guard sealedTimes.count == 2 * sealed, sealed > 0 else { return 0..<all }
        let first = (0..<sealed).first { sealedTimes[2 * $0 + 1] >= bounds.lowerBound } ?? sealed
        guard all == sealed else { return first..<all }
        let end = (first..<sealed).first { sealedTimes[2 * $0] >= bounds.upperBound } ?? sealed
        return first..<end
    }

    /// The outline behind a change that leaves everything as it is that the outline says, but for the version.
    var afterMark: BucketOutline {
        var marked = self
        marked.state.version += 1
        return marked
    }

    var key: BucketKey {
        BucketKey(source: source, instrument: instrument, kind: kind, windowStart: windowStart)
    }

    var documentKey: DocumentKey { key.documentKey(part: state.part) }
}

extension BucketOutline.Deleted {
    /// What would be deleted of a document.
    init(_ state: BucketState) {
        self.init(eventCount: state.eventCount, bytes: state.blockBytes, checksum: state.checksum)
    }

    /// What a document says was deleted of it; nil where nothing was.
    init?(_ document: BSONDocument) {
        typealias Field = MarketDataCollection.Field
        guard let count = document[Field.deletedEventCount]?.integer else { return nil }
        self.init(
            eventCount: count,
            bytes: document[Field.deletedBytes]?.integer ?? 0,
            checksum: UInt32(truncatingIfNeeded: document[Field.deletedChecksum]?.integer ?? 0)
        )
    }
}
