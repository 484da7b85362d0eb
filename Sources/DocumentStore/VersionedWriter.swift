public import BSON
private import Synchronization

/// The rules of optimistic concurrency, once for all documents and all stores.
///
/// - An attempt that certainly did nothing for a passing reason is repeated, with full jitter, until the deadline.
/// - An attempt whose outcome is unknown is resolved by reading the document back and looking for the operation
///   id. Only if the version is still the expected one is the change attempted again: all attempts expect the
///   same version, so at most one of them, however late it arrives, takes effect.
/// - An attempt that was made and that no majority confirmed is in doubt as well: a failover may undo it. Reads see
///   what a majority has, so they settle that, too.
/// - A doubt stays until a read settles it, because the request may still be under way: then neither a missing
///   document nor one that moved on by more than one version tells whether the change was part of that.
/// - A version that moved on is a conflict for the caller, never something to retry here: whoever decided on
///   the older document must decide again.
///
/// Safe to use from any task.
public final class VersionedWriter: Sendable {
    let store: any DocumentStore
    let policy: RetryPolicy
    let environment: RetryEnvironment
    /// The epoch of the lease under which changes are made; nil where they need none.
    private let epoch: Int64?
    private let counts: Counts

    /// What was counted, by a writer and those that were made of it.
    private final class Counts: Sendable {
        let statistics = Mutex(ChangeStatistics())
    }

    public convenience init(store: any DocumentStore, policy: RetryPolicy, environment: RetryEnvironment) {
        self.init(store, policy, environment, epoch: nil, Counts())
    }

    private init(
        _ store: any DocumentStore,
        _ policy: RetryPolicy,
        _ environment: RetryEnvironment,
        epoch: Int64?,
        _ counts: Counts
    ) {
        self.store = store
        self.policy = policy
        self.environment = environment
        self.epoch = epoch
        self.counts = counts
    }

    /// A writer of the same store whose changes are made under a lease.
    ///
    /// Each of them carries the epoch, and one of a document that was written under a later lease fails with an error
    /// of code `fenced`: nothing of that document is changed then, whatever its version. That is the fencing token of
    /// M. Kleppmann, "How to do distributed locking", 2016. Changes that take effect together are not fenced.
    public func fenced(by epoch: Int64) -> VersionedWriter {
        VersionedWriter(store, policy, environment, epoch: epoch, counts)
    }

    public var statistics: ChangeStatistics { counts.statistics.withLock { $0 } }

    func count(_ change: (inout ChangeStatistics) -> Void) {
        counts.statistics.withLock { change(&$0) }
    }

    /// Applies one change.
    public func apply(_ change: VersionedChange) async -> ChangeOutcome {
        await apply([change])[0]
    }

    /// Applies changes of distinct documents, each for itself; outcomes are in the order of the changes.
    ///
    /// One change goes as a findAndModify, several go as an unordered bulk.
    public func apply(_ changes: [VersionedChange]) async -> [ChangeOutcome] {
        guard !changes.isEmpty else { return [] }
        return await settle(fenced(changes)) { changes in
            changes.count == 1 ? [await self.store.attempt(changes[0])] : await self.store.attempt(changes)
        }
    }

    private func fenced(_ changes: [VersionedChange]) -> [VersionedChange] {
        guard let epoch else { return changes }
        return changes.map { change in
            var change = change
            change.epoch = epoch
            return change
        }
    }

    /// Reads the document that a change is about, as it is now.
    ///
    /// - Throws: `StoreError`.
    public func current(_ change: VersionedChange) async throws(StoreError) -> BSONDocument? {
        try await find(change.currentDocumentQuery).first
    }

    /// Reads with the same patience as a change.
    public func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        try await patiently { () throws(StoreError) in try await self.store.find(query) }
    }

    /// Asks for the server's time with the same patience as a change; see `DocumentStore.serverTime`.
    public func serverTime() async throws(StoreError) -> Int64 {
        try await patiently { () throws(StoreError) in try await self.store.serverTime() }
    }

    /// Asks for the present moment with the same patience as a change; see `DocumentStore.moment`.
    ///
    /// Nil for a store that keeps no history: it has no earlier state, either.
    public func moment() async throws(StoreError) -> StoreMoment? {
        do throws(StoreError) {
            return try await patiently { () throws(StoreError) in try await self.store.moment() }
        } catch {
            guard error.code == .unsupported else { throw error }
            return nil
        }
    }

    /// Repeats what fails for a passing reason, until the deadline.
    ///
    /// What is repeated must do no harm when it was done before.
    package func patiently<Value>(_ read: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        let deadline = environment.now() + policy.deadline
        var attempt = 0
        while true {
            do throws(StoreError) {
                return try await read()
            } catch {
                attempt += 1
                guard error.isTransient, await pause(beforeAttempt: attempt, until: deadline) else { throw error }
            }
        }
    }
}

