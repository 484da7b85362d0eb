import Foundation
import Testing

@Suite(.timeLimit(.minutes(60))) struct LeaseSimulationTests {
    /// Seeds that found a fault once; a failing seed that is printed goes here.
    static let regressionSeeds: [UInt64] = []
    static let seeds = Array(1...count) + regressionSeeds
    private static let count = UInt64(ProcessInfo.processInfo.environment["TAPEDESK_LEASE_SEEDS"] ?? "") ?? 300

    @Test func pausedAndKilledDaemonsLoseNothingThatTheyRecordedAndDoubleNothing() throws {
        var total = LeaseSimulation.Result()
        for seed in Self.seeds {
            let result = try LeaseSimulation(seed: seed).run()
            #expect(result.problems.isEmpty, "seed \(seed): \(result.problems.prefix(5).joined(separator: "; "))")
            total.terms += result.terms
            total.sent += result.sent
            total.stored += result.stored
            total.refused += result.refused
        }
        // A run in which the lease hardly moved, or nothing came too late, would have shown little.
        #expect(total.terms > Self.seeds.count * 3)
        #expect(total.refused > Self.seeds.count)
        #expect(total.stored > total.sent / 5, "\(total)")
    }

    @Test func sameSeedGivesTheSameRun() throws {
        for seed: UInt64 in 1...5 {
            #expect(try LeaseSimulation(seed: seed).run() == LeaseSimulation(seed: seed).run())
        }
    }
}
