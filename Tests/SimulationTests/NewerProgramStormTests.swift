import BSON
import DocumentStore
import SimulatedStore
import Testing
import TickStore

/// Two versions side by side: programs that add fields, programs that raise schema versions, and this one beside them.
@Suite struct NewerProgramStormTests {
    /// Fields that a newer program adds to buckets, bars, gaps, rejects and checkpoints survive whatever older ones do.
    @Test func addedFieldsSurvive() throws {
        var addedSum = 0
        for seed in Seeds.list(1...200) {
            let storm = try TwoVersionStorm(seed: seed)
            let problems = storm.runWithAdditions()
            addedSum += storm.added.count
            #expect(problems.isEmpty, "\(Seeds.report(seed, "addedFieldsSurvive", problems))")
        }
        #expect(addedSum > 0)
    }

    /// What a newer program has raised, an older one neither changes nor deletes; once it is upgraded itself, nothing
    /// is lost and nothing is there twice.
    @Test func raisedDocumentsAreLeftAlone() throws {
        for seed in Seeds.list(1...200) {
            let problems = try TwoVersionStorm(seed: seed).runWithRaisedDocuments()
            #expect(problems.isEmpty, "\(Seeds.report(seed, "raisedDocumentsAreLeftAlone", problems))")
        }
    }
}

/// One storm: everything that happens in it follows from its seed.
struct TwoVersionStorm {
    let simulation: ReplaySimulation
    let added: AddedFields
    private let raised = RaisedDocuments()
    private let seed: UInt64

    init(seed: UInt64) throws {
        self.seed = seed
        var generator = SplitMix64(seed: seed &* 53)
        var tapes = TapeGenerator(seed: generator.next(), lineCount: 15 + generator.nextIndex(below: 50))
        let tape = tapes.make()
        simulation = try ReplaySimulation(
            tape,
            model: TapeModel(tape),
            seed: generator.next(),
            faults: .all(generator.nextUnit() * 0.1)
        )
        added = AddedFields(seed: generator.next())
    }

    func runWithAdditions() -> [String] {
        var generator = SplitMix64(seed: seed &* 59)
        rounds(&generator) { byteCount, generator in
            var participants = [replay(byteCount, &generator), compaction(&generator)]
            for index in participants.indices where generator.nextIndex(below: 2) == 0 {
                participants[index].adds = added
            }
            return participants
        }
        calm()
        let problems = simulation.finish(seed: generator.next())
        _ = simulation.run([compaction(&generator, isAll: true)], seed: generator.next())
        simulation.judge(areBarsFinal: true)
        // A bar whose trades turned out to be repetitions goes, and with it what was added to it.
        return problems + simulation.problems
            + added.missing(from: simulation.store, mayDelete: [CandlesCollection.name])
    }

    func runWithRaisedDocuments() -> [String] {
        var generator = SplitMix64(seed: seed &* 61)
        rounds(&generator) { byteCount, generator in
            let raising = ReplaySimulation.Job.raising(raised, count: 1 + generator.nextIndex(below: 3))
            return [
                replay(byteCount, &generator), compaction(&generator),
                .init(order: simulation.wholeTape, operations: nil, job: raising),
            ]
        }
        calm()
        let problems = raised.problems(simulation.store)
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start { await raised.upgrade(simulation.store) }
        scheduler.run()
        _ = simulation.finish(seed: generator.next())
        _ = simulation.run([compaction(&generator, isAll: true)], seed: generator.next())
        simulation.judge(areBarsFinal: true)
        return problems + simulation.problems
    }

    private func rounds(
        _ generator: inout SplitMix64,
        _ participants: (Int, inout SplitMix64) -> [ReplaySimulation.Participant]
    ) {
        var byteCount = 1 + generator.nextIndex(below: simulation.bytes.count)
        for _ in 0..<(2 + generator.nextIndex(below: 3)) {
            let list = participants(byteCount, &generator)
            if generator.nextIndex(below: 3) == 0 {
                simulation.store.crashAfter(
                    generator.nextIndex(below: 80),
                    lastReplyLost: generator.nextIndex(below: 2) == 0
                )
            }
            _ = simulation.run(list, seed: generator.next(), isWatched: true)
            simulation.store.revive()
            byteCount += generator.nextIndex(below: simulation.bytes.count - byteCount + 1)
        }
    }

    private func calm() {
        simulation.store.deliverLateChanges()
        simulation.store.faults = FaultPlan()
    }

    private func replay(_ byteCount: Int, _ generator: inout SplitMix64) -> ReplaySimulation.Participant {
        var order = TapeProcess.Order(byteCount: byteCount)
        order.startsOver = generator.nextIndex(below: 4) == 0
        let isKilled = generator.nextIndex(below: 3) == 0
        return .init(order: order, operations: isKilled ? 1 + generator.nextIndex(below: 40) : nil)
    }

    private func compaction(_ generator: inout SplitMix64, isAll: Bool = false) -> ReplaySimulation.Participant {
        let policy = CompactionPolicy(grace: 0, takesOpenWindows: isAll || generator.nextIndex(below: 3) > 0)
        return .init(order: simulation.wholeTape, operations: nil, job: .compaction(policy))
    }
}
