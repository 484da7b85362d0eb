import TestSupport
import Testing

@Suite struct LinearizabilityPropertyTests {
    /// Seeds that found a fault once; a failing seed that is printed goes here.
    static let regressionSeeds: [UInt64] = []
    static let seeds = Array<UInt64>(1...1000) + regressionSeeds

    @Test(arguments: [false, true])
    func whatWritersAreToldIsLinearizable(isDeleting: Bool) {
        var outcomes: [String: Int] = [:]
        for seed in Self.seeds {
            let simulation = LinearizabilitySimulation(seed: seed, isDeleting: isDeleting)
            let problems = simulation.run()
            #expect(problems.isEmpty, "seed \(seed): \(problems.joined(separator: "; "))")
            outcomes.merge(simulation.history.outcomeCounts, uniquingKeysWith: +)
        }
        // A run in which some kind of outcome never came about would have shown little.
        for name in ["applied", "conflict", "unknown", "read"] + (isDeleting ? ["notFound"] : []) {
            #expect(outcomes[name, default: 0] > Self.seeds.count / 10, "\(outcomes)")
        }
    }
}
