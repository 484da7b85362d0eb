import BSON
import MarketData
import SimulatedStore
import Testing
import TickStore

/// Ingest, late events, compactions that compete, exports, crashes and lost answers, all at once.
@Suite struct CompactionStormTests {
    @Test func ingestCompactionAndExports() throws {
        for seed in Seeds.list(1...1_500) {
            let problems = try CompactionStorm(seed: seed).run()
            #expect(problems.isEmpty, "\(Seeds.report(seed, "ingestCompactionAndExports", problems))")
        }
    }

    /// A compaction of everything is killed after each of its operations, and another one finishes.
    @Test func everyCrashPointOfACompaction() throws {
        for seed in Seeds.list(1...25) {
            let whole = try CompactionStorm(seed: seed, faults: FaultPlan())
            let operations = whole.operationsOfOneCompaction()
            #expect(operations > 5)
            for number in 1...operations {
                for isReplyLost in [false, true] {
                    let storm = try CompactionStorm(seed: seed, faults: FaultPlan())
                    let problems = storm.crash(after: number, lastReplyLost: isReplyLost)
                    guard problems.isEmpty else {
                        let crash = "crash after operation \(number), reply lost: \(isReplyLost)"
                        Issue.record("\(Seeds.report(seed, "everyCrashPointOfACompaction", [crash] + problems))")
                        return
                    }
                }
            }
        }
    }

    /// The same where the compaction deletes what is over by a rule, and copies it to an archive first.
    @Test func everyCrashPointOfRetention() throws {
        for seed in Seeds.list(1...5) {
            let whole = try CompactionStorm(seed: seed, faults: FaultPlan(), deletes: true)
            let operations = whole.operationsOfOneCompaction()
            #expect(operations > 8)
            for number in 1...operations {
                for isReplyLost in [false, true] {
                    let storm = try CompactionStorm(seed: seed, faults: FaultPlan(), deletes: true)
                    let problems = storm.crash(after: number, lastReplyLost: isReplyLost)
                    guard problems.isEmpty else {
                        let crash = "crash after operation \(number), reply lost: \(isReplyLost)"
                        Issue.record("\(Seeds.report(seed, "everyCrashPointOfRetention", [crash] + problems))")
                        return
                    }
                }
            }
        }
    }

    @Test func sameSeedGivesTheSameRun() throws {
        for seed: UInt64 in 1...5 {
            let first = try CompactionStorm(seed: seed)
            let second = try CompactionStorm(seed: seed)
            #expect(first.run() == second.run())
            #expect(first.simulation.store.history == second.simulation.store.history)
        }
    }
}

/// One storm: everything that happens in it follows from its seed.
struct CompactionStorm {
    let simulation: ReplaySimulation
    private let seed: UInt64

    /// A tape begins three seconds before this time, in milliseconds, at which an hour begins.
    private static let secondHour: Int64 = 1_723_078_800_000

    /// - Parameter deletes: whether rules of retention delete events, and somebody restores some; by default, in every
    ///   third storm.
    init(seed: UInt64, faults: FaultPlan? = nil, deletes: Bool? = nil) throws {
        self.seed = seed
        let isDeleting = deletes ?? (seed % 3 == 0)
        var generator = SplitMix64(seed: seed &* 41)
        var tapes = TapeGenerator(seed: generator.next(), lineCount: 15 + generator.nextIndex(below: 50))
        let tape = tapes.make()
        let some = FaultPlan.all(generator.nextUnit() * 0.12)
        simulation = try ReplaySimulation(
            tape,
            model: TapeModel(tape),
            seed: generator.next(),
            faults: faults ?? some,
            archive: isDeleting ? SimulatedArchive(seed: seed &* 47, faults: faults == nil ? 0.05 : 0) : nil
        )
        guard isDeleting else { return }
        // Some windows are over now, or all of them.
        let hours: [Int64] = [1, 2, 3, 48]
        simulation.advance(to: Self.secondHour + hours[generator.nextIndex(below: hours.count)] * 3_600_000)
    }

    private var isDeleting: Bool { simulation.archive != nil }

    func run() -> [String] {
        var generator = SplitMix64(seed: seed &* 43)
        var byteCount = 1 + generator.nextIndex(below: simulation.bytes.count)
        for _ in 0..<(2 + generator.nextIndex(below: 3)) {
            let before = simulation.stored()
            var participants = [replay(byteCount, &generator)]
            for _ in 0..<(1 + generator.nextIndex(below: 2)) { participants.append(compaction(&generator)) }
            // What was there before may be deleted meanwhile.
            let sure = isDeleting ? [:] : before
            for _ in 0..<generator.nextIndex(below: 3) { participants.append(job(.export(before: sure))) }
            if isDeleting { participants += restorations(&generator) }
            if generator.nextIndex(below: 3) == 0 {
                simulation.store.crashAfter(
                    generator.nextIndex(below: 80),
                    lastReplyLost: generator.nextIndex(below: 2) == 0
                )
            }
            _ = simulation.run(participants, seed: generator.next(), isWatched: true)
            simulation.store.revive()
            byteCount += generator.nextIndex(below: simulation.bytes.count - byteCount + 1)
        }
        _ = simulation.finish(seed: generator.next(), isWatched: generator.nextIndex(below: 3) == 0)
        return compactAll(&generator)
    }

