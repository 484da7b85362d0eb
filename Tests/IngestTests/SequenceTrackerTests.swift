import SimulatedStore
import Testing
import TickCodec

@testable import Ingest

@Suite struct SequenceTrackerTests {
    private func verdicts(_ numbers: [Int64], _ tracker: inout SequenceTracker) -> [SequenceVerdict] {
        numbers.map { tracker.observeContiguous($0, eventTime: 0) }
    }

    @Test func numbersThatFollowAreNew() {
        var tracker = SequenceTracker()
        #expect(verdicts([7, 8, 9], &tracker) == [.new, .new, .new])
        #expect(tracker.gaps.isEmpty)
        #expect(tracker.last == 9)
    }

    @Test func aHoleOpensNarrowsSplitsAndCloses() {
        var tracker = SequenceTracker()
        tracker.newestEventTime = 0
        #expect(verdicts([1, 6, 4], &tracker) == [.new, .gap, .late])
        #expect(tracker.gaps.first?.ranges == [2...3, 5...5])
        #expect(tracker.gaps.first?.missing == 3)
        #expect(verdicts([4, 2, 3, 5], &tracker) == [.duplicate, .late, .late, .late])
        #expect(tracker.gaps.first?.missing == 0)
        tracker.removeFilledGaps()
        #expect(tracker.gaps.isEmpty)
        #expect(verdicts([4, 7], &tracker) == [.duplicate, .new])
    }

    @Test func anOldNumberWithANewTimeBeginsANewNumbering() {
        var tracker = SequenceTracker()
        tracker.newestEventTime = 5
        _ = verdicts([100, 103], &tracker)
        #expect(tracker.observeContiguous(100, eventTime: 5) == .duplicate)
        #expect(tracker.observeContiguous(100, eventTime: 6) == .reset)
        #expect(tracker.observeContiguous(101, eventTime: 6) == .new)
        // The hole of the numbering before is not filled by numbers of this one.
        #expect(tracker.observeContiguous(101, eventTime: 6) == .reset)
        #expect(tracker.gaps.map(\.missing) == [2])
    }

    @Test func holesOfANewNumberingAreTheirOwn() {
        var tracker = SequenceTracker()
        _ = verdicts([1, 4], &tracker)
        tracker.restart()
        #expect(verdicts([1, 5, 3], &tracker) == [.new, .gap, .late])
        #expect(tracker.gaps.map(\.before) == [4, 5])
        #expect(tracker.gaps.map(\.missing) == [2, 2])
        #expect(tracker.gaps.map(\.numbering) == [0, 1])
    }

    @Test func whatComesFromBeforeTheFirstIsNoRepetition() {
        var tracker = SequenceTracker()
        tracker.newestEventTime = 10
        #expect(verdicts([20, 19], &tracker) == [.new, .late])
        #expect(verdicts([16], &tracker) == [.gap])
        #expect(tracker.gaps.first?.ranges == [17...18])
        #expect(verdicts([16, 19, 20], &tracker) == [.duplicate, .duplicate, .duplicate])
        #expect(verdicts([17, 18, 21], &tracker) == [.late, .late, .new])
        // A message that is no event has nothing to lose, and makes no hole.
        #expect(tracker.observeContiguous(3, eventTime: .min) == .duplicate)
    }

    @Test func aNumberWhoseEventWasRejectedMayComeAgain() {
        var tracker = SequenceTracker()
        tracker.newestEventTime = 10
        _ = verdicts([1, 2, 3], &tracker)
        tracker.awaitAgain(2)
        #expect(verdicts([2, 2, 4], &tracker) == [.new, .duplicate, .new])
    }

    /// Beyond so many holes the oldest is forgotten; what it lacks is then stored, never taken for a repetition.
    @Test func forgottenHolesLoseNothing() {
        var tracker = SequenceTracker()
        tracker.newestEventTime = 10
        let count = SequenceTracker.gapsMax
        _ = verdicts((0...count).map { Int64($0) * 2 }, &tracker)
        #expect(tracker.gaps.count == count)
        _ = verdicts([Int64(count) * 2 + 2], &tracker)
        #expect(tracker.gaps.count == count)
        #expect(tracker.gaps.first?.after == 2)
        #expect(verdicts([1, 3, 3], &tracker) == [.late, .late, .duplicate])
    }

