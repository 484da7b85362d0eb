import Testing
import WebClient

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct RequestBudgetTests {
    /// Midnight of some day in 2026.
    static let midnight = Duration.seconds(1_767_225_600)

    @Test func aFullBucketGivesAllItHasAndThenAsItFills() {
        var budget = RequestBudget(capacity: 3, refill: 2)
        for _ in 1...3 { #expect(budget.take(at: Self.midnight) == nil) }
        #expect(budget.take(at: Self.midnight) == .milliseconds(500))
        #expect(budget.take(2, at: Self.midnight) == .seconds(1))
        #expect(budget.take(at: Self.midnight + .milliseconds(499)) == .milliseconds(1))
        #expect(budget.take(at: Self.midnight + .milliseconds(500)) == nil)
        #expect(budget.take(at: Self.midnight + .milliseconds(500)) == .milliseconds(500))
    }

    @Test func aBucketHoldsNoMoreThanItsCapacity() {
        var budget = RequestBudget(capacity: 2, refill: 100)
        #expect(budget.take(2, at: Self.midnight) == nil)
        let later = Self.midnight + .seconds(3_600)
        #expect(budget.take(2, at: later) == nil)
        #expect(budget.take(at: later) == .milliseconds(10))
    }

    @Test(arguments: 1...40)
    func noIntervalLetsMoreThroughThanItMay(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let capacity = Int.random(in: 1...50, using: &random)
        let refill = Int.random(in: 1...200, using: &random)
        let period = Int.random(in: 1_000_000...60_000_000_000, using: &random)
        var budget = RequestBudget(capacity: capacity, refill: refill, per: .nanoseconds(period))
        var taken: [(time: Int, cost: Int)] = []
        var time = 0
        for _ in 1...400 {
            let cost = Int.random(in: 1...capacity, using: &random)
            if let wait = budget.take(cost, at: Self.midnight + .nanoseconds(time)) {
                let nanoseconds = Int(
                    wait.components.seconds * 1_000_000_000 + wait.components.attoseconds / 1_000_000_000
                )
                #expect(wait > .zero)
                // The wait is as short as it can be, and no shorter.
                var tooEarly = budget
                #expect(tooEarly.take(cost, at: Self.midnight + .nanoseconds(time + nanoseconds - 1)) != nil)
                guard Bool.random(using: &random) else {
                    time += Int.random(in: 0..<nanoseconds, using: &random)
                    continue
                }
                time += nanoseconds
                #expect(budget.take(cost, at: Self.midnight + .nanoseconds(time)) == nil)
            }
            taken.append((time, cost))
            if Bool.random(using: &random) { time += Int.random(in: 0...(2 * period / refill), using: &random) }
        }
        #expect(taken.count > 20)
        let excesses = taken.indices.filter { first in
            var sum = 0
            return taken[first...].contains { take in
                sum += take.cost
                // In whole numbers: sum > capacity + refill * interval / period.
                return (sum - capacity) * period > refill * (take.time - taken[first].time)
            }
        }
        #expect(excesses.isEmpty)
    }

    @Test func aQuotaLastsForADayOfUTC() {
        var budget = RequestBudget(capacity: 10, refill: 10, quotaPerDay: 25)
        let noon = Self.midnight + .seconds(12 * 3_600)
        for number in 0..<25 { #expect(budget.take(at: noon + .seconds(number)) == nil) }
        #expect(budget.take(at: noon + .seconds(60)) == .seconds(12 * 3_600 - 60))
        #expect(budget.take(at: Self.midnight + .seconds(86_399)) == .seconds(1))
        #expect(budget.take(at: Self.midnight + .seconds(86_400)) == nil)
    }

    @Test func whatCostsMoreThanIsLeftOfTheDayWaitsAndTheRestIsThereForLess() {
        var budget = RequestBudget(capacity: 10, refill: 10, quotaPerDay: 12)
        #expect(budget.take(10, at: Self.midnight) == nil)
        let later = Self.midnight + .seconds(10)
        #expect(budget.take(3, at: later) == .seconds(86_390))
        #expect(budget.take(2, at: later) == nil)
        #expect(budget.costMax == 10)
        #expect(RequestBudget(capacity: 10, refill: 1, quotaPerDay: 4).costMax == 4)
    }

    @Test func nothingGoesBeforeAServerWantsIt() {
        var budget = RequestBudget(capacity: 5, refill: 5)
        budget.obey(.seconds(30), at: Self.midnight)
        budget.obey(.seconds(5), at: Self.midnight + .seconds(1))
        #expect(budget.take(at: Self.midnight + .seconds(2)) == .seconds(28))
        #expect(budget.take(at: Self.midnight + .seconds(30)) == nil)
        budget.obey(.seconds(-5), at: Self.midnight + .seconds(30))
        #expect(budget.take(at: Self.midnight + .seconds(30)) == nil)
    }

    @Test func aClockThatIsSetBackGivesNothingAndStopsNothing() {
        var budget = RequestBudget(capacity: 1, refill: 1, quotaPerDay: 3)
        let day = Self.midnight + .seconds(86_400)
        #expect(budget.take(at: day + .seconds(10)) == nil)
        budget.obey(.seconds(20), at: day + .seconds(10))
        // Back by an hour, into the day before.
        let back = day - .seconds(3_590)
        #expect(budget.take(at: back) == .seconds(20))
        #expect(budget.take(at: back + .seconds(20)) == nil)
        #expect(budget.take(at: back + .seconds(20)) == .seconds(1))
    }

    @Test func fullTimesAndLongWaitsDoNotOverflow() {
        var budget = RequestBudget(capacity: 100_000, refill: 100_000, per: .seconds(86_400))
        #expect(budget.take(100_000, at: .zero) == nil)
        #expect(budget.take(100_000, at: .seconds(9_000_000_000)) == nil)
        budget.obey(.seconds(Int64.max / 2), at: .seconds(9_000_000_000))
        #expect(budget.take(at: .seconds(9_000_000_000)) != nil)
    }
}
