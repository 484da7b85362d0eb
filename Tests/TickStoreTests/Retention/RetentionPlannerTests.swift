import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Which deletions are planned, from outlines, rules and the time alone.
@Suite struct RetentionPlannerTests {
    private let keep = RetentionRule(kind: .trade, keep: .seconds(60))

    /// Outlines of sealed buckets, as many as there are hours; a day is not rolled up.
    private func outlines(isSealed: Bool = true) async throws -> [BucketOutline] {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets(Retention.events))
        if isSealed { _ = try await stand.compact(CompactionPolicy(takesOpenWindows: true, segmentBytesMax: 1)) }
        return try stand.outlines
    }

    /// The hours of planned deletions, `now` after the start of the first one.
    private func hours(
        _ outlines: [BucketOutline],
        now: Int64,
        _ rules: [RetentionRule]? = nil,
        before: Int64? = nil,
        candles: CandleMarks? = nil
    ) -> [Int64] {
        let policy = CompactionPolicy(
            grace: .max,
            before: before.map { Timestamp(nanoseconds: Market.start + $0) },
            segmentBytesMax: 1,
            retention: RetentionPolicy(rules: rules ?? [keep])
        )
        var planner = CompactionPlanner(policy: policy, clocks: [:], now: Market.start + now)
        planner.candles = candles
        return planner.steps(outlines).compactMap { step in
            guard case .delete(let outline, _) = step else { return nil }
            return (outline.windowStart - Market.start) / Market.hour
        }
    }

    private let minute: Int64 = 60_000_000_000

    @Test func anEventIsKeptFromTheEndOfItsWindowOn() async throws {
        let outlines = try await outlines()
        #expect(hours(outlines, now: Market.hour + minute - 1) == [])
        #expect(hours(outlines, now: Market.hour + minute) == [0])
        #expect(hours(outlines, now: 3 * Market.hour + minute) == [0, 1, 2])
    }

    @Test func onlyWhatIsWhollySealedAndFinal() async throws {
        #expect(hours(try await outlines(isSealed: false), now: 9 * Market.hour) == [])
        let sealed = try await outlines()
        let later = sealed.filter { $0.windowStart > Market.start }
        func marks(isFinal: Bool, applied difference: Int64 = 0) -> CandleMarks {
            let entries = later.map { outline in
                CandleIndex.Entry(
                    interval: .hour,
                    source: outline.source,
                    start: outline.windowStart,
                    isFinal: isFinal,
                    appliedThrough: outline.state.appliedThrough + difference,
                    tradeCount: outline.state.eventCount,
                    version: 1,
                    hourVersions: nil
                )
            }
            return CandleMarks(entries)
        }
        #expect(hours(sealed, now: 9 * Market.hour, candles: marks(isFinal: true)) == [1, 2])
        #expect(hours(sealed, now: 9 * Market.hour, candles: marks(isFinal: true, applied: 5)) == [1, 2])
        #expect(hours(sealed, now: 9 * Market.hour, candles: marks(isFinal: true, applied: -1)) == [])
        #expect(hours(sealed, now: 9 * Market.hour, candles: marks(isFinal: false)) == [])
    }

    @Test func theBoundHoldsForDeletionsToo() async throws {
        #expect(hours(try await outlines(), now: 9 * Market.hour, before: 2 * Market.hour) == [0, 1])
    }

    @Test func theFirstRuleThatMatchesDecides() async throws {
        let outlines = try await outlines()
        func all(_ rules: RetentionRule...) -> Int { hours(outlines, now: 9 * Market.hour, rules).count }
        #expect(all(.init(venue: "TEST", kind: .trade, keep: nil), keep) == 0)
        #expect(all(.init(venue: "OTHER", kind: .trade, keep: nil), keep) == 3)
        #expect(all(.init(kind: .quote, keep: .seconds(1))) == 0)
        #expect(all(.init(kind: .trade, keep: .seconds(Int64.max / 1_000))) == 0, "longer than time is counted")
        #expect(all() == 0)
    }

    /// Documents that may go into a segment together go there first, and what was replaced is compared before.
    @Test func deletionsComeLast() async throws {
        let outlines = try await outlines()
        let policy = CompactionPolicy(takesOpenWindows: true, retention: RetentionPolicy(rules: [keep]))
        let planner = CompactionPlanner(policy: policy, clocks: [:], now: .max)
        let steps = planner.steps(outlines)
        #expect(steps.count == 1)
        guard case .rollUp = steps.first else {
            Issue.record("planned is \(steps)")
            return
        }
    }

    /// A segment keeps its events until what it replaced was compared with it.
    @Test func deletionsWaitForWhatWasReplaced() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact(CompactionPolicy(takesOpenWindows: true, segmentBytesMax: 1))
        let builder = SegmentBuilder(writer: stand.writer, operationIDs: .init(process: 3, start: 0))
        let members = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        let fresh = FreshBuckets(bytesMax: 0)
        #expect(try await builder.rollUp(members, part: SegmentBuilder.firstPart, fresh).outcome == .done(events: 9))
        #expect(hours(try stand.outlines, now: 99 * Market.hour) == [])
        #expect(hours(try stand.outlines.filter { $0.replacedBy == nil }, now: 99 * Market.hour).count == 1)
    }

    /// Its events may be restored, and then the parts of every window must ascend from document to document.
    @Test func aTombstoneStaysBetweenItsNeighbours() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact(CompactionPolicy(takesOpenWindows: true, segmentBytesMax: 1))
        let outlines = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        let deleter = BucketDeleter(writer: stand.writer, operationIDs: .init(process: 3, start: 0), archive: nil)
        #expect(try await deleter.delete(outlines[1], keep) == .done(events: 3))
        let after = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        #expect(CompactionPlanner.groups(after, bytesMax: .max).isEmpty)
        let neighbours = [after[0], after[2]]
        #expect(CompactionPlanner.groups(neighbours, bytesMax: .max).count == 1, "without it, they would go together")
    }
}