    /// How many operations a compaction of the whole tape makes.
    func operationsOfOneCompaction() -> Int {
        _ = simulation.finish(seed: seed)
        let before = simulation.store.operationCount
        _ = simulation.run([job(.compaction(everything))], seed: seed)
        return simulation.store.operationCount - before
    }

    /// Stops a compaction of the whole tape, judges what is there, and lets another one finish.
    func crash(after number: Int, lastReplyLost: Bool) -> [String] {
        var generator = SplitMix64(seed: seed &+ UInt64(number))
        _ = simulation.finish(seed: seed)
        simulation.store.crashAfter(number, lastReplyLost: lastReplyLost)
        _ = simulation.run([job(.compaction(everything))], seed: seed)
        simulation.store.revive()
        simulation.judge()
        return compactAll(&generator)
    }

    private var everything: CompactionPolicy {
        CompactionPolicy(grace: 0, takesOpenWindows: true, retention: retention)
    }

    /// All that ended a second ago is over.
    private var retention: RetentionPolicy {
        guard isDeleting else { return RetentionPolicy() }
        return RetentionPolicy(rules: EventKind.allCases.map { RetentionRule(kind: $0, keep: .seconds(1)) })
    }

    /// Without faults, everything is compacted in the end, and a second run finds nothing to do.
    private func compactAll(_ generator: inout SplitMix64) -> [String] {
        simulation.store.deliverLateChanges()
        simulation.store.faults = FaultPlan()
        simulation.archive?.heal()
        _ = simulation.run([job(.compaction(everything))], seed: generator.next())
        simulation.judge(areBarsFinal: true)
        let history = simulation.store.history.count
        _ = simulation.run([job(.compaction(everything))], seed: generator.next())
        var problems = simulation.problems
        let records = simulation.store.documents(in: DeletionsCollection.name)
        if records.contains(where: { $0[DeletionsCollection.Field.completedAt] == .null }) {
            problems.append("a deletion is not completed")
        }
        if simulation.store.history.count != history { problems.append("a second compaction changed something") }
        for document in simulation.store.documents(in: MarketDataCollection.name) {
            typealias Field = MarketDataCollection.Field
            if document[Field.sealedBlockCount] != document[Field.blockCount] {
                problems.append("a bucket is not sealed")
            }
            if document[Field.replacedBy] != nil { problems.append("a replaced bucket is left") }
        }
        // The tape is applied already, whatever became of its buckets.
        var order = simulation.wholeTape
        order.startsOver = true
        if simulation.run([.init(order: order)], seed: generator.next()) != [0] {
            problems.append("a replay from the start stored something anew")
        }
        guard isDeleting else { return problems + simulation.problems }
        simulation.restoreAll()
        simulation.judge()
        return problems + simulation.problems
    }

    private func replay(_ byteCount: Int, _ generator: inout SplitMix64) -> ReplaySimulation.Participant {
        var order = TapeProcess.Order(byteCount: byteCount)
        switch generator.nextIndex(below: 6) {
        case 0: order.startsOver = true
        case 1: order.only = ["A"]
        default: break
        }
        let isKilled = generator.nextIndex(below: 3) == 0
        return .init(order: order, operations: isKilled ? 1 + generator.nextIndex(below: 40) : nil)
    }

    private func compaction(_ generator: inout SplitMix64) -> ReplaySimulation.Participant {
        let policy = CompactionPolicy(
            grace: 0,
            takesOpenWindows: generator.nextIndex(below: 3) > 0,
            segmentBytesMax: [300, 1_000, CompactionPolicy.segmentBytesDefault][generator.nextIndex(below: 3)],
            retention: retention
        )
        let isKilled = generator.nextIndex(below: 3) == 0
        return job(.compaction(policy), operations: isKilled ? 1 + generator.nextIndex(below: 40) : nil)
    }

    /// Perhaps somebody who brings back what was deleted, for a while or only until the next compaction.
    private func restorations(_ generator: inout SplitMix64) -> [ReplaySimulation.Participant] {
        guard generator.nextIndex(below: 2) == 0 else { return [] }
        let keep: Duration = generator.nextIndex(below: 2) == 0 ? .zero : .seconds(86_400)
        let isKilled = generator.nextIndex(below: 3) == 0
        return [job(.restoration(keep: keep), operations: isKilled ? 1 + generator.nextIndex(below: 20) : nil)]
    }

    private func job(_ job: ReplaySimulation.Job, operations: Int? = nil) -> ReplaySimulation.Participant {
        .init(order: simulation.wholeTape, operations: operations, job: job)
    }
}
