import DocumentStore
import Feeds
import MarketData
import SimulatedStore
import Testing

@testable import Ingest

@Suite struct PacerTests {
    private func batch(_ milliseconds: Int64, receipt: Int64? = nil) -> EventBatch {
        var batch = EventBatch()
        batch.events.append(
            MarketEvent(
                position: .start,
                eventTime: Timestamp(nanoseconds: milliseconds * 1_000_000),
                receiptTime: receipt.map { Timestamp(nanoseconds: $0 * 1_000_000) } ?? .absent,
                instrument: 0,
                stream: 0,
                payload: .trade(Trade(price: .zero, size: .zero))
            )
        )
        return batch
    }

    @Test func batchesComeWithTheSpacingOfTheRecording() async throws {
        let clock = SimulatedClock()
        var pacer = Pacer(speed: 10, environment: clock.environment)
        clock.advance(by: .seconds(3))
        try await pacer.wait(for: batch(1_000_000))
        #expect(clock.now == .seconds(3))
        try await pacer.wait(for: batch(1_005_000))
        #expect(clock.now == .milliseconds(3_500))
        // What took long itself is not waited for on top; nothing is waited for that lies in the past.
        clock.advance(by: .seconds(2))
        try await pacer.wait(for: batch(1_010_000))
        try await pacer.wait(for: batch(1_000_500))
        #expect(clock.now == .milliseconds(5_500))
        try await pacer.wait(for: batch(1_030_000))
        #expect(clock.now == .seconds(6))
    }

    @Test func receiptTimesDecideWhereThereAreSome() async throws {
        let clock = SimulatedClock()
        var pacer = Pacer(speed: 1, environment: clock.environment)
        try await pacer.wait(for: batch(0, receipt: 2_000))
        try await pacer.wait(for: batch(50_000, receipt: 2_250))
        #expect(clock.now == .milliseconds(250))
    }

    @Test func batchesWithoutEventsAreNotHeldBack() async throws {
        let clock = SimulatedClock()
        var pacer = Pacer(speed: 1, environment: clock.environment)
        try await pacer.wait(for: batch(1_000))
        try await pacer.wait(for: EventBatch())
        #expect(clock.now == .zero)
    }
}
