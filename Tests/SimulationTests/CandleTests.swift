import SimulatedStore
import Testing

/// Bars, while replays and finalisers crash and compete.
@Suite struct CandleTests {
    /// Every operation of a replay and of the finalising behind it, with the last answer given or lost.
    @Test func everyCrashPoint() throws {
        for seed in Seeds.list(7001...7003) {
            let whole = try CandleSimulation(seed: seed, lineCount: 10, faults: FaultPlan())
            runOnce(whole, seed)
            let operations = whole.store.operationCount
            for number in 1...operations {
                for isReplyLost in [false, true] {
                    let simulation = try CandleSimulation(seed: seed, lineCount: 10, faults: FaultPlan())
                    simulation.store.crashAfter(number, lastReplyLost: isReplyLost)
                    runOnce(simulation, seed)
                    let problems = simulation.finish(seed: seed &+ UInt64(number))
                    let crash = "crash after operation \(number) of \(operations), reply lost: \(isReplyLost)"
                    #expect(problems.isEmpty, "\(Seeds.report(seed, "everyCrashPoint", [crash] + problems))")
                    if !problems.isEmpty { return }
                }
            }
        }
    }

    private func runOnce(_ simulation: CandleSimulation, _ seed: UInt64) {
        for work in [CandleSimulation.Work.replay(byteCount: simulation.bytes.count), .finalize] {
            _ = simulation.run([(work, nil)], seed: seed)
        }
    }

    /// Tapes that grow, several replays and finalisers at once, faults and kills.
    @Test func replaysAndFinalisersSideBySide() throws {
        for seed in Seeds.list(8001...8060) {
            var generator = SplitMix64(seed: seed)
            let simulation = try CandleSimulation(
                seed: generator.next(),
                lineCount: 20 + generator.nextIndex(below: 50),
                faults: .all(generator.nextUnit() * 0.1)
            )
            var byteCount = 1 + generator.nextIndex(below: simulation.bytes.count)
            for _ in 0..<(1 + generator.nextIndex(below: 4)) {
                let works = (0..<(1 + generator.nextIndex(below: 4))).map { _ in
                    let isReplay = generator.nextIndex(below: 2) == 0
                    let isKilled = generator.nextIndex(below: 3) == 0
                    return (
                        work: isReplay ? CandleSimulation.Work.replay(byteCount: byteCount) : .finalize,
                        operations: isKilled ? 1 + generator.nextIndex(below: 60) : nil
                    )
                }
                _ = simulation.run(works, seed: generator.next())
                byteCount += generator.nextIndex(below: simulation.bytes.count - byteCount + 1)
            }
            let problems = simulation.finish(seed: generator.next())
            #expect(problems.isEmpty, "\(Seeds.report(seed, "replaysAndFinalisersSideBySide", problems))")
        }
    }
}
