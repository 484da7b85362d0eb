import DocumentStore
import SimulatedStore
import Testing

@Suite struct RetryPolicyTests {
    let policy = RetryPolicy(deadline: .seconds(30), pauseFirst: .milliseconds(10), pauseMax: .seconds(1))

    @Test func longestPauseDoublesUpToItsBound() {
        let longest = (1...9).map { policy.pause(beforeAttempt: $0, random: 1) }
        #expect(longest == [10, 20, 40, 80, 160, 320, 640, 1000, 1000].map { .milliseconds($0) })
    }

    @Test func pauseIsAnythingFromNothingToTheLongest() {
        var generator = SplitMix64(seed: 3)
        for attempt in 1...40 {
            let longest = policy.pause(beforeAttempt: attempt, random: 1)
            let pauses = (0..<200).map { _ in policy.pause(beforeAttempt: attempt, random: generator.nextUnit()) }
            #expect(pauses.allSatisfy { $0 >= .zero && $0 < longest })
            #expect(pauses.contains { $0 < longest / 4 } && pauses.contains { $0 > longest * 3 / 4 })
        }
    }

    @Test func noAttemptNumberOverflows() {
        #expect(policy.pause(beforeAttempt: .max, random: 1) == .seconds(1))
        #expect(policy.pause(beforeAttempt: 0, random: 1) == .zero)
    }
}
