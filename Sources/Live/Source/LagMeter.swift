public import MarketData

/// How long messages take from their receipt until they are stored.
///
/// Of many messages within a millisecond the first is measured. Times are counted from the receipt, so a message that
/// waited because another one did counts with all of its waiting.
public struct LagMeter: Sendable {
    /// Messages that are not stored yet, in order; bounded, the newest are left out where there are too many.
    private var waiting: [Sample] = []
    /// How many at the front of `waiting` are done with.
    private var done = 0
    /// The last measured ones, in nanoseconds, in a ring.
    private var measured: [Int64] = []
    private var next = 0
    /// How many messages were measured so far.
    public private(set) var count = 0
    /// What they took together.
    public private(set) var sum = Duration.zero

    private struct Sample {
        let offset: Int64
        let time: Int64
    }

    private static let waitingMax = 16_384
    private static let measuredMax = 8_192
    private static let distance: Int64 = 1_000_000

    public init() {}

    /// Notes a message that ends at an offset of the tape.
    public mutating func received(_ time: Timestamp, through offset: Int64) {
        if done < waiting.count {
            guard waiting.count - done < Self.waitingMax,
                let last = waiting.last, time.nanoseconds - last.time >= Self.distance
            else { return }
        }
        waiting.append(Sample(offset: offset, time: time.nanoseconds))
    }

    /// Notes that everything up to an offset is stored.
    public mutating func stored(through offset: Int64, at now: Timestamp) {
        while done < waiting.count, waiting[done].offset <= offset {
            let lag = max(0, now.nanoseconds - waiting[done].time)
            done += 1
            count += 1
            sum += .nanoseconds(lag)
            if measured.count < Self.measuredMax {
                measured.append(lag)
            } else {
                measured[next] = lag
                next = (next + 1) % Self.measuredMax
            }
        }
        if done > Self.waitingMax / 2 || done == waiting.count {
            waiting.removeFirst(done)
            done = 0
        }
    }

    /// The time that a share of the last messages took at most; nil where none was stored yet.
    ///
    /// - Parameter share: from 0 to 1.
    public func quantile(_ share: Double) -> Duration? {
        guard !measured.isEmpty else { return nil }
        let sorted = measured.sorted()
        return .nanoseconds(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
}
