import Testing

@testable import Service

@Suite(.timeLimit(.minutes(10))) struct SignalTests {
    @Test func whatHappenedBeforeIsNotMissedAndCountsOnce() async {
        let signal = Signal()
        signal.raise()
        signal.raise()
        await signal.wait()
        let order = Collected<String>()
        let waiter = Task {
            await signal.wait()
            order.add("waited")
        }
        for _ in 0..<100 { await Task.yield() }
        order.add("raised")
        signal.raise()
        await waiter.value
        #expect(order.all == ["raised", "waited"])
    }

    @Test func aCancelledWaitEnds() async {
        let signal = Signal()
        let waiter = Task { await signal.wait() }
        waiter.cancel()
        await waiter.value
    }

    @Test func itWorksAfterAWaitThatWasCancelled() async {
        let signal = Signal()
        let cancelled = Task { await signal.wait() }
        cancelled.cancel()
        await cancelled.value
        let order = Collected<String>()
        let waiter = Task {
            await signal.wait()
            order.add("waited")
        }
        for _ in 0..<100 { await Task.yield() }
        order.add("raised")
        signal.raise()
        await waiter.value
        #expect(order.all == ["raised", "waited"])
    }

    @Test func aLatchLetsAllGoOnAndStaysOpen() async {
        let latch = Latch()
        let waiters = (0..<10).map { _ in Task { await latch.wait() } }
        for _ in 0..<100 { await Task.yield() }
        #expect(!latch.isRaised)
        latch.raise()
        latch.raise()
        for waiter in waiters { await waiter.value }
        await latch.wait()
        #expect(latch.isRaised)
    }

    @Test func aCancelledWaitForALatchEndsAndHarmsNoOther() async {
        let latch = Latch()
        let cancelled = Task { await latch.wait() }
        let other = Task {
            await latch.wait()
            return latch.isRaised
        }
        cancelled.cancel()
        await cancelled.value
        #expect(!latch.isRaised)
        latch.raise()
        #expect(await other.value)
    }

    @Test func aHistogramCountsByTheSmallestBoundThatTakesAValue() {
        var histogram = Histogram(bounds: [1, 10, 100])
        for value in [0, 1, 1.5, 10, 99, 100, 101, 5_000] as [Double] { histogram.add(value) }
        #expect(histogram.counts == [2, 2, 2, 2])
        #expect(histogram.sum == 5_312.5)
    }

    @Test func commitsAreCountedByEventsAndByTime() {
        var meter = CommitMeter()
        meter.add(events: 1, time: .milliseconds(1))
        meter.add(events: 250, time: .seconds(11))
        #expect(meter.events.counts == [1, 0, 0, 1, 0, 0, 0] && meter.events.sum == 251)
        #expect(meter.seconds.counts.first == 1 && meter.seconds.counts.last == 1)
        #expect(meter.seconds.counts.reduce(0, +) == 2)
    }
}
