import BSON
import DocumentStore
import SimulatedStore
import Synchronization
import TestSupport

/// Several writers create, change, delete and read the same few documents while everything goes wrong, all decided by
/// one seed; the history of what they were told has to be linearizable.
final class LinearizabilitySimulation: Sendable {
    private static let names = ["a", "b"]

    private let seed: UInt64
    private let store: SimulatedStore
    private let clock: SimulatedClock
    /// How many documents each name has had: the id of a deleted one is not used anew.
    private let generations = Mutex(LinearizabilitySimulation.names.map { _ in 0 })
    let history = OperationHistory()

    init(seed: UInt64) {
        self.seed = seed
        var generator = SplitMix64(seed: seed)
        clock = SimulatedClock(seed: generator.next())
        let seed = generator.next()
        var faults = FaultPlan.all(generator.nextUnit() * 0.16)
        faults.writeConcernError /= 2
        faults.rolledBack = faults.writeConcernError
        store = SimulatedStore(seed: seed, faults: faults, clock: clock)
    }

    /// Runs to the end; answers what was wrong, and nothing when all was right.
    func run() -> [String] {
        var generator = SplitMix64(seed: seed &+ 1)
        let scheduler = SimulatedScheduler(seed: generator.next())
        for writer in 0..<4 {
            let seed = generator.next()
            scheduler.start { await self.write(number: UInt64(writer), seed: seed) }
        }
        scheduler.run()
        // What arrives late is part of the history, and is seen by these.
        store.deliverLateChanges()
        store.faults = FaultPlan()
        let last = SimulatedScheduler(seed: 1)
        last.start { _ = try? await self.look(self.writer()) }
        last.run()
        return history.violations()
    }

    private func writer() -> VersionedWriter {
        VersionedWriter(store: store, policy: RetryPolicy(deadline: .seconds(6)), environment: clock.environment)
    }

    private var ids: [String] {
        generations.withLock { generations in zip(Self.names, generations).map { "\($0)\($1)" } }
    }

    private func look(_ writer: VersionedWriter) async throws(StoreError) -> [BSONDocument] {
        let ids = ids.map { BSONValue.string($0) }
        let query = DocumentQuery(Counters.collection, where: [.isIn(DocumentField.id, ids)], limit: ids.count)
        return try await history.find(ids, query, with: writer)
    }

    private func write(number: UInt64, seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        let writer = writer()
        for round: UInt64 in 0..<6 {
            guard let documents = try? await look(writer) else { continue }
            let first = generator.nextIndex(below: Self.names.count)
            let ids = ids[first...].prefix(1 + generator.nextIndex(below: 2))
            let changes = ids.enumerated().map { place, id in
                change(
                    id,
                    documents.first { $0[DocumentField.id] == .string(id) },
                    operation: number * 1_000 + round * 10 + UInt64(place) + 1,
                    &generator
                )
            }
            let outcomes = await history.apply(changes, with: writer)
            for (place, (change, outcome)) in zip(first..., zip(changes, outcomes)) {
                guard case .delete = change.action, case .applied = outcome else { continue }
                generations.withLock { generations in
                    let present = "\(Self.names[place])\(generations[place])"
                    if change.key.id == .string(present) { generations[place] += 1 }
                }
            }
        }
    }

    private func change(
        _ id: String,
        _ current: BSONDocument?,
        operation: UInt64,
        _ generator: inout SplitMix64
    ) -> VersionedChange {
        guard let version = current?[DocumentField.version]?.integer else {
            return Counters.create(id, operation: operation)
        }
        let chance = generator.nextIndex(below: 12)
        // Some are decided on what is long gone, or never was.
        let expected = chance == 0 ? version + 1 : chance == 1 ? max(1, version - 1) : version
        if chance == 2 { return Counters.create(id, operation: operation) }
        return Counters.update(id, expecting: expected, operation: operation, value: expected)
    }
}
