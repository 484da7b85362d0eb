import Live
import MarketData
import Testing

@Suite struct LagMeterTests {
    private static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(nanoseconds: milliseconds * 1_000_000) }

    @Test func lagsAreFromReceiptToStoring() {
        var meter = LagMeter()
        #expect(meter.quantile(0.5) == nil)
        for number in Int64(0)..<100 { meter.received(Self.time(number * 10), through: (number + 1) * 100) }
        // The first half waited for each other, the others were stored at once.
        meter.stored(through: 5_000, at: Self.time(1_000))
        #expect(meter.quantile(0) == .milliseconds(1_000 - 490) && meter.quantile(1) == .milliseconds(1_000))
        meter.stored(through: 10_000, at: Self.time(1_000))
        #expect(meter.quantile(0) == .milliseconds(10))
        #expect(meter.quantile(0.5) == .milliseconds(510))
    }

    @Test func ofManyWithinAMillisecondTheFirstCounts() {
        var meter = LagMeter()
        for number in Int64(0)..<1_000 { meter.received(Timestamp(nanoseconds: number), through: number + 1) }
        meter.stored(through: 1_000, at: Self.time(3))
        #expect(meter.quantile(0) == .milliseconds(3) && meter.quantile(1) == .milliseconds(3))
    }

    @Test func itsMemoryIsBoundedAndTheNewestCount() {
        var meter = LagMeter()
        for number in Int64(0)..<200_000 { meter.received(Self.time(number * 2), through: number + 1) }
        meter.stored(through: 200_000, at: Self.time(400_000))
        for number in Int64(200_000)..<220_000 {
            meter.received(Self.time(number * 2), through: number + 1)
            meter.stored(through: number + 1, at: Self.time(number * 2 + 7))
        }
        #expect(meter.quantile(0) == .milliseconds(7) && meter.quantile(1) == .milliseconds(7))
    }
}
