package import Feeds
package import MarketData
package import TickStore

/// A place between two lines of a tape.
package struct TapePlace: Equatable, Sendable {
    /// The line that follows, counted from zero.
    package var line: Int64
    /// The offset where it begins on the decompressed tape.
    package var offset: Int64
    /// Whether the line before had no line end.
    package var afterOpenLine: Bool

    package init(line: Int64 = 0, offset: Int64 = 0, afterOpenLine: Bool = false) {
        self.line = line
        self.offset = offset
        self.afterOpenLine = afterOpenLine
    }

    package var position: TapePosition { TapePosition(line: line, event: 0) }
}

/// What became of a hole in a sequence by some position of the tape.
package struct GapChange: Equatable, Sendable {
    package let stream: String
    package let after: Int64
    package let before: Int64
    /// How often the stream had begun to count anew by then.
    package let numbering: Int64
    /// How many numbers are missing still; zero where the hole is filled.
    package let missing: Int64
    package let position: TapePosition
    /// Whether the last number before the hole is one of another instance, which had the source before and may store
    /// more of it.
    package let isOfTakeover: Bool

    init(
        stream: String,
        after: Int64,
        before: Int64,
        numbering: Int64 = 0,
        missing: Int64,
        position: TapePosition,
        isOfTakeover: Bool = false
    ) {
        self.stream = stream
        self.after = after
        self.before = before
        self.numbering = numbering
        self.missing = missing
        self.position = position
        self.isOfTakeover = isOfTakeover
    }

    init(stream: String, _ gap: SequenceGap, position: TapePosition) {
        self.stream = stream
        after = gap.after
        before = gap.before
        numbering = gap.numbering
        missing = gap.missing
        self.position = position
        isOfTakeover = gap.isOfTakeover
    }
}

/// A stretch of the tape that is written as one: everything that became of it, and the place to go on from.
///
/// Its parts may be written twice, or partly, and again: only when all of it is confirmed does the checkpoint move.
package struct Epoch: Sendable {
    package let buckets: [PendingBucket]
    package let rejected: [RejectedRecord]
    package let gaps: [GapChange]
    package let place: TapePlace
    /// Whether the tape ends in the middle of a record, behind the place.
    package let isTruncated: Bool
    package let counts: ReplayCounts
    /// How many holes are open behind the stretch.
    package let openGapCount: Int
    /// The sequencer's state behind the stretch.
    package let trackers: [UInt8]

    /// How many events it holds.
    package var eventCount: Int { buckets.reduce(0) { $0 + $1.events.count } }
}
