import BSON
import DocumentStore

/// Everything behind the lock of a simulated store.
struct SimulatedState {
    struct Crash {
        var operationsLeft: Int
        let lastReplyLost: Bool
    }

    struct LateRequest {
        /// The number of the operation before which the request arrives.
        let due: Int
        /// One change, or those that take effect together.
        let changes: [VersionedChange]
    }

    /// How an operation gets through.
    private enum Admission {
        case served
        case replyLost
        case refused
    }

    private static let closed = StoreError(.closed, "the simulated process stopped")
    private static let silence = StoreError(.unavailable, "the simulated server did not answer")
    private static let unreachable = StoreError(.unavailable, "no simulated server can be written to")

    var faults: FaultPlan
    var injectedAttempts: [AttemptFault] = []
    var injectedReads: [ReadFault] = []
    var crash: Crash?
    private(set) var collections: [String: SimulatedCollection]
    /// What was stored at the moments that somebody asked for.
    private var moments: [[String: SimulatedCollection]] = []
    private(set) var operationCount = 0
    private(set) var history: [AppliedChange] = []
    private(set) var late: [LateRequest] = []
    private var generator: SplitMix64
    private let clock: SimulatedClock

    init(seed: UInt64, faults: FaultPlan, clock: SimulatedClock, prepared: [CollectionSpecification]) {
        collections = Dictionary(uniqueKeysWithValues: prepared.map { ($0.name, SimulatedCollection($0)) })
        self.faults = faults
        self.clock = clock
        generator = SplitMix64(seed: seed)
    }

    mutating func attempt(_ changes: [VersionedChange], isBulk: Bool) -> [AttemptOutcome] {
        Self.checkDistinct(changes)
        switch admit() {
        case .refused:
            return changes.map { _ in .failed(Self.closed) }
        case .replyLost:
            for change in changes { _ = apply([change]) }
            return changes.map { _ in .unknown(Self.closed) }
        case .served:
            passTime()
        }
        let fault = nextAttemptFault(isBulk: isBulk)
        if fault == .bulkInDoubt { return attemptInDoubt(changes) }
        return changes.map { attempt([$0], fault) }
    }

    mutating func attemptTogether(_ changes: [VersionedChange]) -> AttemptOutcome {
        VersionedChange.checkTogether(changes)
        switch admit() {
        case .refused:
            return .failed(Self.closed)
        case .replyLost:
            _ = apply(changes)
            return .unknown(Self.closed)
        case .served:
            passTime()
        }
        return attempt(changes, nextAttemptFault(isBulk: false))
    }

    mutating func read<Value>(
        _ body: ([String: SimulatedCollection]) -> Value
    ) -> Result<Value, StoreError> {
        guard admit() == .served else { return .failure(Self.closed) }
        passTime()
        let unit = generator.nextUnit()
        let fault =
            injectedReads.isEmpty
            ? (unit < faults.readUnavailable ? .unavailable : .none) : injectedReads.removeFirst()
        return fault == .none ? .success(body(collections)) : .failure(Self.unreachable)
    }

    /// Remembers what is stored, for reads of this moment.
    mutating func moment() -> Result<StoreMoment, StoreError> {
        let present = read { $0 }
        return present.map { collections in
            moments.append(collections)
            return StoreMoment(UInt64(moments.count - 1))
        }
    }

    /// What is stored, or was at a moment.
    mutating func read<Value>(
        at moment: StoreMoment?,
        _ body: ([String: SimulatedCollection]) -> Value
    ) -> Result<Value, StoreError> {
        guard let moment else { return read(body) }
        let past = moments[Int(moment.value)]
        return read { _ in body(past) }
    }

    mutating func prepare(_ specification: CollectionSpecification) -> Result<Void, StoreError> {
        let admission = admit()
        guard admission != .refused else { return .failure(Self.closed) }
        passTime()
        if generator.nextUnit() < faults.unavailable { return .failure(Self.unreachable) }
        do throws(StoreError) {
            try collections[specification.name, default: SimulatedCollection()].prepare(specification)
        } catch {
            return .failure(error)
        }
        return admission == .served ? .success(()) : .failure(Self.closed)
    }

