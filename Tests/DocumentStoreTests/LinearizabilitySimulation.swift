import BSON
import DocumentStore
import SimulatedStore
import Synchronization
import TestSupport

/// Several writers create, change, delete and read the same few documents while everything goes wrong, all decided by
/// one seed; the history of what they were told has to be linearizable.
final class LinearizabilitySimulation: Sendable {
    private static let names = ["a", "b"]
    private static let rounds: UInt64 = 6
    private static let writers: UInt64 = 4

    private let seed: UInt64
    private let isDeleting: Bool
    private let store: SimulatedStore
    private let clock: SimulatedClock
    /// How many documents each name has had: the id of a deleted one is not used anew.
    private let generations = Mutex(LinearizabilitySimulation.names.map { _ in 0 })
    let history = OperationHistory()

    /// - Parameter isDeleting: whether documents are deleted as well; nobody creates any then, they are all there from
    ///   the beginning: a create that arrives late makes anew what was deleted, and no version tells the two apart.
    init(seed: UInt64, isDeleting: Bool = false) {
        self.seed = seed
        self.isDeleting = isDeleting
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
        if isDeleting { createAll() }
        let scheduler = SimulatedScheduler(seed: generator.next())
        for writer in 0..<Self.writers {
            let seed = generator.next()
            scheduler.start { await self.write(number: writer, seed: seed) }
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

    /// Creates as many documents of each name as can be deleted, while nothing goes wrong.
    private func createAll() {
        let faults = store.faults
        store.faults = FaultPlan()
        let changes = (0...Self.writers * Self.rounds).flatMap { generation in
            Self.names.enumerated().map { place, name in
                Counters.create("\(name)\(generation)", operation: 1_000_000 + generation * 10 + UInt64(place))
            }
        }
        let scheduler = SimulatedScheduler(seed: seed)
        scheduler.start { _ = await self.history.apply(changes, with: self.writer()) }
        scheduler.run()
        store.faults = faults
    }

    private func writer() -> VersionedWriter {
        VersionedWriter(store: store, policy: RetryPolicy(deadline: .seconds(6)), environment: clock.environment)
    }

    private var present: [String] {
        generations.withLock { generations in zip(Self.names, generations).map { "\($0)\($1)" } }
    }

    /// What was left behind last: it is not to come back.
    private var past: [String] {
        generations.withLock { generations in
            zip(Self.names, generations).filter { $1 > 0 }.map { "\($0)\($1 - 1)" }
        }
    }

    private func look(_ writer: VersionedWriter) async throws(StoreError) -> [BSONDocument] {
        let ids = (present + past).map { BSONValue.string($0) }
        let query = DocumentQuery(Counters.collection, where: [.isIn(DocumentField.id, ids)], limit: ids.count)
        return try await history.find(ids, query, with: writer)
    }

    private func write(number: UInt64, seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        let writer = writer()
        for round in 0..<Self.rounds {
            guard let documents = try? await look(writer) else { continue }
            let first = generator.nextIndex(below: Self.names.count)
            let ids = present[first...].prefix(1 + generator.nextIndex(below: 2))
            let changes = ids.enumerated().compactMap { place, id in
                change(
                    id,
                    documents.first { $0[DocumentField.id] == .string(id) },
                    operation: number * 1_000 + round * 10 + UInt64(place) + 1,
                    &generator
                )
            }
            let outcomes = await history.apply(changes, with: writer)
            for (change, outcome) in zip(changes, outcomes) {
                if case .delete = change.action, case .applied = outcome { leaveBehind(change.key.id) }
            }
        }
    }

    /// Goes on with the next document of the name, where nobody did yet.
    private func leaveBehind(_ id: BSONValue) {
        generations.withLock { generations in
            for (place, name) in Self.names.enumerated() where id == .string("\(name)\(generations[place])") {
                generations[place] += 1
            }
        }
    }

    private func change(
        _ id: String,
        _ current: BSONDocument?,
        operation: UInt64,
        _ generator: inout SplitMix64
    ) -> VersionedChange? {
        guard let version = current?[DocumentField.version]?.integer else {
            guard isDeleting else { return Counters.create(id, operation: operation) }
            // Perhaps nobody was told that it is deleted, but it is gone.
            leaveBehind(.string(id))
            return nil
        }
        let chance = generator.nextIndex(below: 12)
        // Some are decided on what is long gone, or never was.
        let expected = chance == 0 ? version + 1 : chance == 1 ? max(1, version - 1) : version
        if chance == 2, !isDeleting { return Counters.create(id, operation: operation) }
        if isDeleting, chance > 7 {
            return Counters.delete(id, expecting: min(expected, version), operation: operation)
        }
        return Counters.update(id, expecting: expected, operation: operation, value: expected)
    }
}
