import TickCodec

/// A hole in a sequence: numbers between two that were seen.
struct SequenceGap: Equatable, Sendable {
    /// The last number before the hole and the first behind it, as they were when it opened.
    let after: Int64
    let before: Int64
    /// The numbers that have not come since, as ranges in ascending order.
    private(set) var ranges: [ClosedRange<Int64>]

    init(after: Int64, before: Int64) {
        self.after = after
        self.before = before
        ranges = [(after + 1)...(before - 1)]
    }

    init(after: Int64, before: Int64, ranges: [ClosedRange<Int64>]) {
        self.after = after
        self.before = before
        self.ranges = ranges
    }

    /// How many numbers are missing still.
    var missing: Int64 { ranges.reduce(0) { $0 &+ ($1.upperBound &- $1.lowerBound &+ 1) } }

    /// Takes a number out of the hole; false where it is not in it.
    mutating func fill(_ number: Int64) -> Bool {
        guard let index = ranges.firstIndex(where: { $0.contains(number) }) else { return false }
        let range = ranges[index]
        var rest: [ClosedRange<Int64>] = []
        if range.lowerBound < number { rest.append(range.lowerBound...(number - 1)) }
        if number < range.upperBound { rest.append((number + 1)...range.upperBound) }
        ranges.replaceSubrange(index...index, with: rest)
        return true
    }
}

/// What a sequence number says about the event that carries it.
enum SequenceVerdict: Equatable {
    case new
    /// The number was seen before: the event is stored already.
    case duplicate
    /// Numbers are missing between the last one and this one.
    case gap
    /// The number fills a hole.
    case late
    /// The numbering started again.
    case reset
}

/// Follows the numbers of one sequence stream.
///
/// Pure; its state is part of the checkpoint of the source.
struct SequenceTracker: Equatable, Sendable {
    /// The greatest number seen; `Int64.min` before the first.
    private(set) var last = Int64.min
    /// The greatest event time seen, in nanoseconds.
    var newestEventTime = Int64.min
    private(set) var gaps: [SequenceGap] = []
    /// The numbers seen lately, where numbers only grow: repetitions come soon or never.
    private var recent: [Int64] = []
    private var recentNext = 0
    /// Numbers that came with rejected events only: with another event they are new.
    private var awaited: [Int64] = []

    /// Older holes stay open for ever: memory is bounded, and data is never dropped for want of it.
    static let gapsMax = 1_024
    static let recentMax = 16
    static let awaitedMax = 64

    /// Takes the next number of a stream whose numbers grow by one.
    @inline(__always)
    mutating func observeContiguous(_ number: Int64, eventTime: Int64) -> SequenceVerdict {
        if number == last &+ 1 {
            last = number
            return .new
        }
        return observeIrregular(number, eventTime: eventTime)
    }

    private mutating func observeIrregular(_ number: Int64, eventTime: Int64) -> SequenceVerdict {
        guard last != .min else {
            last = number
            return .new
        }
        if number > last {
            gaps.append(SequenceGap(after: last, before: number))
            if gaps.count > Self.gapsMax { gaps.removeFirst() }
            last = number
            return .gap
        }
        for index in gaps.indices.reversed() where gaps[index].fill(number) {
            return .late
        }
        if let index = awaited.firstIndex(of: number) {
            awaited.remove(at: index)
            return .new
        }
        // A number from the past with news of the present: the venue began to count again. A repeated message, in
        // contrast, repeats its time.
        if eventTime > newestEventTime {
            last = number
            return .reset
        }
        return .duplicate
    }

    /// Notes that a number, which was observed, came with an event that was rejected.
    ///
    /// The venue may send the event again as it should be. Of many such numbers the latest are kept.
    mutating func awaitAgain(_ number: Int64) {
        guard !awaited.contains(number) else { return }
        if awaited.count == Self.awaitedMax { awaited.removeFirst() }
        awaited.append(number)
    }

    /// Forgets the last number, because the venue says that it counts anew.
    mutating func restart() {
        last = .min
        awaited = []
    }

    /// Takes the next number of a stream whose numbers grow by any amount.
    @inline(__always)
    mutating func observeIncreasing(_ number: Int64) -> SequenceVerdict {
        if number <= last, recent.contains(number) { return .duplicate }
        remember(number)
        last = max(last, number)
        return .new
    }

    @inline(__always)
    private mutating func remember(_ number: Int64) {
        if recent.count < Self.recentMax {
            recent.append(number)
        } else {
            recent[recentNext] = number
            recentNext = (recentNext + 1) % Self.recentMax
        }
    }

    /// Forgets holes that were filled; they were reported.
    mutating func removeFilledGaps() {
        gaps.removeAll { $0.ranges.isEmpty }
    }
}

// The form in checkpoints.
extension SequenceTracker {
    func encode(into writer: inout ByteWriter) {
        writer.append(last)
        writer.append(newestEventTime)
        writer.append(variable: UInt64(gaps.count))
        for gap in gaps {
            writer.append(gap.after)
            writer.append(gap.before)
            writer.append(variable: UInt64(gap.ranges.count))
            for range in gap.ranges {
                writer.append(range.lowerBound)
                writer.append(range.upperBound)
            }
        }
        // In the order of their arrival, so that the state does not depend on where the ring happens to begin.
        let ordered = recent[recentNext...] + recent[..<recentNext]
        writer.append(variable: UInt64(ordered.count))
        var previous: Int64 = 0
        for number in ordered {
            writer.append(variable: (number &- previous).zigzag)
            previous = number
        }
        writer.append(variable: UInt64(awaited.count))
        for number in awaited { writer.append(number) }
    }

    init(decoding reader: inout ByteReader) throws(BlockError) {
        last = try reader.read()
        newestEventTime = try reader.read()
        for _ in 0..<(try Self.count(&reader, max: Self.gapsMax)) {
            let after: Int64 = try reader.read()
            let before: Int64 = try reader.read()
            var ranges: [ClosedRange<Int64>] = []
            for _ in 0..<(try Self.count(&reader, max: 1 << 20)) {
                let lower: Int64 = try reader.read()
                let upper: Int64 = try reader.read()
                guard lower <= upper else { throw BlockError(.malformedColumn) }
                ranges.append(lower...upper)
            }
            gaps.append(SequenceGap(after: after, before: before, ranges: ranges))
        }
        var previous: Int64 = 0
        for _ in 0..<(try Self.count(&reader, max: Self.recentMax)) {
            previous = previous &+ Int64(zigzag: try reader.readVariable())
            recent.append(previous)
        }
        for _ in 0..<(try Self.count(&reader, max: Self.awaitedMax)) { awaited.append(try reader.read()) }
    }

    private static func count(_ reader: inout ByteReader, max: Int) throws(BlockError) -> Int {
        let count = try reader.readVariable()
        guard count <= UInt64(max) else { throw BlockError(.malformedColumn) }
        return Int(count)
    }
}