    /// Lets the requests arrive that are due: each applies if the version that it expects is still there.
    mutating func deliverLate(dueBy operation: Int) {
        let arriving = late.filter { $0.due <= operation }
        late.removeAll { $0.due <= operation }
        for request in arriving { _ = apply(request.changes, isLate: true) }
    }
}

extension SimulatedState {
    private mutating func admit() -> Admission {
        guard crash?.operationsLeft != 0 else { return .refused }
        operationCount += 1
        deliverLate(dueBy: operationCount)
        guard let crash else { return .served }
        self.crash?.operationsLeft -= 1
        return crash.operationsLeft == 1 && crash.lastReplyLost ? .replyLost : .served
    }

    private mutating func passTime() {
        let unit = generator.nextUnit()
        let share = generator.nextUnit()
        if unit < faults.slow { clock.advance(by: faults.slowMax * share) }
    }

    private mutating func nextAttemptFault(isBulk: Bool) -> AttemptFault {
        let unit = generator.nextUnit()
        return injectedAttempts.isEmpty
            ? faults.attemptFault(at: unit, isBulk: isBulk) : injectedAttempts.removeFirst()
    }

    /// Attempts one change, or several that take effect together.
    private mutating func attempt(_ changes: [VersionedChange], _ fault: AttemptFault) -> AttemptOutcome {
        switch fault {
        case .none, .bulkInDoubt:
            return apply(changes)
        case .lostRequest:
            return .unknown(Self.silence)
        case .lostReply:
            _ = apply(changes)
            return .unknown(Self.silence)
        case .lateApply:
            let delay = 1 + generator.nextIndex(below: faults.lateOperationsMax)
            late.append(LateRequest(due: operationCount + delay, changes: changes))
            return .unknown(Self.silence)
        case .unavailable:
            return .failed(Self.unreachable)
        case .writeConcernError:
            let outcome = apply(changes)
            guard case .applied = outcome else { return outcome }
            return Self.unconfirmed
        case .rolledBack:
            let (before, historyBefore) = (collections, history.count)
            let outcome = apply(changes)
            guard case .applied = outcome else { return outcome }
            collections = before
            history.removeSubrange(historyBefore...)
            return Self.unconfirmed
        }
    }

    private static let unconfirmed = AttemptOutcome.applied(
        .unconfirmed(reason: "the simulated majority did not confirm in time")
    )

    /// One change at least is in doubt; whether it was made is another question.
    private mutating func attemptInDoubt(_ changes: [VersionedChange]) -> [AttemptOutcome] {
        guard !changes.isEmpty else { return [] }
        let doubtful = generator.nextIndex(below: changes.count)
        var outcomes: [AttemptOutcome] = []
        for (index, change) in changes.enumerated() {
            let faults: [AttemptFault] = [.lostReply, .lostReply, .lostRequest, .lateApply, .none, .none]
            let choice = generator.nextIndex(below: index == doubtful ? 4 : faults.count)
            outcomes.append(attempt([change], faults[choice]))
        }
        return outcomes
    }

    /// Makes the changes, all or none.
    private mutating func apply(_ changes: [VersionedChange], isLate: Bool = false) -> AttemptOutcome {
        guard let name = changes.first?.key.collection else { return .notApplied }
        // One change undoes itself; a copy would cost as much as the collection has documents.
        let before = changes.count > 1 ? collections[name] : nil
        var outcome = AttemptOutcome.applied(.confirmed)
        for change in changes {
            do throws(StoreError) {
                if try collections[name, default: SimulatedCollection()].apply(change) { continue }
                outcome = .notApplied
            } catch {
                outcome = .failed(error)
            }
            if changes.count > 1 { collections[name] = before }
            return outcome
        }
        history += changes.map { AppliedChange($0, late: isLate) }
        return outcome
    }

    private static func checkDistinct(_ changes: [VersionedChange]) {
        guard changes.count > 1 else { return }
        var seen = Set<BSONDocument>()
        for change in changes {
            let key: BSONDocument = ["collection": .string(change.key.collection), "id": change.key.id]
            precondition(seen.insert(key).inserted, "a bulk has at most one change of each document")
        }
    }
}