extension VersionedWriter {
    private func settle(
        _ changes: [VersionedChange],
        attempt: ([VersionedChange]) async -> [AttemptOutcome]
    ) async -> [ChangeOutcome] {
        let deadline = environment.now() + policy.deadline
        var outcomes = [ChangeOutcome?](repeating: nil, count: changes.count)
        var open = Array(changes.indices)
        var inDoubt = Set<Int>()
        var round = 0
        while true {
            round += 1
            let results = await attempt(open.map { changes[$0] })
            count { $0.attempts += open.count }
            var failures: [Int: StoreError] = [:]
            var hopeless = Set<Int>()
            for (index, result) in zip(open, results) {
                switch result {
                case .applied(.confirmed):
                    outcomes[index] = .applied(version: changes[index].resultingVersion, durability: .confirmed)
                case .applied(.unconfirmed(let reason)):
                    inDoubt.insert(index)
                    failures[index] = StoreError(.unavailable, reason)
                case .failed(let error) where !error.isTransient && !inDoubt.contains(index):
                    outcomes[index] = .failed(error)
                case .failed(let error):
                    failures[index] = error
                    if !error.isTransient { hopeless.insert(index) }
                case .notApplied:
                    break
                case .unknown(let error):
                    inDoubt.insert(index)
                    failures[index] = error
                }
            }
            open = open.filter { outcomes[$0] == nil }
            // What certainly did nothing, now or before, needs no read: it is simply attempted again.
            let toRead = open.filter { failures[$0] == nil || inDoubt.contains($0) }
            await readBack(toRead, changes, inDoubt, &outcomes, &failures)
            open = open.filter { outcomes[$0] == nil }
            // What is refused now may have been made before, and stays in doubt: waiting does not help.
            giveUp(open.filter { hopeless.contains($0) || failures[$0]?.code == .closed }, failures, inDoubt, &outcomes)
            open = open.filter { outcomes[$0] == nil }
            if open.isEmpty { break }
            guard await pause(beforeAttempt: round, until: deadline) else {
                giveUp(open, failures, inDoubt, &outcomes)
                break
            }
            count { $0.retries += open.count }
        }
        return outcomes.map { $0 ?? .unknown(StoreError(.closed, "the change was not attempted")) }
    }

    /// Reads the current documents and settles what they settle; the rest stays open for another attempt.
    ///
    /// Many documents are read with few queries, and a store that does not answer is not asked for the others: the
    /// deadline must not be overrun by as many waits as there are changes.
    private func readBack(
        _ indexes: [Int],
        _ changes: [VersionedChange],
        _ inDoubt: Set<Int>,
        _ outcomes: inout [ChangeOutcome?],
        _ failures: inout [Int: StoreError]
    ) async {
        var unread = indexes[...]
        while let first = unread.first {
            let alike = unread.prefix { changes[$0].isReadLike(changes[first]) }.prefix(Self.documentsPerRead)
            do throws(StoreError) {
                let current = try await currentDocuments(alike.map { changes[$0] })
                for (index, document) in zip(alike, current) {
                    settle(index, changes[index], seeing: document, inDoubt.contains(index), &outcomes)
                }
            } catch {
                for index in unread { failures[index] = error }
                return
            }
            unread = unread.dropFirst(alike.count)
        }
    }

    private static let documentsPerRead = 500

    private func settle(
        _ index: Int,
        _ change: VersionedChange,
        seeing current: BSONDocument?,
        _ wasInDoubt: Bool,
        _ outcomes: inout [ChangeOutcome?]
    ) {
        let outcome = change.outcome(seeing: current, afterDoubt: wasInDoubt)
        outcomes[index] = outcome
        count { counts in
            switch outcome {
            case nil, .unknown: return
            case .conflict: counts.conflicts += 1
            case .failed: counts.fenced += 1
            default: break
            }
            if wasInDoubt { counts.resolved += 1 }
        }
    }

