import BSON
private import CChecksum
import DocumentStore
public import MarketData
import TickCodec

/// Events of one bucket that wait to be written, in the order of their positions.
public struct PendingBucket: Sendable {
    public let key: BucketKey
    public var events: ContiguousArray<MarketEvent>
    public var texts: TextPool

    public init(key: BucketKey) {
        self.key = key
        events = []
        texts = TextPool()
    }
}

/// Encoded events that one change appends to a bucket.
struct BucketAddition {
    let events: ArraySlice<MarketEvent>
    let blocks: [BlockEncoder.Block]
    let firstEventTime: Int64
    let lastEventTime: Int64
    let lastPosition: Int64

    /// Encodes the events of `pending` behind a position; nil where there are none.
    init?(_ pending: PendingBucket, after appliedThrough: Int64, encoder: BlockEncoder) {
        let start = Self.firstIndex(in: pending.events, after: appliedThrough)
        guard start < pending.events.count, let last = pending.events.last else { return nil }
        events = ArraySlice(pending.events[start...])
        blocks = pending.events.withUnsafeBufferPointer {
            encoder.encode(UnsafeBufferPointer(rebasing: $0[start...]), kind: pending.key.kind, texts: pending.texts)
        }
        var first = Int64.max
        var latest = Int64.min
        for event in events {
            first = min(first, event.eventTime.nanoseconds)
            latest = max(latest, event.eventTime.nanoseconds)
        }
        firstEventTime = first
        lastEventTime = latest
        lastPosition = last.position.rawValue
    }

    var byteCount: Int { blocks.reduce(0) { $0 + $1.bytes.count } }

    /// The first event behind a position.
    ///
    /// Positions ascend, so it is found by bisection.
    private static func firstIndex(in events: ContiguousArray<MarketEvent>, after position: Int64) -> Int {
        var low = 0
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].position.rawValue <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The checksum over all blocks of a bucket: CRC32C of their own checksums, which are their last four bytes, in order.
///
/// It must not be taken of whole blocks: bytes that end in their own CRC all have the same one.
enum BlockChecksum {
    static func extend(_ checksum: UInt32, _ block: [UInt8]) -> UInt32 {
        block.suffix(4).withUnsafeBytes { tapedesk_crc32c(checksum, $0.baseAddress, $0.count) }
    }
}
