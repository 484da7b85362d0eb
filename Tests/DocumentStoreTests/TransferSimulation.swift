import BSON
import DocumentStore
import SimulatedStore
import Synchronization

/// Several writers move amounts between accounts, merge and split accounts, together, while everything goes wrong.
///
/// All is decided by one seed. The amounts always have the same sum, unless a movement takes effect by half or twice.
/// At the end the store's own history judges every answer.
final class TransferSimulation: Sendable {
    private struct Movement {
        let operations: [ObjectID]
        let outcome: TogetherOutcome
    }

    private struct Ledger {
        var movements: [Movement] = []
        var nextOperation: UInt64 = 1
    }

    private static let accountCount = 5
    private static let amountEach: Int64 = 100

    private let seed: UInt64
    private let store: SimulatedStore
    private let clock: SimulatedClock
    private let ledger = Mutex(Ledger())

    init(seed: UInt64) {
        self.seed = seed
        var generator = SplitMix64(seed: seed)
        clock = SimulatedClock(seed: generator.next())
        store = SimulatedStore(seed: generator.next(), clock: clock)
    }

    /// Runs to the end; answers what was wrong, and nothing when all was right.
    func run() -> [String] {
        var generator = SplitMix64(seed: seed &+ 1)
        let faults = FaultPlan.all(generator.nextUnit() * 0.16)
        let scheduler = SimulatedScheduler(seed: generator.next())
        scheduler.start { await self.open() }
        scheduler.run()
        store.faults = faults
        store.crashAfter(1 + generator.nextIndex(below: 60), lastReplyLost: generator.nextIndex(below: 2) == 0)
        runProcess(seed: generator.next())
        store.revive()
        runProcess(seed: generator.next())
        store.deliverLateChanges()
        return HistoryChecker.violations(of: store.history) + judgeAnswers() + judgeSum()
    }

    var history: [AppliedChange] { store.history }

    /// How often each kind of outcome was answered.
    var outcomeCounts: [String: Int] {
        ledger.withLock { ledger in
            ledger.movements.reduce(into: [:]) { counts, movement in counts[movement.outcome.name, default: 0] += 1 }
        }
    }

    private func open() async {
        for _ in 0..<Self.accountCount { _ = await store.attempt(create(amount: Self.amountEach)) }
    }

    private func runProcess(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let scheduler = SimulatedScheduler(seed: generator.next())
        for _ in 0..<3 {
            let seed = generator.next()
            scheduler.start { await self.move(seed: seed) }
        }
        scheduler.run()
    }

    private func move(seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(6)),
            environment: clock.environment
        )
        for _ in 0..<4 {
            guard var accounts = try? await writer.find(DocumentQuery(Counters.collection, limit: 100)) else {
                continue
            }
            guard accounts.count > 1 else { return }
            let first = accounts.remove(at: generator.nextIndex(below: accounts.count))
            let second = accounts[generator.nextIndex(below: accounts.count)]
            let changes = movement(first, second, &generator)
            let outcome = await writer.applyTogether(changes)
            ledger.withLock { ledger in
                ledger.movements.append(Movement(operations: changes.map(\.operationID), outcome: outcome))
            }
        }
    }

    /// A change of two accounts that keeps their sum.
    private func movement(
        _ first: BSONDocument,
        _ second: BSONDocument,
        _ generator: inout SplitMix64
    ) -> [VersionedChange] {
        let share = Int64(generator.nextIndex(below: 50))
        switch generator.nextIndex(below: 5) {
        case 0, 1: return [update(first, adding: -share), update(second, adding: share)]
        case 2: return [delete(first), delete(second), create(amount: first.amount + second.amount)]
        case 3: return [delete(first), create(amount: first.amount - share), create(amount: share)]
        default: return [delete(first), update(second, adding: first.amount)]
        }
    }

    private func nextOperation() -> UInt64 {
        ledger.withLock { ledger in
            defer { ledger.nextOperation += 1 }
            return ledger.nextOperation
        }
    }

    /// An account with an id that no other one ever has.
    private func create(amount: Int64) -> VersionedChange {
        let operation = nextOperation()
        return Counters.create("account \(operation)", operation: operation, value: amount)
    }

    private func update(_ account: BSONDocument, adding amount: Int64) -> VersionedChange {
        Counters.update(
            account.name,
            expecting: account.version,
            operation: nextOperation(),
            value: account.amount + amount
        )
    }

    private func delete(_ account: BSONDocument) -> VersionedChange {
        Counters.delete(account.name, expecting: account.version, operation: nextOperation())
    }

    private func judgeAnswers() -> [String] {
        let places = store.history.enumerated().reduce(into: [ObjectID: [Int]]()) { places, entry in
            places[entry.element.operationID, default: []].append(entry.offset)
        }
        return ledger.withLock(\.movements).flatMap { movement -> [String] in
            let found = movement.operations.map { places[$0] ?? [] }
            let isAbsent = found.allSatisfy(\.isEmpty)
            // All of them, one behind the other.
            let start = found.first?.first ?? 0
            let isWhole = found == movement.operations.indices.map { [start + $0] }
            let isRight =
                switch movement.outcome {
                case .applied: isWhole
                case .conflict, .failed: isAbsent
                case .unknown: isAbsent || isWhole
                }
            return isRight ? [] : ["\(movement.operations) answered \(movement.outcome.name), was at \(found)"]
        }
    }

    private func judgeSum() -> [String] {
        let sum = store.documents(in: Counters.collection).reduce(0) { $0 + $1.amount }
        let expected = Int64(Self.accountCount) * Self.amountEach
        return sum == expected ? [] : ["the accounts hold \(sum), not \(expected)"]
    }
}

extension BSONDocument {
    fileprivate var name: String { self[DocumentField.id]?.string ?? "" }
    fileprivate var version: Int64 { self[DocumentField.version]?.integer ?? 0 }
    fileprivate var amount: Int64 { self["value"]?.integer ?? 0 }
}
