import TickCodec

/// A hole in a sequence: numbers between two that were seen.
struct SequenceGap: Equatable, Sendable {
    /// The last number before the hole and the first behind it, as they were when it opened.
    let after: Int64
    let before: Int64
    /// How often the stream had begun to count anew by then: holes of different numberings may have equal bounds.
    let numbering: Int64
    /// Whether the number before it is one of another instance, which may store more.
    let isOfTakeover: Bool
    /// The numbers that have not come since, as ranges in ascending order.
    private(set) var ranges: [ClosedRange<Int64>]

    init(after: Int64, before: Int64, numbering: Int64, isOfTakeover: Bool) {
        self.after = after
        self.before = before
        self.numbering = numbering
        self.isOfTakeover = isOfTakeover
        ranges = [(after + 1)...(before - 1)]
    }

    init(after: Int64, before: Int64, numbering: Int64, isOfTakeover: Bool, ranges: [ClosedRange<Int64>]) {
        self.after = after
        self.before = before
        self.numbering = numbering
        self.isOfTakeover = isOfTakeover
        self.ranges = ranges
    }

    /// How many numbers are missing still; `Int64.max` where there are even more.
    var missing: Int64 {
        var sum: UInt64 = 0
        // Distances of any two Int64 fit into 64 bits without a sign, and so does the sum: ranges do not overlap.
        for range in ranges { sum &+= UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1 }
        return Int64(clamping: sum)
    }

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
    /// Numbers are missing between this one and its neighbour.
    case gap
    /// The number fills a hole, or comes from before the first one, or may be one of a hole that was forgotten.
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
    /// The last number of the instance that had the source before, where that may store more.
    ///
    /// Not in checkpoints: it tells only of the next hole.
    private var takenOverAt = Int64.min
    /// The smallest number seen since the numbering began.
    private var first = Int64.min
    /// How often the numbering began anew.
    private(set) var numbering: Int64 = 0
    /// Below it there may be holes that were forgotten.
    private var forgottenBefore = Int64.min
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
            first = number
            return .new
        }
        if number > last {
            open(after: last, before: number)
            last = number
            return .gap
        }
        // Holes of an earlier numbering have nothing to do with the numbers of this one.
        for index in gaps.indices.reversed() where gaps[index].numbering == numbering && gaps[index].fill(number) {
            return .late
        }
        // An event of that number was rejected: this one is not its repetition.
        if let index = awaited.firstIndex(of: number) {
            awaited.remove(at: index)
            return .new
        }
        // A number from the past with news of the present: the venue began to count again. A repeated message, in
        // contrast, repeats its time.
        if eventTime > newestEventTime {
            restart()
            last = number
            first = number
            return .reset
        }
        // What is no event cannot be lost, and would only look like a hole.
        if number < first, eventTime != .min { return precede(number) }
        return number < forgottenBefore ? .late : .duplicate
    }

    /// Takes a number from before the first one that was seen, which it therefore cannot repeat.
    private mutating func precede(_ number: Int64) -> SequenceVerdict {
        defer { first = number }
        guard number &+ 1 < first else { return .late }
        open(after: number, before: first)
        return .gap
    }

    private mutating func open(after: Int64, before: Int64) {
        gaps.append(
            SequenceGap(
                after: after,
                before: before,
                numbering: numbering,
                isOfTakeover: after == takenOverAt && takenOverAt != .min
            )
        )
        guard gaps.count > Self.gapsMax else { return }
        // Filled ones stay until they are reported, which must make no difference here.
        removeFilledGaps()
        guard gaps.count > Self.gapsMax else { return }
        let forgotten = gaps.removeFirst()
        if forgotten.numbering == numbering { forgottenBefore = max(forgottenBefore, forgotten.before) }
    }

    /// Notes that the numbers so far came from another instance, which may store more of them.
    mutating func takeOver() { takenOverAt = last }

    /// Notes that a number, which was observed, came with an event that was rejected.
    ///
    /// The venue may send the event again as it should be. Of many such numbers the latest are kept.
    mutating func awaitAgain(_ number: Int64) {
        guard !awaited.contains(number) else { return }
        if awaited.count == Self.awaitedMax { awaited.removeFirst() }
        awaited.append(number)
    }

    /// Forgets the last number, because the venue counts anew.
    ///
    /// Open holes stay as they are for ever.
    mutating func restart() {
        last = .min
        first = .min
        forgottenBefore = .min
        awaited = []
        numbering += 1
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
        // Both take one byte where there is nothing to say.
        writer.append(variable: UInt64(bitPattern: last &- first))
        writer.append(variable: UInt64(bitPattern: forgottenBefore &- .min))
        writer.append(newestEventTime)
        writer.append(variable: numbering.zigzag)
        writer.append(variable: UInt64(gaps.count))
        for gap in gaps {
            writer.append(gap.after)
            writer.append(gap.before)
            writer.append(variable: gap.numbering.zigzag)
            writer.append(UInt8(gap.isOfTakeover ? 1 : 0))
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

    /// - Parameter hasTakeovers: whether holes say if they are of takeovers.
    init(decoding reader: inout ByteReader, hasTakeovers: Bool) throws(BlockError) {
        last = try reader.read()
        first = last &- Int64(bitPattern: try reader.readVariable())
        forgottenBefore = Int64.min &+ Int64(bitPattern: try reader.readVariable())
        newestEventTime = try reader.read()
        numbering = Int64(zigzag: try reader.readVariable())
        for _ in 0..<(try Self.count(&reader, max: Self.gapsMax)) {
            let after: Int64 = try reader.read()
            let before: Int64 = try reader.read()
            let numbering = Int64(zigzag: try reader.readVariable())
            let isOfTakeover = hasTakeovers ? try reader.read() as UInt8 != 0 : false
            var ranges: [ClosedRange<Int64>] = []
            for _ in 0..<(try Self.count(&reader, max: 1 << 20)) {
                let lower: Int64 = try reader.read()
                let upper: Int64 = try reader.read()
                guard lower <= upper else { throw BlockError(.malformedColumn) }
                ranges.append(lower...upper)
            }
            gaps.append(
                SequenceGap(
                    after: after,
                    before: before,
                    numbering: numbering,
                    isOfTakeover: isOfTakeover,
                    ranges: ranges
                )
            )
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
