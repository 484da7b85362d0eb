import DocumentStore
import Feeds
import Ingest
import SimulatedStore
import Synchronization
import TickStore

/// A tape and a store, and processes that replay the one into the other while everything goes wrong.
final class ReplaySimulation: Sendable {
    /// One process among those that run side by side.
    struct Participant: Sendable {
        var order: TapeProcess.Order
        /// After how many operations it is killed; nil where it may run to its end.
        var operations: Int?
        /// What it does in place of a replay.
        var job: Job?
        /// What it adds to documents, where it is a program that is newer by a minor addition.
        var adds: AddedFields?
    }

    /// What a process does that is no replay.
    enum Job: Sendable {
        case compaction(CompactionPolicy)
        /// Brings everything back that the archive has, and what it may take.
        case restoration(keep: Duration)
        /// Reads all symbols, and compares with what was stored before it began.
        case export(before: [String: [PlainEvent]])
        /// Raises the schema version of so many documents, as a newer program does that changes them.
        case raising(RaisedDocuments, count: Int)
    }

    /// A run is begun again so often; with the faults of these simulations a tenth would do.
    private static let attemptsMax = 60

    let tape: SimulatedTape
    let model: TapeModel
    let store: SimulatedStore
    let bytes: [UInt8]
    /// Where events go before they are deleted; nil where none are.
    let archive: SimulatedArchive?
    private let clock: SimulatedClock
    private let format: NDJSONFormat
    private let found = Mutex<[String]>([])

    init(
        _ tape: SimulatedTape,
        model: TapeModel,
        seed: UInt64,
        faults: FaultPlan = FaultPlan(),
        archive: SimulatedArchive? = nil
    ) throws {
        self.tape = tape
        self.model = model
        self.archive = archive
        bytes = tape.bytes
        format = try tape.format()
        var generator = SplitMix64(seed: seed)
        clock = SimulatedClock(seed: generator.next())
        store = SimulatedStore(
            seed: generator.next(),
            faults: faults,
            clock: clock,
            prepared: MarketDataCollections.all
        )
    }

    /// Moves the server's time on, to so many milliseconds since 1970.
    func advance(to time: Int64) {
        let now = SimulatedStore.timeAtStart + clock.now.milliseconds
        clock.advance(by: .milliseconds(max(0, time - now)))
    }

    /// What was wrong so far.
    var problems: [String] { found.withLock { $0 } }

    /// Runs processes side by side until each has ended, and answers how many events each stored; nil where it failed.
    func run(_ participants: [Participant], seed: UInt64, isWatched: Bool = false) -> [Int?] {
        var generator = SplitMix64(seed: seed)
        let scheduler = SimulatedScheduler(seed: generator.next())
        let results = Mutex<[Int?]>(Array(repeating: nil, count: participants.count))
        for (index, participant) in participants.enumerated() {
            let seed = generator.next()
            scheduler.start {
                let stored = await self.run(participant, seed: seed, isWatched: isWatched)
                results.withLock { $0[index] = stored }
            }
        }
        scheduler.run()
        return results.withLock { $0 }
    }

    private func run(_ participant: Participant, seed: UInt64, isWatched: Bool) async -> Int? {
        let isPlain = !isWatched && participant.operations == nil
        let watched = WatchedStore(
            store,
            model: model,
            operations: participant.operations,
            looksAtBars: archive == nil
        )
        let seen: any DocumentStore = isPlain ? store : watched
        let process = TapeProcess(
            store: participant.adds.map { NewerProgramStore(seen, $0) } ?? seen,
            clock: clock,
            bytes: bytes,
            format: format,
            seed: seed
        )
        defer { found.withLock { $0 += watched.problems } }
        do {
            if let job = participant.job {
                let store: any DocumentStore = participant.adds.map { NewerProgramStore(watched, $0) } ?? watched
                return try await run(job, on: store, seed: seed)
            }
            return try await process.run(participant.order)
        } catch let error as StoreError where error.code == .closed || error.isWorthWaitingFor {
            return nil
        } catch let error as StoreError where error.code == .refused && participant.order.byteCount != bytes.count {
            // A shorter tape has another beginning.
            return nil
        } catch {
            found.withLock { $0.append("a run failed: \(error)") }
            return nil
        }
    }