    /// Which hole is forgotten must not depend on when filled ones were reported, which differs from run to run.
    @Test func filledHolesDoNotCrowdOutOpenOnes() {
        var kept = SequenceTracker()
        kept.newestEventTime = 10
        var cleared = kept
        for number in Int64(0)...2_000 {
            let numbers = number == 0 ? [0] : number % 3 == 0 ? [2 * number] : [2 * number, 2 * number - 1]
            #expect(verdicts(numbers, &kept) == verdicts(numbers, &cleared))
            cleared.removeFilledGaps()
        }
        kept.removeFilledGaps()
        #expect(kept == cleared)
        #expect(kept.gaps.count == 666)
    }

    @Test func anAbsurdJumpIsCountedAsFarAsNumbersReach() {
        var tracker = SequenceTracker()
        _ = verdicts([-9_000_000_000_000_000_000, 9_000_000_000_000_000_000], &tracker)
        #expect(tracker.gaps.first?.missing == .max)
    }

    @Test func growingNumbersRepeatWithinTheWindowOnly() {
        var tracker = SequenceTracker()
        let window = Int64(SequenceTracker.recentMax)
        for number in 1...window { #expect(tracker.observeIncreasing(number * 10) == .new) }
        #expect(tracker.observeIncreasing(10) == .duplicate)
        #expect(tracker.observeIncreasing(15) == .new)
        // The first has left the window, and is not taken for a repetition any more.
        #expect(tracker.observeIncreasing(10) == .new)
        #expect(tracker.observeIncreasing(15) == .duplicate)
        #expect(tracker.gaps.isEmpty)
    }

    @Test func aRestoredTrackerGoesOnAsTheOriginal() throws {
        for seed: UInt64 in 1...300 {
            var generator = SplitMix64(seed: seed)
            var original = SequenceTracker()
            let isContiguous = generator.nextIndex(below: 3) > 0
            for _ in 0..<(generator.nextIndex(below: 200)) { _ = step(&original, isContiguous, &generator) }
            var restored = try decode(encode(original))
            #expect(encode(restored) == encode(original), "seed \(seed)")
            for _ in 0..<200 {
                var other = generator
                let expected = step(&original, isContiguous, &generator)
                #expect(step(&restored, isContiguous, &other) == expected, "seed \(seed)")
            }
            #expect(encode(restored) == encode(original), "seed \(seed)")
        }
    }

    @Test func damagedStatesAreRefused() throws {
        var tracker = SequenceTracker()
        _ = verdicts([1, 4, 9, 6], &tracker)
        let state = encode(tracker)
        for count in 0..<state.count {
            #expect(throws: BlockError.self) { try decode(Array(state[..<count])) }
        }
        for seed: UInt64 in 1...500 {
            var generator = SplitMix64(seed: seed)
            var damaged = state
            damaged[generator.nextIndex(below: damaged.count)] = UInt8(truncatingIfNeeded: generator.next())
            _ = try? decode(damaged)
        }
    }

    private func step(
        _ tracker: inout SequenceTracker,
        _ isContiguous: Bool,
        _ generator: inout SplitMix64
    ) -> SequenceVerdict {
        let near = tracker.last == .min ? 50 : tracker.last
        let number = near - 6 + Int64(generator.nextIndex(below: 10))
        let time = Int64(generator.nextIndex(below: 40))
        guard isContiguous else { return tracker.observeIncreasing(number) }
        switch generator.nextIndex(below: 30) {
        case 0: tracker.restart()
        case 1: tracker.removeFilledGaps()
        case 2: tracker.awaitAgain(number)
        default: break
        }
        let isMessage = generator.nextIndex(below: 9) == 0
        let verdict = tracker.observeContiguous(number, eventTime: isMessage ? .min : time)
        if !isMessage { tracker.newestEventTime = max(tracker.newestEventTime, time) }
        return verdict
    }

    private func encode(_ tracker: SequenceTracker) -> [UInt8] {
        var writer = ByteWriter()
        tracker.encode(into: &writer)
        return writer.bytes
    }

    private func decode(_ bytes: [UInt8]) throws -> SequenceTracker {
        try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return try SequenceTracker(decoding: &reader, hasTakeovers: true)
        }
    }
}
