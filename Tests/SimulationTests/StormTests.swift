import MarketData
import SimulatedStore
import Testing

/// Longer tapes that grow, with crashes at random, competing replays, and runs of every kind in between.
@Suite struct StormTests {
    @Test func oneReplayAfterAnother() throws {
        try run(Seeds.list(1...240), "oneReplayAfterAnother", competitors: 1)
    }

    @Test func competingReplays() throws {
        try run(Seeds.list(2001...2240), "competingReplays", competitors: 3)
    }

    @Test func sameSeedGivesTheSameRun() throws {
        for seed: UInt64 in 1...10 {
            let first = try Storm(seed: seed, competitors: 3)
            let second = try Storm(seed: seed, competitors: 3)
            #expect(first.run() == second.run())
            #expect(first.simulation.store.history == second.simulation.store.history)
        }
    }

    private func run(_ seeds: [UInt64], _ test: String, competitors: Int) throws {
        for seed in seeds {
            let problems = try Storm(seed: seed, competitors: competitors).run()
            #expect(problems.isEmpty, "\(Seeds.report(seed, test, problems))")
        }
    }
}

/// One storm: everything that happens in it follows from its seed.
struct Storm {
    let simulation: ReplaySimulation
    private let seed: UInt64
    private let competitors: Int

    init(seed: UInt64, competitors: Int) throws {
        self.seed = seed
        self.competitors = competitors
        var generator = SplitMix64(seed: seed &* 31)
        var tapes = TapeGenerator(seed: generator.next(), lineCount: 20 + generator.nextIndex(below: 60))
        let tape = tapes.make()
        let faults = FaultPlan.all(generator.nextUnit() * 0.12)
        simulation = try ReplaySimulation(tape, model: TapeModel(tape), seed: generator.next(), faults: faults)
    }

    func run() -> [String] {
        var generator = SplitMix64(seed: seed &* 37)
        let isWatched = generator.nextIndex(below: 3) == 0
        var byteCount = 1 + generator.nextIndex(below: simulation.bytes.count)
        for _ in 0..<(1 + generator.nextIndex(below: 4)) {
            let participants = (0..<(1 + generator.nextIndex(below: competitors))).map { _ in
                participant(&generator, byteCount)
            }
            if generator.nextIndex(below: 2) == 0 {
                simulation.store.crashAfter(
                    generator.nextIndex(below: 60),
                    lastReplyLost: generator.nextIndex(below: 2) == 0
                )
            }
            _ = simulation.run(participants, seed: generator.next(), isWatched: isWatched)
            simulation.store.revive()
            byteCount += generator.nextIndex(below: simulation.bytes.count - byteCount + 1)
        }
        return simulation.finish(seed: generator.next(), isWatched: isWatched)
    }

    private func participant(_ generator: inout SplitMix64, _ byteCount: Int) -> ReplaySimulation.Participant {
        var order = TapeProcess.Order(byteCount: byteCount)
        switch generator.nextIndex(below: 6) {
        case 0: order.startsOver = true
        case 1: order.only = ["A"]
        case 2: order.limit = generator.nextIndex(below: 30)
        default: break
        }
        var operations: Int?
        if generator.nextIndex(below: 3) == 0 { operations = 1 + generator.nextIndex(below: 40) }
        return ReplaySimulation.Participant(order: order, operations: operations)
    }
}
