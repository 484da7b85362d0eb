import DocumentStore
import Feeds
import MarketData
import SimulatedStore
import Synchronization
import TickStore

/// A tape and a store; processes that replay the one into the other, and others that make bars final meanwhile.
final class CandleSimulation: Sendable {
    /// What one process does.
    enum Work: Sendable {
        case replay(byteCount: Int)
        /// Makes all hours final that it sees when it begins, and their days.
        case finalize
    }

    private static let attemptsMax = 60

    let tape: SimulatedTape
    let model: TapeModel
    let store: SimulatedStore
    let bytes: [UInt8]
    private let clock: SimulatedClock
    private let format: NDJSONFormat
    private let found = Mutex<[String]>([])

    init(seed: UInt64, lineCount: Int, faults: FaultPlan) throws {
        var generator = SplitMix64(seed: seed)
        var tape = SimulatedTape()
        repeat {
            var tapes = TapeGenerator(seed: generator.next(), lineCount: lineCount)
            tape = tapes.make()
        } while tape.kind != .trade
        self.tape = tape
        model = TapeModel(tape)
        bytes = tape.bytes
        format = try tape.format()
        clock = SimulatedClock(seed: generator.next())
        store = SimulatedStore(
            seed: generator.next(),
            faults: faults,
            clock: clock,
            prepared: MarketDataCollections.all
        )
    }

    /// Runs processes side by side; answers for each whether it came to its end.
    func run(_ works: [(work: Work, operations: Int?)], seed: UInt64) -> [Bool] {
        var generator = SplitMix64(seed: seed)
        let scheduler = SimulatedScheduler(seed: generator.next())
        let results = Mutex<[Bool]>(Array(repeating: false, count: works.count))
        for (index, work) in works.enumerated() {
            let seed = generator.next()
            scheduler.start {
                let isDone = await self.run(work.work, operations: work.operations, seed: seed)
                results.withLock { $0[index] = isDone }
            }
        }
        scheduler.run()
        return results.withLock { $0 }
    }

    private func run(_ work: Work, operations: Int?, seed: UInt64) async -> Bool {
        let watched = WatchedStore(store, model: model, operations: operations)
        defer { found.withLock { $0 += watched.problems } }
        do {
            switch work {
            case .replay(let byteCount):
                let process = TapeProcess(store: watched, clock: clock, bytes: bytes, format: format, seed: seed)
                _ = try await process.run(TapeProcess.Order(byteCount: byteCount))
            case .finalize: try await CandleJudge.finalizeAll(store, finalizer(watched, seed))
            }
            return true
        } catch let error as StoreError where [.closed, .unavailable, .refused].contains(error.code) {
            return false
        } catch {
            found.withLock { $0.append("a run failed: \(error)") }
            return false
        }
    }

    private func finalizer(_ store: any DocumentStore, _ seed: UInt64) -> CandleFinalizer {
        var generator = SplitMix64(seed: seed)
        let ids = OperationIDs(process: UInt32(truncatingIfNeeded: generator.next()), start: generator.next())
        return CandleFinalizer(writer: writer(store), operationIDs: ids)
    }

    private func writer(_ store: any DocumentStore) -> VersionedWriter {
        VersionedWriter(store: store, policy: RetryPolicy(deadline: .seconds(8)), environment: clock.environment)
    }

    /// Replays until the whole tape is applied, and judges the bars, before and after they are made final.
    func finish(seed: UInt64) -> [String] {
        store.revive()
        var generator = SplitMix64(seed: seed)
        var attempts = 0
        while run([(.replay(byteCount: bytes.count), nil)], seed: generator.next()) == [false] {
            attempts += 1
            if attempts == Self.attemptsMax { return ["the tape was not applied in \(attempts) runs"] }
        }
        store.faults = FaultPlan()
        store.deliverLateChanges()
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start {
            let judge = CandleJudge(
                store: self.store,
                writer: self.writer(self.store),
                tape: self.tape,
                model: self.model
            )
            do {
                let problems = try await judge.problemsOfReading()
                self.found.withLock { $0 += problems }
            } catch {
                self.found.withLock { $0.append("what is stored cannot be read: \(error)") }
            }
        }
        scheduler.run()
        return found.withLock { $0 }
    }
}
