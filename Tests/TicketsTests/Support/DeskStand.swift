import BSON
import DocumentStore
import SimulatedStore
import Synchronization
import Testing

@testable import Tickets

/// A simulated store and desks that work on it, each as a program of its own would.
struct DeskStand: Sendable {
    let store: SimulatedStore
    let deadline: Duration
    /// What desks work on in place of the simulated store.
    private let base: (any DocumentStore)?
    private let salts: Mutexed<SplitMix64>
    private let processes: Mutexed<UInt32>

    init(
        seed: UInt64 = 1,
        faults: FaultPlan = FaultPlan(),
        deadline: Duration = .seconds(30),
        firstProcess: UInt32 = 1,
        store: SimulatedStore? = nil,
        over base: (any DocumentStore)? = nil
    ) {
        self.store = store ?? SimulatedStore(seed: seed, faults: faults, clock: SimulatedClock(seed: seed))
        self.deadline = deadline
        self.base = base
        processes = Mutexed(firstProcess - 1)
        salts = Mutexed(SplitMix64(seed: seed &* 7919 &+ 3))
    }

    /// The desk of a program of its own; no two of a stand have operation ids in common.
    func desk(over other: (any DocumentStore)? = nil) -> TicketDesk {
        let process = processes.with { number in
            number += 1
            return number
        }
        let salts = salts
        return TicketDesk(
            TicketDesk.Environment(
                store: other ?? base ?? store,
                policy: RetryPolicy(deadline: deadline),
                retry: store.clock.environment,
                operationIDs: OperationIDs(process: process, start: 0),
                salt: {
                    salts.with { generator in (0..<16).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
                }
            )
        )
    }

    /// Lets time pass, so that things happen one after the other.
    func wait(_ duration: Duration = .seconds(1)) { store.clock.advance(by: duration) }

    /// The stored document of a ticket.
    func document(_ id: String) -> BSONDocument? {
        store.documents(in: SupportRequestsCollection.name).first { $0[DocumentField.id]?.string == id }
    }

    /// All events of a ticket as they are stored, the archive included.
    func history(_ id: String) async throws -> [TicketEvent] {
        try await desk().ticketWithHistory(id)?.events ?? []
    }

    /// What a verification finds; requests under way arrive before, and nothing fails meanwhile.
    func verify() async throws -> TicketVerification {
        store.deliverLateChanges()
        let faults = store.faults
        defer { store.faults = faults }
        store.faults = FaultPlan()
        return try await TicketVerifier(desk()).verify()
    }

    /// The verification's findings as text.
    func problems() async throws -> [String] {
        let result = try await verify()
        return result.findings.map { "ticket \($0.ticket), event \($0.sequence ?? 0): \($0.problem)" }
            + HistoryChecker.violations(of: store.history)
    }

    /// A store with the same documents, as `edit` left them; nil takes a document away.
    func tampered(
        _ edit: (_ collection: String, BSONDocument) -> BSONDocument?
    ) async throws -> DeskStand {
        let copy = SimulatedStore(seed: 1, clock: SimulatedClock())
        for collection in Self.collections {
            for document in store.documents(in: collection) {
                guard let edited = edit(collection, document) else { continue }
                try await Self.write(edited, to: collection, of: copy)
            }
        }
        return DeskStand(firstProcess: 10_000, store: copy)
    }

    static let collections = TicketCollections.all.map(\.name) + ["rejects"]

    /// Brings a document into a store as it is.
    ///
    /// The store counts versions itself, so a document is updated until it has its own.
    private static func write(_ document: BSONDocument, to collection: String, of store: SimulatedStore) async throws {
        guard let id = document[DocumentField.id], let version = document[DocumentField.version]?.integer else {
            return
        }
        let key = DocumentKey(collection: collection, id: id)
        let own = [DocumentField.id, DocumentField.version, DocumentField.lastOperationID]
        let fields = document.fields.filter { !own.contains($0.key) }.map { ($0.key, $0.value) }
        let last = document[DocumentField.lastOperationID]?.objectID ?? ObjectID(high: 0, low: 0)
        for number in 0..<max(version, 1) {
            let isLast = number == max(version, 1) - 1
            let action: VersionedChange.Action =
                number == 0
                ? .create(BSONDocument(fields)) : .update(expectedVersion: number, DocumentUpdate())
            let change = VersionedChange(
                key: key,
                action: action,
                operationID: isLast ? last : ObjectID(high: .max, low: UInt64(store.operationCount))
            )
            guard await store.attempt(change) == .applied(.confirmed) else { throw StandError.notWritten }
        }
    }
}

enum StandError: Error {
    case notWritten
}

/// A value behind a lock that closures share.
final class Mutexed<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func with<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        value.withLock { value in body(&value) }
    }
}

extension SaveOutcome {
    /// The ticket, where something was stored.
    var savedTicket: Ticket? { if case .saved(let ticket) = self { ticket } else { nil } }

    var conflicts: [FieldConflict] { if case .conflict(_, let conflicts) = self { conflicts } else { [] } }

    var isUnchanged: Bool { if case .unchanged = self { true } else { false } }
}

extension TicketIntent {
    static func comment(_ text: String, isInternal: Bool = false) -> TicketIntent {
        TicketIntent(.comment, comment: Comment(text: text, isInternal: isInternal))
    }

    static func set(_ field: TicketField, _ value: BSONValue) -> TicketIntent {
        TicketIntent(.set, assignments: [Assignment(field, value)])
    }
}

extension NewTicket {
    static func about(_ subject: String = "printer on fire", by requester: String = "jo@example.com") -> NewTicket {
        NewTicket(subject: subject, requester: requester)
    }
}

/// Random choices in tests.
extension SplitMix64 {
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[nextIndex(below: elements.count)] }

    mutating func chance(_ one: Int, in many: Int) -> Bool { nextIndex(below: many) < one }
}

/// Expects that a verification finds nothing, and says what it found.
func expectClean(_ stand: DeskStand, _ location: SourceLocation = #_sourceLocation) async {
    do {
        let problems = try await stand.problems()
        #expect(problems == [], sourceLocation: location)
    } catch {
        Issue.record(error, sourceLocation: location)
    }
}
