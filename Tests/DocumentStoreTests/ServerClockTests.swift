import DocumentStore
import SimulatedStore
import Synchronization
import Testing

@Suite struct ServerClockTests {
    private let time = SimulatedClock()
    private let store: SimulatedStore
    private let clock: ServerClock

    init() {
        store = SimulatedStore(seed: 1, clock: time)
        clock = ServerClock(store: store, environment: time.environment)
    }

    @Test func serverIsAskedOncePerAge() async throws {
        #expect(try await clock.now() == SimulatedStore.timeAtStart)
        time.advance(by: .milliseconds(1_500))
        #expect(try await clock.now() == SimulatedStore.timeAtStart + 1_500)
        time.advance(by: .milliseconds(8_499))
        #expect(try await clock.now() == SimulatedStore.timeAtStart + 9_999)
        #expect(store.operationCount == 1)
        time.advance(by: .milliseconds(1))
        #expect(try await clock.now() == SimulatedStore.timeAtStart + 10_000)
        #expect(store.operationCount == 2)
    }

    @Test func timeNeverGoesBack() async throws {
        // The client's clock runs at twice the speed of the server's.
        let fast = ServerClock(
            store: store,
            environment: RetryEnvironment(now: { time.now * 2 }, sleep: { try await time.sleep($0) }, random: { 0 })
        )
        var last = try await fast.now()
        for _ in 0..<100 {
            time.advance(by: .milliseconds(700))
            let next = try await fast.now()
            #expect(next >= last)
            #expect(next <= SimulatedStore.timeAtStart + time.now.milliseconds + 5_000)
            last = next
        }
        #expect(store.operationCount > 10)
    }

    @Test func wallClockOfTheClientHasNoPart() async throws {
        // A monotonic clock that began long ago: only what passes counts.
        let old = ServerClock(
            store: store,
            environment: RetryEnvironment(
                now: { time.now + .seconds(1_000_000) },
                sleep: { try await time.sleep($0) },
                random: { 0 }
            )
        )
        #expect(try await old.now() == SimulatedStore.timeAtStart)
        time.advance(by: .seconds(3))
        #expect(try await old.now() == SimulatedStore.timeAtStart + 3_000)
    }

    @Test func serverThatIsAwayForAMomentIsAskedAgain() async throws {
        store.injectReads([.unavailable, .unavailable])
        #expect(try await clock.now() >= SimulatedStore.timeAtStart)
        #expect(store.operationCount == 3)
    }

    @Test func serverThatStaysAwayIsAnErrorAndNoLastingOne() async throws {
        _ = try await clock.now()
        store.faults.readUnavailable = 1
        #expect(try await clock.now() == SimulatedStore.timeAtStart)
        time.advance(by: .seconds(20))
        await #expect(throws: StoreError.self) { try await clock.now() }
        await #expect(throws: StoreError.self) { try await clock.now() }
        store.faults.readUnavailable = 0
        #expect(try await clock.now() >= SimulatedStore.timeAtStart + 20_000)
    }

    @Test func crashedProcessHasNoTime() async throws {
        store.crashAfter(0)
        await #expect(throws: StoreError.self) { try await clock.now() }
        #expect(store.operationCount == 0)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func oneOfManyCallersAsks(seed: UInt64) async throws {
        _ = try await clock.now()
        time.advance(by: .seconds(11))
        #expect(timesSideBySide(seed) == Array(repeating: SimulatedStore.timeAtStart + 11_000, count: 8))
        #expect(store.operationCount == 2)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func callersSideBySideNeverSeeTimeGoBack(seed: UInt64) {
        store.faults.slow = 1
        let times = timesSideBySide(seed, rounds: 20)
        #expect(times.count == 160)
        #expect(times == times.sorted())
    }

    /// What eight callers got, in the order in which they got it.
    private func timesSideBySide(_ seed: UInt64, rounds: Int = 1) -> [Int64] {
        let scheduler = SimulatedScheduler(seed: seed)
        let times = Mutex<[Int64]>([])
        for _ in 0..<8 {
            scheduler.start {
                for round in 0..<rounds {
                    time.advance(by: .milliseconds(500 * round))
                    if let now = try? await clock.now() { times.withLock { $0.append(now) } }
                }
            }
        }
        scheduler.run()
        return times.withLock { $0 }
    }
}
