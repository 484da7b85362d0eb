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

    /// The document of one part of the window.
    ///
    /// The identifier is a pure function of what it names.
    func documentKey(part: Int64) -> DocumentKey {
        DocumentKey(
            collection: MarketDataCollection.name,
            id: .string("\(source)|\(kind.name)|\(instrument)|\(windowStart)|\(part)"),
            shardKey: shardKey
        )
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

    /// The start of the window that an event time falls into.
    @inline(__always)
    public func windowStart(of time: Timestamp) -> Int64 {
        let length = windowSeconds &* 1_000_000_000
        let offset = time.nanoseconds % length
        return time.nanoseconds &- (offset < 0 ? offset &+ length : offset)
    }
}