    /// The documents of changes that are read alike, in their order; nil for those that are not there.
    private func currentDocuments(_ changes: [VersionedChange]) async throws(StoreError) -> [BSONDocument?] {
        guard changes.count > 1 else { return [try await store.find(changes[0].currentDocumentQuery).first] }
        var query = changes[0].currentDocumentQuery
        query.conditions = [.isIn(DocumentField.id, changes.map(\.key.id))]
        if let field = changes[0].key.shardKey?.field {
            query.conditions.append(.isIn(field, changes.compactMap(\.key.shardKey?.value)))
        }
        query.limit = changes.count
        var found: [BSONDocument: BSONDocument] = [:]
        for document in try await store.find(query) {
            guard let id = document[DocumentField.id] else { continue }
            found[[DocumentField.id: id]] = document
        }
        return changes.map { found[[DocumentField.id: $0.key.id]] }
    }

    private func giveUp(
        _ open: [Int],
        _ failures: [Int: StoreError],
        _ inDoubt: Set<Int>,
        _ outcomes: inout [ChangeOutcome?]
    ) {
        for index in open {
            let error = failures[index] ?? StoreError(.unavailable, "MongoDB did not answer within the deadline")
            outcomes[index] = inDoubt.contains(index) ? .unknown(error) : .failed(error)
        }
    }

    /// Pauses, or answers false when the deadline would pass or the task was cancelled meanwhile.
    func pause(beforeAttempt attempt: Int, until deadline: Duration) async -> Bool {
        let pause = policy.pause(beforeAttempt: attempt, random: environment.random())
        guard environment.now() + pause < deadline else { return false }
        do {
            try await environment.sleep(pause)
            return environment.now() < deadline
        } catch {
            return false
        }
    }
}

extension VersionedChange {
    /// Whether one query can read the documents of both changes.
    func isReadLike(_ other: VersionedChange) -> Bool {
        key.collection == other.key.collection && key.shardKey?.field == other.key.shardKey?.field
            && conflictExcludes == other.conflictExcludes
    }

    /// The read that tells what became of the change.
    var currentDocumentQuery: DocumentQuery {
        var conditions: [DocumentQuery.Condition] = [.equals(DocumentField.id, key.id)]
        if let shardKey = key.shardKey {
            conditions.append(.equals(shardKey.field, shardKey.value))
        }
        return DocumentQuery(
            key.collection,
            where: conditions,
            fields: conflictExcludes.isEmpty ? .all : .excluding(conflictExcludes),
            limit: 1
        )
    }

    /// What the current document says about the change; nil where it may be attempted again.
    func outcome(seeing current: BSONDocument?, afterDoubt: Bool) -> ChangeOutcome? {
        guard let current else {
            switch action {
            case .create: return nil
            case .update: return afterDoubt ? .unknown(Self.hiddenByLater) : .notFound
            case .delete: return afterDoubt ? .applied(version: resultingVersion, durability: .confirmed) : .notFound
            }
        }
        if current[DocumentField.lastOperationID]?.objectID == operationID {
            return .applied(version: resultingVersion, durability: .confirmed)
        }
        if let epoch, let later = current[DocumentField.epoch]?.integer, later > epoch {
            let error = Self.fenced(by: later, epoch)
            return afterDoubt ? .unknown(error) : .failed(error)
        }
        let version = current[DocumentField.version]?.integer
        switch action {
        case .update(let expected, _) where version == expected: return nil
        case .delete(let expected) where version == expected: return nil
        // A request that is under way may find the version later that is not there yet.
        case .update(let expected, _), .delete(let expected):
            if afterDoubt, let version, version < expected { return .unknown(Self.hiddenByLater) }
        case .create: break
        }
        // Another operation made this version. Where it is a later one than this change makes, nothing tells anymore
        // who made that one. A delete leaves no document, so it was not made.
        if case .delete = action { return .conflict(current: current) }
        let mayHide = afterDoubt && version.map { $0 > resultingVersion } ?? true
        return mayHide ? .unknown(Self.hiddenByLater) : .conflict(current: current)
    }

    private static func fenced(by later: Int64, _ epoch: Int64) -> StoreError {
        StoreError(.fenced, "the document was written under lease \(later), this change is of lease \(epoch)")
    }

    private static var hiddenByLater: StoreError {
        StoreError(.unavailable, "later changes hide whether this one was made; read the document and decide again")
    }
}
