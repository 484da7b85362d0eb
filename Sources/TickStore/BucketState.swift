import BSON
import DocumentStore
import MarketData
import TickCodec

/// What a writer knows of the last part of a window: everything but the blocks.
///
/// It belongs to one version of the document. A change that is decided on it carries that version, so a state
/// that is out of date can do no harm.
struct BucketState: Sendable {
    let part: Int64
    var version: Int64
    let isClosed: Bool
    let blockCount: Int64
    let blockBytes: Int64
    let eventCount: Int64
    let firstEventTime: Int64
    let lastEventTime: Int64
    /// The tape position of the last event in the window.
    let appliedThrough: Int64
    /// CRC32C of the checksums of all blocks, in order.
    let checksum: UInt32
    let summary: BucketSummary?
    /// What brings the stored document to the present layout; it goes with the next change.
    let upcast: DocumentUpdate?

    /// A part takes no more blocks once its blocks have this many bytes.
    ///
    /// MongoDB rewrites a document with each change, so the cost of an append grows with the bucket; a read, on
    /// the other hand, is cheaper for few large documents. Measured in docs/decisions/0004-bucket-parts.md.
    static let closesAtBytes: Int64 = 256 * 1024

    private typealias Field = MarketDataCollection.Field

    /// Reads the state of a stored bucket.
    ///
    /// - Throws: `StoreError` with code `unreadable` where the document is of another layout, `newerSchema` where that
    ///   is a newer one.
    init(_ document: BSONDocument) throws(StoreError) {
        upcast = try MarketDataCollection.schema.upcast(document)
        do throws(BSONError) {
            let document = upcast?.applied(to: document) ?? document
            part = try document.integer(Field.part)
            version = try document.integer(DocumentField.version)
            // What is damaged takes nothing more.
            isClosed = try document.bool(Field.isClosed) || document[Field.quarantined] != nil
            blockCount = try document.integer(Field.blockCount)
            blockBytes = try document.integer(Field.blockBytes)
            eventCount = try document.integer(Field.eventCount)
            firstEventTime = try document.integer(Field.firstEventTime)
            lastEventTime = try document.integer(Field.lastEventTime)
            appliedThrough = try document.integer(Field.appliedThrough)
            checksum = UInt32(truncatingIfNeeded: try document.integer(Field.checksum))
            summary = BucketSummary(document)
        } catch {
            throw StoreError(.unreadable, "a bucket cannot be read: \(error)")
        }
    }

    /// What a segment says of a window that is in it: it takes nothing more, the next event begins a new part.
    init(absorbed window: SegmentWindow) {
        part = window.lastPart
        version = 0
        isClosed = true
        blockCount = 0
        blockBytes = 0
        eventCount = 0
        firstEventTime = .max
        lastEventTime = .min
        appliedThrough = window.appliedThrough
        checksum = 0
        summary = nil
        upcast = nil
    }

    /// The state after `addition` was appended to `previous`, or began a new part.
    init(appending addition: BucketAddition, to previous: BucketState?) {
        let continued = previous.flatMap { $0.isClosed ? nil : $0 }
        part = continued?.part ?? (previous.map { $0.part + 1 } ?? 0)
        version = (continued?.version ?? 0) + 1
        blockCount = (continued?.blockCount ?? 0) + Int64(addition.blocks.count)
        blockBytes = (continued?.blockBytes ?? 0) + Int64(addition.byteCount)
        isClosed = blockBytes >= Self.closesAtBytes
        eventCount = (continued?.eventCount ?? 0) + Int64(addition.events.count)
        firstEventTime = min(continued?.firstEventTime ?? .max, addition.firstEventTime)
        lastEventTime = max(continued?.lastEventTime ?? .min, addition.lastEventTime)
        appliedThrough = addition.lastPosition
        checksum = addition.blocks.reduce(continued?.checksum ?? 0) { BlockChecksum.extend($0, $1.bytes) }
        if var sum = continued?.summary {
            sum.add(addition.events)
            summary = sum
        } else {
            summary = BucketSummary(addition.events)
        }
        upcast = nil
    }

    /// The fields that a change of the bucket sets.
    var fields: [(field: String, value: BSONValue)] {
        [
            (Field.isClosed, .bool(isClosed)),
            (Field.blockCount, .int64(blockCount)),
            (Field.blockBytes, .int64(blockBytes)),
            (Field.eventCount, .int64(eventCount)),
            (Field.firstEventTime, .int64(firstEventTime)),
            (Field.lastEventTime, .int64(lastEventTime)),
            (Field.appliedThrough, .int64(appliedThrough)),
            (Field.checksum, .int64(Int64(checksum))),
        ] + (summary?.fields ?? [])
    }
}
