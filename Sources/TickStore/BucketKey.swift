import BSON
import DocumentStore
public import MarketData

/// Names the buckets of one instrument, kind and source in one window of event time.
public struct BucketKey: Hashable, Sendable {
    public let source: String
    public let instrument: Instrument
    public let kind: EventKind
    /// The start of the window: a multiple of the kind's window length since 1970, in nanoseconds.
    public let windowStart: Int64

    public init(source: String, instrument: Instrument, kind: EventKind, windowStart: Int64) {
        self.source = source
        self.instrument = instrument
        self.kind = kind
        self.windowStart = windowStart
    }

    var shardKey: DocumentKey.ShardKey {
        DocumentKey.ShardKey(
            field: MarketDataCollection.Field.instrumentSymbol,
            value: .string(instrument.description)
        )
    }

    /// The identifier of the document of one part of the window: a pure function of what it names.
    func documentID(part: Int64) -> String { "\(source)|\(kind.name)|\(instrument)|\(windowStart)|\(part)" }

    /// The document of one part of the window.
    func documentKey(part: Int64) -> DocumentKey {
        DocumentKey(
            collection: MarketDataCollection.name,
            id: .string(documentID(part: part)),
            shardKey: shardKey
        )
    }
}

/// Numbers that say where in its lane a part belongs: window, then part, in one integer.
///
/// Windows begin at whole seconds, so the nanoseconds below one are free for the part. Slots of one lane order its
/// documents as they were written, and no two live documents of a lane share one.
enum BucketSlot {
    static func make(windowStart: Int64, part: Int64) -> Int64 { windowStart &+ part }
}

extension Int64 {
    /// A time so many seconds after this one, in nanoseconds; the last that there is where that is beyond it.
    func adding(seconds: Int64) -> Int64 {
        let (length, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (time, overflow) = addingReportingOverflow(length)
        return isTooLong || overflow ? .max : time
    }
}

extension EventKind {
    /// The length of the windows that events of the kind are grouped in, in seconds.
    ///
    /// An hour holds enough ticks to compress well and few enough to be fetched at once; bars are far rarer.
    public var windowSeconds: Int64 {
        switch self {
        case .trade, .quote: 3_600
        case .candle: 30 * 86_400
        }
    }

    /// The length of the segments that sealed windows are rolled up into, in seconds; nil where they stay.
    ///
    /// A day. Windows of bars are longer than that already.
    var segmentSeconds: Int64? {
        switch self {
        case .trade, .quote: 86_400
        case .candle: nil
        }
    }

    /// The start of the window that an event time falls into.
    @inline(__always)
    public func windowStart(of time: Timestamp) -> Int64 {
        Self.floor(time.nanoseconds, toSeconds: windowSeconds)
    }

    /// The start of the segment that a window falls into; nil where there are no segments.
    func segmentStart(of windowStart: Int64) -> Int64? {
        segmentSeconds.map { Self.floor(windowStart, toSeconds: $0) }
    }

    @inline(__always)
    private static func floor(_ nanoseconds: Int64, toSeconds seconds: Int64) -> Int64 {
        let length = seconds &* 1_000_000_000
        let offset = nanoseconds % length
        return nanoseconds &- (offset < 0 ? offset &+ length : offset)
    }
}
