import BSON
import DocumentStore
import SimulatedStore
import Synchronization

/// Several writers increment shared counters while everything goes wrong, all decided by one seed.
///
/// Each writer reads, decides, and applies with the version that it read. A process of writers may stop at any
/// operation; another one goes on after it. At the end the store's own history judges every answer.
final class IncrementSimulation: Sendable {
    private struct Ledger {
        var outcomes: [ObjectID: ChangeOutcome] = [:]
        var nextOperation: UInt64 = 1
    }

    private static let counters = ["a", "b", "c"]

    private let seed: UInt64
    private let store: SimulatedStore
    private let clock: SimulatedClock
    private let ledger = Mutex(Ledger())

    init(seed: UInt64) {
        self.seed = seed
        var generator = SplitMix64(seed: seed)
        clock = SimulatedClock(seed: generator.next())
        store = SimulatedStore(
            seed: generator.next(),
            faults: .all(generator.nextUnit() * 0.16),
            clock: clock
        )
    }

    /// Runs to the end; answers what was wrong, and nothing when all was right.
    func run() -> [String] {
        var generator = SplitMix64(seed: seed &+ 1)
        store.crashAfter(1 + generator.nextIndex(below: 40), lastReplyLost: generator.nextIndex(below: 2) == 0)
        runProcess(seed: generator.next())
        store.revive()
        runProcess(seed: generator.next())
        store.deliverLateChanges()
        return HistoryChecker.violations(of: store.history) + judgeAnswers() + judgeCounters()
    }

    var history: [AppliedChange] { store.history }

    /// How often each kind of outcome was answered.
    var outcomeCounts: [String: Int] {
        ledger.withLock { ledger in
            ledger.outcomes.values.reduce(into: [:]) { counts, outcome in counts[outcome.name, default: 0] += 1 }
        }
    }

    private func runProcess(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let scheduler = SimulatedScheduler(seed: generator.next())
        for _ in 0..<3 {
            let seed = generator.next()
            scheduler.start { await self.write(seed: seed) }
        }
        scheduler.run()
    }

    private func write(seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(6)),
            environment: clock.environment
        )
        for _ in 0..<4 {
            let first = generator.nextIndex(below: Self.counters.count)
            let ids = Self.counters[first...].prefix(1 + generator.nextIndex(below: 3))
            guard let documents = try? await writer.find(query(for: Array(ids))) else { continue }
            let changes = ids.map { id in increment(id, documents.first { $0[DocumentField.id] == .string(id) }) }
            let outcomes = await writer.apply(changes)
            ledger.withLock { ledger in
                for (change, outcome) in zip(changes, outcomes) { ledger.outcomes[change.operationID] = outcome }
            }
        }
    }

    private func query(for ids: [String]) -> DocumentQuery {
        DocumentQuery(
            Counters.collection,
            where: [.isIn(DocumentField.id, ids.map { .string($0) })],
            limit: ids.count
        )
    }

    private func increment(_ id: String, _ current: BSONDocument?) -> VersionedChange {
        let operation = ledger.withLock { ledger in
            defer { ledger.nextOperation += 1 }
            return ledger.nextOperation
        }
        guard let current else { return Counters.create(id, operation: operation, value: 1) }
        return Counters.update(
            id,
            expecting: current[DocumentField.version]?.integer ?? 0,
            operation: operation,
            value: (current["value"]?.integer ?? 0) + 1
        )
    }

    private func judgeAnswers() -> [String] {
        let applied = Dictionary(grouping: store.history, by: \.operationID)
        return ledger.withLock(\.outcomes).sorted { $0.key.low < $1.key.low }.compactMap { operation, outcome in
            let versions = (applied[operation] ?? []).map(\.version)
            switch outcome {
            case .applied(let version, _):
                return versions == [version] ? nil : "\(operation) answered applied \(version), was \(versions)"
            case .conflict, .notFound, .failed:
                return versions.isEmpty ? nil : "\(operation) answered \(outcome.name), yet was applied as \(versions)"
            case .unknown:
                return versions.count <= 1 ? nil : "\(operation) was applied as \(versions)"
            }
        }
    }

    private func judgeCounters() -> [String] {
        let outcomes = ledger.withLock(\.outcomes).values
        let acknowledged = outcomes.count { $0.name == "applied" }
        let doubtful = outcomes.count { $0.name == "unknown" }
        let documents = store.documents(in: Counters.collection)
        let sum = documents.reduce(0) { $0 + Int($1["value"]?.integer ?? 0) }
        var problems: [String] = []
        if sum < acknowledged || sum > acknowledged + doubtful {
            problems.append("counters sum to \(sum), \(acknowledged) acknowledged and \(doubtful) in doubt")
        }
        for document in documents where document["value"] != document[DocumentField.version] {
            problems.append("a counter differs from its version")
        }
        return problems
    }
}

extension ChangeOutcome {
    var name: String {
        switch self {
        case .applied: "applied"
        case .conflict: "conflict"
        case .notFound: "notFound"
        case .failed: "failed"
        case .unknown: "unknown"
        }
    }
}