    private func run(_ job: Job, on store: any DocumentStore, seed: UInt64) async throws -> Int {
        var generator = SplitMix64(seed: seed)
        let deadline: Duration = generator.nextIndex(below: 3) == 0 ? .milliseconds(60) : .seconds(8)
        let policy = RetryPolicy(deadline: deadline)
        let writer = VersionedWriter(store: store, policy: policy, environment: clock.environment)
        switch job {
        case .compaction(let policy):
            let ids = OperationIDs(process: UInt32(truncatingIfNeeded: generator.next()), start: generator.next())
            let compactor = Compactor(writer: writer, operationIDs: ids, policy: policy, archive: archive)
            let report = try await compactor.run()
            found.withLock { $0 += report.findings.map { "compaction: \($0.bucket): \($0.problem)" } }
            return report.sealed
        case .restoration(let keep):
            let ids = OperationIDs(process: UInt32(truncatingIfNeeded: generator.next()), start: generator.next())
            let restorer = SegmentRestorer(writer: writer, operationIDs: ids, keep: keep)
            for (_, file) in (archive?.files ?? [:]).sorted(by: { $0.key < $1.key }) {
                _ = try await restorer.restore(ArchivedSegment(file: file))
            }
            return 0
        case .raising(let raised, let count):
            for _ in 0..<count { try await raised.raiseOne(writer, &generator) }
            return 0
        case .export(let before):
            let judge = Judge(store: self.store, tape: tape, model: model)
            for symbol in tape.symbols {
                let read = try await judge.read(symbol, writer)
                let problems = judge.problems(ofExport: read, symbol, before: before[symbol] ?? [])
                found.withLock { $0 += problems }
            }
            return 0
        }
    }

    /// What is stored at the moment, by symbol; nothing else happens meanwhile.
    func stored() -> [String: [PlainEvent]] {
        let result = Mutex<[String: [PlainEvent]]>([:])
        let faults = store.faults
        defer { store.faults = faults }
        store.faults = FaultPlan()
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start {
            let judge = Judge(store: self.store, tape: self.tape, model: self.model)
            let policy = RetryPolicy(deadline: .seconds(1))
            let writer = VersionedWriter(store: self.store, policy: policy, environment: self.clock.environment)
            for symbol in self.tape.symbols {
                do {
                    let read = try await judge.read(symbol, writer)
                    result.withLock { $0[symbol] = read }
                } catch {
                    self.found.withLock { $0.append("what is stored of \(symbol) cannot be read: \(error)") }
                }
            }
        }
        scheduler.run()
        return result.withLock { $0 }
    }

    /// The order to apply the whole tape.
    var wholeTape: TapeProcess.Order { TapeProcess.Order(byteCount: bytes.count) }

    /// Restarts until a run ends well, and judges what is stored then.
    func finish(seed: UInt64, isWatched: Bool = false) -> [String] {
        store.revive()
        var generator = SplitMix64(seed: seed)
        var attempts = 0
        while run([Participant(order: wholeTape)], seed: generator.next(), isWatched: isWatched) == [nil] {
            attempts += 1
            if attempts == Self.attemptsMax { return problems + ["the tape was not applied in \(attempts) runs"] }
        }
        judge()
        if generator.nextIndex(below: 4) == 0 { replayAgain(&generator) }
        return problems
    }

    /// Runs from the start, and up to some record, must find everything stored and leave everything as it is.
    private func replayAgain(_ generator: inout SplitMix64) {
        store.faults = FaultPlan()
        var order = wholeTape
        order.startsOver = true
        if run([Participant(order: order)], seed: generator.next()) != [0] {
            found.withLock { $0.append("a run from the start stored something") }
        }
        order = wholeTape
        order.limit = generator.nextIndex(below: 5)
        _ = run([Participant(order: order)], seed: generator.next())
        judge()
    }

    /// Brings back what was deleted: every document without events has them in the archive.
    func restoreAll() {
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start {
            let judge = Judge(store: self.store, tape: self.tape, model: self.model, archive: self.archive)
            let policy = RetryPolicy(deadline: .seconds(1))
            let writer = VersionedWriter(store: self.store, policy: policy, environment: self.clock.environment)
            let restorer = SegmentRestorer(writer: writer, operationIDs: OperationIDs(process: 1, start: 1 << 40))
            for tombstone in judge.tombstones {
                do {
                    guard let bytes = judge.file(of: tombstone).bytes else { continue }
                    let segment = try ArchivedSegment(file: bytes)
                    let outcome = try await restorer.restore(segment)
                    if outcome != .restored { self.found.withLock { $0.append("\(segment.id): \(outcome)") } }
                } catch {
                    self.found.withLock { $0.append("a file cannot be restored: \(error)") }
                }
            }
            if !judge.tombstones.isEmpty { self.found.withLock { $0.append("documents without events are left") } }
        }
        scheduler.run()
    }

    /// Judges what is stored.
    func judge(areBarsFinal: Bool = false) {
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start {
            var judge = Judge(store: self.store, tape: self.tape, model: self.model, archive: self.archive)
            judge.areBarsFinal = areBarsFinal
            do {
                let problems = try await judge.problems()
                self.found.withLock { $0 += problems }
            } catch {
                self.found.withLock { $0.append("what is stored cannot be read: \(error)") }
            }
        }
        scheduler.run()
    }
}
