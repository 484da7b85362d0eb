import Testing

@testable import MongoRuntime

@Suite struct ConnectionPoolStateMachineTests {
    private func machine(connections: Int = 1, waiters: Int = 2) -> ConnectionPoolStateMachine {
        ConnectionPoolStateMachine(connectionCount: connections, waiterCountMax: waiters)
    }

    @Test func opensOnlyWhatIsNeeded() {
        var machine = machine(connections: 3)
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.release(0) == .none)
        #expect(machine.leaseAtOnce() == .use(0))
        #expect(machine.leaseAtOnce() == .open(1))
        #expect(machine.openCount == 2)
    }

    @Test func prefersTheConnectionUsedLast() {
        var machine = machine(connections: 2)
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.leaseAtOnce() == .open(1))
        #expect(machine.release(1) == .none)
        #expect(machine.release(0) == .none)
        #expect(machine.leaseAtOnce() == .use(0))
    }

    @Test func servesWaitersInTheOrderOfArrival() {
        var machine = machine()
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.leaseAtOnce() == nil)
        #expect(machine.lease(7, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.lease(8, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.release(0) == .resume(7, 0))
        #expect(machine.release(0) == .resume(8, 0))
        #expect(machine.release(0) == .none)
        #expect(machine.leasedCount == 0)
    }

    @Test func turnsAwayBeyondTheBound() {
        var machine = machine(waiters: 1)
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.lease(1, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.lease(2, now: .zero, deadline: .seconds(1)) == .reject(.tooManyWaiters))
        #expect(machine.waiterCount == 1)
    }

    @Test func deadlineEndsTheWait() {
        var machine = machine()
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.lease(1, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.expire(1, now: .milliseconds(999)) == false)
        #expect(machine.expire(1, now: .seconds(1)) == true)
        #expect(machine.expire(1, now: .seconds(2)) == false)
        #expect(machine.release(0) == .none)
        #expect(machine.lease(2, now: .seconds(2), deadline: .seconds(2)) == .reject(.deadlinePassed))
    }

    @Test func cancellationLeavesTheOthersWaiting() {
        var machine = machine()
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.lease(1, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.lease(2, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.cancel(1) == true)
        #expect(machine.cancel(1) == false)
        #expect(machine.release(0) == .resume(2, 0))
    }

    @Test func failedOpeningPassesToTheNextWaiter() {
        var machine = machine()
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.lease(1, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.openFailed(0) == .resumeToOpen(1, 0))
        #expect(machine.openFailed(0) == .none)
        #expect(machine.openCount == 0)
        #expect(machine.leaseAtOnce() == .open(0))
    }

    @Test func closingWaitsForLeasesAndTurnsWaitersAway() {
        var machine = machine(connections: 2)
        #expect(machine.leaseAtOnce() == .open(0))
        #expect(machine.leaseAtOnce() == .open(1))
        #expect(machine.lease(5, now: .zero, deadline: .seconds(1)) == .wait)
        #expect(machine.close() == .init(rejected: [5], finish: nil))
        #expect(machine.leaseAtOnce() == .reject(.closed))
        #expect(machine.release(1) == .none)
        #expect(machine.release(0) == .finishClosing([0, 1]))
        #expect(machine.close() == .init(rejected: [], finish: nil))
    }

    @Test func closingAnUnusedPoolFinishesAtOnce() {
        var machine = machine()
        #expect(machine.close() == .init(rejected: [], finish: []))
    }

    /// Whatever happens in whatever order, no connection is lent twice and nobody waits beside a free one.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func invariantsHoldInAnyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = machine(connections: 3, waiters: 4)
        var leased: Set<Int> = []
        var waiting: Set<UInt64> = []
        for step in 0..<500 as Range<UInt64> {
            let now = Duration.milliseconds(Int(step))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                switch machine.lease(step, now: now, deadline: now + .milliseconds(20)) {
                case .use(let id), .open(let id): #expect(leased.insert(id).inserted)
                case .wait: waiting.insert(step)
                case .reject(let reason): #expect(reason == .tooManyWaiters)
                }
            case 1:
                guard let id = leased.randomElement(using: &random) else { continue }
                if case .resume(let waiter, let same) = machine.release(id) {
                    #expect(waiting.remove(waiter) != nil && same == id)
                } else {
                    leased.remove(id)
                }
            case 2:
                for waiter in waiting where machine.expire(waiter, now: now) { waiting.remove(waiter) }
            default:
                guard let waiter = waiting.randomElement(using: &random) else { continue }
                #expect(machine.cancel(waiter) == true)
                waiting.remove(waiter)
            }
            #expect(machine.leasedCount == leased.count && machine.waiterCount == waiting.count)
            #expect(waiting.isEmpty || leased.count == 3)
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
