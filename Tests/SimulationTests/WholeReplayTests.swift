import DocumentStore
import Feeds
import Ingest
import MarketData
import SimulatedStore
import Testing
import TickStore

/// The real `Replay`, with its actors and threads: what happens in which order differs from run to run, what is stored
/// in the end must not.
@Suite struct WholeReplayTests {
    @Test func replaysSurviveCrashes() async throws {
        for seed in Seeds.list(5001...5030) {
            var generator = SplitMix64(seed: seed)
            let storm = try Storm(seed: seed, competitors: 1)
            let simulation = storm.simulation
            for _ in 0..<(1 + generator.nextIndex(below: 4)) {
                simulation.store.crashAfter(
                    1 + generator.nextIndex(below: 40),
                    lastReplyLost: generator.nextIndex(below: 2) == 0
                )
                _ = try? await replay(simulation, &generator)
                simulation.store.revive()
            }
            var attempts = 0
            while try await !replayUnlessUnavailable(simulation, &generator) {
                attempts += 1
                try #require(attempts < 60, "\(Seeds.report(seed, "replaysSurviveCrashes", ["never finished"]))")
            }
            let problems = try await Judge(
                store: simulation.store,
                tape: simulation.tape,
                model: simulation.model
            ).problems()
            #expect(problems.isEmpty, "\(Seeds.report(seed, "replaysSurviveCrashes", problems))")
        }
    }

    @Test func competingReplaysStoreEverythingOnce() async throws {
        for seed in Seeds.list(6001...6020) {
            var generator = SplitMix64(seed: seed)
            let simulation = try Storm(seed: seed, competitors: 1).simulation
            let seeds = (0..<3).map { _ in generator.next() }
            await withTaskGroup(of: Void.self) { group in
                for seed in seeds {
                    group.addTask {
                        var generator = SplitMix64(seed: seed)
                        _ = try? await replay(simulation, &generator)
                    }
                }
            }
            while try await !replayUnlessUnavailable(simulation, &generator) {}
            let problems = try await Judge(
                store: simulation.store,
                tape: simulation.tape,
                model: simulation.model
            ).problems()
            #expect(problems.isEmpty, "\(Seeds.report(seed, "competingReplaysStoreEverythingOnce", problems))")
        }
    }

    @Test func aRunSaysWhatItDid() async throws {
        var tapes = TapeGenerator(seed: 3, lineCount: 60)
        let tape = tapes.make()
        let simulation = try ReplaySimulation(tape, model: TapeModel(tape), seed: 3)
        var generator = SplitMix64(seed: 3)
        let events = simulation.model.events.values.reduce(0) { $0 + $1.count }
        let half = try await replay(simulation, &generator, limit: 20)
        #expect(half.end == .limit && !half.isComplete && half.counts.records == 20)
        let rest = try await replay(simulation, &generator)
        #expect(rest.recordsBefore == 20 && rest.startedAt == half.place)
        #expect(half.stored + rest.stored == events)
        #expect(rest.counts == simulation.model.counts)
        #expect(rest.isComplete == tape.tail.isEmpty)
        let open = simulation.model.gaps.filter { $0.missing > 0 }
        #expect(Set(rest.gaps.map { [$0.after, $0.before, $0.missing] }).count == open.count)
        let again = try await replay(simulation, &generator)
        #expect(again.stored == 0 && again.counts == rest.counts)
        let options = Replay.Options(source: "dry", venue: SimulatedTape.venue, decoding: "sim")
        let input = try TapeInput(stream: MemorySource(simulation.bytes), path: "tape", name: "tape")
        let environment = SimulatedClock().environment
        let dry = try await Replay(options, format: tape.format(), target: nil, environment: environment).run(input)
        #expect(dry.stored == events && dry.counts == rest.counts)
    }

    /// Answers false where the faults lasted longer than the patience.
    private func replayUnlessUnavailable(
        _ simulation: ReplaySimulation,
        _ generator: inout SplitMix64
    ) async throws -> Bool {
        do {
            _ = try await replay(simulation, &generator)
            return true
        } catch let error as StoreError where error.code == .unavailable {
            return false
        }
    }

    @discardableResult
    private func replay(
        _ simulation: ReplaySimulation,
        _ generator: inout SplitMix64,
        limit: Int? = nil
    ) async throws -> ReplayReport {
        let environment = simulation.store.clock.environment
        let writer = VersionedWriter(
            store: simulation.store,
            policy: RetryPolicy(deadline: .seconds(8)),
            environment: environment
        )
        let ids = OperationIDs(process: UInt32(truncatingIfNeeded: generator.next()), start: generator.next())
        var options = Replay.Options(
            source: TapeProcess.source,
            venue: SimulatedTape.venue,
            decoding: TapeProcess.decoding
        )
        // With a pace every record is a slab of its own; the clock that it waits for is simulated.
        options.speed = 1_000_000
        options.limits = EpochCollector.Limits(workMin: 1, workMax: 1 + generator.nextIndex(below: 20))
        options.decoderCount = 1 + generator.nextIndex(below: 3)
        options.startsOver = generator.nextIndex(below: 8) == 0
        let target = Replay.Target(writer: writer, operationIDs: ids)
        let replay = Replay(options, format: try simulation.tape.format(), target: target, environment: environment)
        let input = try TapeInput(stream: MemorySource(simulation.bytes), path: "tape", name: "tape")
        return try await replay.run(input, recordLimit: limit)
    }
}
