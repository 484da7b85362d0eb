public import MarketData

/// Which windows the compaction job takes, and how large it makes segments.
public struct CompactionPolicy: Sendable {
    /// How long after the end of a window late events are waited for, in nanoseconds of event time.
    public var grace: Int64
    /// Whether windows that may still get events are taken, too.
    public var takesOpenWindows: Bool
    /// Whether the last windows of a tape that is complete are taken once the clock of the server has passed them:
    /// no event comes behind them to close them.
    public var takesEndsOfTapes: Bool
    /// Only windows that end at this time or before, where given.
    public var before: Timestamp?
    /// A segment takes no more sealed bytes than this.
    public var segmentBytesMax: Int64
    /// Which events are deleted when.
    public var retention: RetentionPolicy

    /// A quarter of an hour: markets correct themselves within minutes, feeds reconnect within seconds.
    public static let graceDefault: Int64 = 900 * 1_000_000_000
    /// 4 MB: far from the 16 MB of a document, and fetched and decoded in some tens of milliseconds.
    public static let segmentBytesDefault: Int64 = 4 << 20

    public init(
        grace: Int64 = CompactionPolicy.graceDefault,
        takesOpenWindows: Bool = false,
        takesEndsOfTapes: Bool = true,
        before: Timestamp? = nil,
        segmentBytesMax: Int64 = CompactionPolicy.segmentBytesDefault,
        retention: RetentionPolicy = RetentionPolicy()
    ) {
        precondition(grace >= 0 && segmentBytesMax > 0, "a grace is not negative, and segments hold something")
        self.grace = grace
        self.takesOpenWindows = takesOpenWindows
        self.takesEndsOfTapes = takesEndsOfTapes
        self.before = before
        self.segmentBytesMax = segmentBytesMax
        self.retention = retention
    }

    /// Whether windows that end at `end` are looked at.
    func covers(windowEnd end: Int64) -> Bool {
        before.map { end <= $0.nanoseconds } ?? true
    }

    /// Whether nothing more is expected in what ends at `end`.
    func isDue(windowEnd end: Int64, _ clock: SourceClock, now: Int64) -> Bool {
        guard covers(windowEnd: end) else { return false }
        if takesOpenWindows { return true }
        let (due, overflow) = end.addingReportingOverflow(grace)
        guard !overflow else { return false }
        if due <= clock.newestEventTime { return true }
        return takesEndsOfTapes && clock.isComplete && due <= now
    }
}

/// How far the tape of a source has come.
struct SourceClock: Equatable, Sendable {
    /// The greatest event time of the source, in nanoseconds; the least Int64 where it has none.
    var newestEventTime: Int64 = .min
    /// Whether the tape was applied to its end.
    var isComplete = false
}
