import SimulatedStore
import Testing

/// One replay at a time that stops at any operation and begins again.
@Suite struct CrashTests {
    /// Every operation of small tapes, with the last answer given or lost.
    @Test func everyCrashPointOfSmallTapes() throws {
        var points = 0
        let seeds = Seeds.list(1...40)
        for seed in seeds { points += try crashEverywhere(seed: seed, lineCount: 12, faults: FaultPlan()) }
        // Fewer would mean that the tapes are so small that little can go wrong.
        print("POINTS", points)
    }

    @Test func everyCrashPointUnderFaults() throws {
        for seed in Seeds.list(1001...1012) {
            _ = try crashEverywhere(seed: seed, lineCount: 10, faults: .all(0.08))
        }
    }

    private func crashEverywhere(seed: UInt64, lineCount: Int, faults: FaultPlan) throws -> Int {
        var generator = TapeGenerator(seed: seed, lineCount: lineCount)
        let tape = generator.make()
        let model = TapeModel(tape)
        let whole = try ReplaySimulation(tape, model: model, seed: seed, faults: faults)
        _ = whole.run([ReplaySimulation.Participant(order: whole.wholeTape)], seed: seed)
        let operations = whole.store.operationCount
        for number in 1...operations {
            for isReplyLost in [false, true] {
                let simulation = try ReplaySimulation(tape, model: model, seed: seed, faults: faults)
                simulation.store.crashAfter(number, lastReplyLost: isReplyLost)
                let participant = ReplaySimulation.Participant(order: simulation.wholeTape)
                _ = simulation.run([participant], seed: seed, isWatched: number % 4 == 0)
                let problems = simulation.finish(seed: seed &+ UInt64(number), isWatched: number % 4 == 0)
                guard problems.isEmpty else {
                    let crash = "crash after operation \(number), reply lost: \(isReplyLost)"
                    let test = faults == FaultPlan() ? "everyCrashPointOfSmallTapes" : "everyCrashPointUnderFaults"
                    Issue.record("\(Seeds.report(seed, test, [crash] + problems))")
                    return 2 * operations
                }
            }
        }
        return 2 * operations
    }
}
