import Feeds
import Ingest
import Testing
import TickStore

@Suite struct EpochCollectorTests {
    private func collector(_ workMin: Int, _ workMax: Int) -> EpochCollector {
        EpochCollector(
            sequencer: Sequencer(source: "test"),
            limits: EpochCollector.Limits(workMin: workMin, workMax: workMax)
        )
    }

    private func batch(events: Int) throws -> EventBatch {
        let lines = (0..<events).map { Tapes.trade(time: Int64($0)) }
        let decoder = try Tapes.format().makeDecoder()
        guard let slab = try Tapes.slabs(lines.joined(separator: "\n") + "\n").first else { return EventBatch() }
        return decoder.decode(slab)
    }

    @Test func theWriterGetsEverythingThatWaits() async throws {
        let collector = collector(5, 100)
        for _ in 0..<3 { try await collector.add(batch(events: 2), decoder: 0) }
        let first = try #require(try await collector.take())
        #expect(first.epoch.buckets.map(\.events.count) == [6])
        #expect(!first.completesTape)
        try await collector.add(batch(events: 1), decoder: 0)
        await collector.finish(isComplete: true)
        let last = try #require(try await collector.take())
        #expect(last.epoch.buckets.map(\.events.count) == [1])
        #expect(last.completesTape)
        #expect(try await collector.take() == nil)
    }

    @Test func aTapeThatEndsEarlyIsNotCompleted() async throws {
        let collector = collector(5, 100)
        await collector.finish(isComplete: false)
        let last = try #require(try await collector.take())
        #expect(last.epoch.buckets.isEmpty)
        #expect(!last.completesTape)
        #expect(try await collector.take() == nil)
    }

    /// However fast the reader is, no more waits than the bound and one batch.
    @Test func theReaderWaitsForTheWriter() async throws {
        let collector = collector(4, 8)
        let ten = try batch(events: 3)
        let taken = try await withThrowingTaskGroup(of: [Int].self) { group in
            group.addTask {
                for _ in 0..<200 { try await collector.add(ten, decoder: 0) }
                await collector.finish(isComplete: true)
                return []
            }
            group.addTask {
                var counts: [Int] = []
                while let next = try await collector.take() {
                    counts.append(next.epoch.buckets.reduce(0) { $0 + $1.events.count })
                }
                return counts
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(taken.reduce(0, +) == 600)
        #expect(taken.allSatisfy { $0 <= 10 })
        #expect(taken.dropLast().allSatisfy { $0 >= 4 })
    }

    @Test func aNudgeHandsOutWhatThereIs() async throws {
        let collector = collector(5, 100)
        try await collector.add(batch(events: 2), decoder: 0)
        await collector.nudge()
        let little = try #require(try await collector.take())
        #expect(little.epoch.buckets.map(\.events.count) == [2] && !little.isLast)
        let waiting = Task { try await collector.take() }
        await collector.nudge()
        let nothing = try #require(try await waiting.value)
        #expect(nothing.epoch.buckets.isEmpty && !nothing.isLast)
        #expect(nothing.epoch.place == little.epoch.place)
        await collector.finish(isComplete: true)
        #expect(try await collector.take()?.completesTape == true)
    }

    @Test func closingEndsAllWaiting() async throws {
        let full = collector(1, 1)
        let idle = collector(100, 100)
        try await full.add(batch(events: 2), decoder: 0)
        let more = try batch(events: 1)
        let reader = Task { try await full.add(more, decoder: 0) }
        let writer = Task { try await idle.take() == nil }
        await Task.yield()
        await full.close()
        await idle.close()
        await #expect(throws: CancellationError.self) { try await reader.value }
        await #expect(throws: CancellationError.self) { _ = try await writer.value }
        await #expect(throws: CancellationError.self) { try await full.add(more, decoder: 0) }
    }
}
