import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// What is planned, from outlines and clocks alone.
@Suite struct PlannerTests {
    private let second: Int64 = 1_000_000_000

    /// Three hours of one source, and the beginning of a fourth.
    private func outlines() async throws -> [BucketOutline] {
        let stand = try await Stand()
        let events = (Int64(0)..<4).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        return try stand.outlines
    }

    private func sealed(
        _ policy: CompactionPolicy,
        newest: Int64,
        isComplete: Bool = false,
        now: Int64 = 0
    ) async throws -> [Int64] {
        let clock = SourceClock(newestEventTime: Market.start + newest, isComplete: isComplete)
        let planner = CompactionPlanner(policy: policy, clocks: [Market.source: clock], now: Market.start + now)
        return planner.steps(try await outlines()).flatMap(\.members).map {
            ($0.windowStart - Market.start) / Market.hour
        }
    }

    @Test func windowsAreClosedByTheEventsBehindThem() async throws {
        let policy = CompactionPolicy(grace: 0, takesEndsOfTapes: false)
        #expect(try await sealed(policy, newest: 3 * Market.hour) == [0, 1, 2])
        #expect(try await sealed(policy, newest: 3 * Market.hour - 1) == [0, 1])
        #expect(try await sealed(policy, newest: 0) == [])
    }

    @Test func graceIsAddedToTheEnd() async throws {
        let policy = CompactionPolicy(grace: 60 * second, takesEndsOfTapes: false)
        #expect(try await sealed(policy, newest: 3 * Market.hour + 60 * second) == [0, 1, 2])
        #expect(try await sealed(policy, newest: 3 * Market.hour + 60 * second - 1) == [0, 1])
        let long = CompactionPolicy(grace: .max, takesEndsOfTapes: false)
        #expect(try await sealed(long, newest: 3 * Market.hour) == [])
    }

    @Test func openWindowsAreTakenWhereThatIsAskedFor() async throws {
        #expect(try await sealed(CompactionPolicy(takesOpenWindows: true), newest: 0) == [0, 1, 2, 3])
    }

    /// Nothing closes the last window of a tape that is complete, but for the time that has passed.
    @Test func endsOfCompleteTapes() async throws {
        let policy = CompactionPolicy(grace: 60 * second)
        let later = 4 * Market.hour + 60 * second
        #expect(try await sealed(policy, newest: 3 * Market.hour, isComplete: true, now: later) == [0, 1, 2, 3])
        #expect(try await sealed(policy, newest: 3 * Market.hour, isComplete: true, now: later - 1) == [0, 1, 2])
        #expect(try await sealed(policy, newest: 3 * Market.hour, isComplete: false, now: later) == [0, 1])
        let strict = CompactionPolicy(grace: 60 * second, takesEndsOfTapes: false)
        #expect(try await sealed(strict, newest: 3 * Market.hour, isComplete: true, now: later) == [0, 1])
    }

    @Test func nothingBehindTheBound() async throws {
        let bound = Timestamp(nanoseconds: Market.start + 2 * Market.hour)
        let policy = CompactionPolicy(grace: 0, takesOpenWindows: true, before: bound)
        #expect(try await sealed(policy, newest: 9 * Market.hour) == [0, 1])
    }

    @Test func aSourceWithoutAClockIsLeftAlone() async throws {
        let planner = CompactionPlanner(policy: CompactionPolicy(grace: 0), clocks: [:], now: .max)
        #expect(planner.steps(try await outlines()).isEmpty)
    }

    /// Only neighbours go together, up to the bound, and what is alone stays as it is.
    @Test func groupsAreNeighboursThatFit() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<8).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let outlines = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        let size = outlines[0].state.blockBytes
        let groups = CompactionPlanner.groups(outlines, bytesMax: 3 * size)
        #expect(
            groups.map { $0.map(\.id) }
                == [Array(outlines[0..<3]), Array(outlines[3..<6]), Array(outlines[6..<8])]
                .map { $0.map(\.id) }
        )
        #expect(CompactionPlanner.groups(outlines, bytesMax: size - 1).isEmpty)
        #expect(CompactionPlanner.groups([], bytesMax: 1).isEmpty)
    }
}
