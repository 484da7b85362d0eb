import BSON
import DocumentStore
import MarketData
import Records
import SimulatedStore
import Synchronization
import TickStore

/// A store that looks after every operation whether the checkpoint is ahead of anything, and in which one process can
/// stop while others go on.
final class WatchedStore: DocumentStore {
    private struct State {
        var operationsLeft: Int?
        var seenVersion: Int64 = 0
        var problems: [String] = []
    }

    private static let stopped = StoreError(.closed, "the simulated process was killed")

    private let store: SimulatedStore
    private let model: TapeModel
    private let looksAtBars: Bool
    private let state: Mutex<State>

    /// Watches what one process does.
    ///
    /// `operations` is how many operations the process makes before it stops; nil for all. Bars are not looked at where
    /// retention deletes trades: a change that a bar has in part cannot be made anew then.
    init(_ store: SimulatedStore, model: TapeModel, operations: Int? = nil, looksAtBars: Bool = true) {
        self.store = store
        self.looksAtBars = looksAtBars
        self.model = model
        state = Mutex(State(operationsLeft: operations))
    }

    /// What was wrong after some operation.
    var problems: [String] { state.withLock { $0.problems } }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        guard isRunning() else { return .failed(Self.stopped) }
        let outcome = await store.attempt(change)
        look()
        return isKilled ? .unknown(Self.stopped) : outcome
    }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        guard isRunning() else { return changes.map { _ in .failed(Self.stopped) } }
        let outcomes = await store.attempt(changes)
        look()
        return isKilled ? changes.map { _ in .unknown(Self.stopped) } : outcomes
    }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        guard isRunning() else { return .failed(Self.stopped) }
        let outcome = await store.attemptTogether(changes)
        look()
        return isKilled ? .unknown(Self.stopped) : outcome
    }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        guard isRunning() else { throw Self.stopped }
        let documents = try await store.find(query)
        look()
        return documents
    }

    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int {
        guard isRunning() else { throw Self.stopped }
        return try await store.count(collection, where: conditions)
    }

    func moment() async throws(StoreError) -> StoreMoment {
        guard isRunning() else { throw Self.stopped }
        return try await store.moment()
    }

    func serverTime() async throws(StoreError) -> Int64 {
        guard isRunning() else { throw Self.stopped }
        return try await store.serverTime()
    }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        guard isRunning() else { throw Self.stopped }
        try await store.prepare(specification)
    }

    private func isRunning() -> Bool {
        state.withLock { state in
            guard let left = state.operationsLeft else { return true }
            state.operationsLeft = left - 1
            return left > 0
        }
    }

    private var isKilled: Bool { state.withLock { $0.operationsLeft == 0 } }

    /// Everything before the checkpoint's place must be in its bucket, among the rejects, or among the gaps.
    private func look() {
        guard let checkpoint = store.documents(in: CheckpointsCollection.name).first,
            let version = checkpoint[DocumentField.version]?.integer,
            let line = checkpoint[CheckpointsCollection.Field.nextLine]?.integer
        else { return }
        let isNew = state.withLock { state in
            defer { state.seenVersion = version }
            return state.seenVersion != version
        }
        guard isNew else { return }
        var applied: [String: Int64] = [:]
        for bucket in store.documents(in: MarketDataCollection.name) {
            typealias Field = MarketDataCollection.Field
            let symbol = bucket[Field.instrumentSymbol]?.string ?? ""
            // A segment says it of each window that is in it.
            let windows = (bucket[Field.windows]?.array ?? []).compactMap(\.document)
            for (start, document) in windows.map({ ($0["start"], $0) }) + [(bucket[Field.windowStart], bucket)] {
                if document == bucket, !windows.isEmpty { continue }
                let name = "\(symbol)|\(start?.integer ?? 0)"
                applied[name] = max(applied[name] ?? .min, document[Field.appliedThrough]?.integer ?? .min)
            }
        }
        var bars: [String: Int64] = [:]
        for candle in store.documents(in: CandlesCollection.name) {
            typealias Field = CandlesCollection.Field
            guard candle[Field.interval]?.string == CandleInterval.hour.name else { continue }
            let name = "\(candle[Field.instrumentSymbol]?.string ?? "")|\(candle[Field.start]?.integer ?? 0)"
            bars[name] = candle[Field.appliedThrough]?.integer
        }
        var problems: [String] = []
        for (bucket, position) in model.positions(before: line) {
            if applied[bucket] ?? .min < position {
                problems.append("the checkpoint is at line \(line), ahead of bucket \(bucket)")
            }
            if looksAtBars, model.kind == .trade, bars[bucket] ?? .min < position {
                problems.append("the checkpoint is at line \(line), ahead of the bar of hour \(bucket)")
            }
        }
        let rejects = store.documents(in: RejectsCollection.name)
        let rejected = Set(rejects.compactMap { $0[RejectsCollection.Field.position]?.integer })
        for place in model.rejects.keys where place < line {
            guard !rejected.contains(TapePosition(line: place, event: 0).rawValue) else { continue }
            problems.append("the checkpoint is at line \(line), ahead of the reject of line \(place)")
        }
        if !problems.isEmpty { state.withLock { $0.problems += problems.prefix(3) } }
    }
}
