import BSON
import DocumentStore
import Leases
import Service
import SimulatedStore
import Synchronization

/// A venue that sends one numbered event at a time to every source that is connected, and the disks that they are
/// recorded on.
final class SimulatedVenue: Sendable {
    /// Something that was recorded.
    struct Record: Equatable, Sendable {
        let event: Int
        /// By the clock of the machine, which is right.
        let receivedAt: Duration
    }

    /// Where a time with the lease is recorded.
    struct TapeName: Hashable, Comparable, Sendable {
        let instance: String
        let epoch: Int64

        static func < (left: TapeName, right: TapeName) -> Bool {
            (left.instance, left.epoch) < (right.instance, right.epoch)
        }
    }

    private struct State {
        var event = 0
        var sockets: [TapeName: [Int]] = [:]
        var tapes: [TapeName: [Record]] = [:]
        /// Those that were stored whole, and deleted.
        var deleted: Set<TapeName> = []
    }

    private let state = Mutex(State())

    /// Sends the next event; what is not read stays in the sockets.
    func send() {
        state.withLock { state in
            state.event += 1
            for name in state.sockets.keys { state.sockets[name]?.append(state.event) }
        }
    }

    func connect(_ name: TapeName) { state.withLock { $0.sockets[name] = [] } }
    func disconnect(_ name: TapeName) { state.withLock { $0.sockets[name] = nil } }

    /// Puts on the tape what the socket holds.
    func receive(_ name: TapeName, at now: Duration) {
        state.withLock { state in
            let received = state.sockets[name] ?? []
            guard !received.isEmpty else { return }
            state.sockets[name] = []
            // A tape that was deleted begins anew.
            state.deleted.remove(name)
            state.tapes[name, default: []] += received.map { Record(event: $0, receivedAt: now) }
        }
    }

    func tape(_ name: TapeName) -> [Record] { state.withLock { $0.tapes[name] ?? [] } }
    func delete(_ name: TapeName) { _ = state.withLock { $0.deleted.insert(name) } }

    /// The epochs whose tapes an instance still has.
    func epochs(of instance: String) -> [Int64] {
        state.withLock { state in
            state.tapes.keys.filter { $0.instance == instance && !state.deleted.contains($0) }.map(\.epoch).sorted()
        }
    }

    var tapes: [TapeName: [Record]] { state.withLock { $0.tapes } }
    var sentCount: Int { state.withLock { $0.event } }
}

/// A live source without network and disk: it records what the venue sends, and stores it as long as that is surely its
/// to store, as `LiveSource` does.
final class SimulatedSource: ServiceSource {
    static let stored = "stored"
    static let shared = DocumentKey(collection: "shared", id: "shared")

    let name: String
    private let tape: SimulatedVenue.TapeName
    private let tenure: Tenure?
    private let receivedBefore: Duration?
    private let process: SimulatedProcess
    private let state = Mutex((isEnding: false, isAbandoned: false))

    /// - Parameters:
    ///   - tenure: the time with the lease; nil to store what is left on the tape.
    ///   - receivedBefore: what was received later is not stored.
    init(
        _ name: String,
        _ tape: SimulatedVenue.TapeName,
        _ tenure: Tenure?,
        receivedBefore: Duration? = nil,
        process: SimulatedProcess
    ) {
        self.name = name
        self.tape = tape
        self.tenure = tenure
        self.receivedBefore = receivedBefore
        self.process = process
    }

    var isStarted: Bool { true }
    var troubles: [String] { [] }
    func end() { state.withLock { $0.isEnding = true } }
    func abandon() { state.withLock { $0 = (true, true) } }
    func isSame(as other: any ServiceSource) -> Bool { self === other }

    private var isEnding: Bool { state.withLock { $0.isEnding } }
    private var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Whether nobody else can have the lease now.
    var isSure: Bool { tenure?.isSure(at: process.environment.now()) ?? true }

    func run() async throws {
        let writer = process.writer.fenced(by: tape.epoch)
        if tenure != nil {
            // To connect takes longer than the clocks of servers may differ.
            try await process.environment.sleep(LeaseSimulation.skewMax * 2)
            process.venue.connect(tape)
            process.present.withLock { $0 = self }
        }
        defer {
            process.venue.disconnect(tape)
            process.present.withLock { if $0 === self { $0 = nil } }
        }
        var next = 0
        while true {
            try await process.environment.sleep(.milliseconds(100))
            let isLast = isEnding || tenure == nil
            process.venue.receive(tape, at: process.clock.now)
            if isLast { process.venue.disconnect(tape) }
            let records = process.venue.tape(tape)
            while next < records.count, isSure, !isAbandoned {
                let record = records[next]
                let isOurs = receivedBefore.map { record.receivedAt < $0 } ?? true
                if isOurs {
                    guard try await store(record, writer) else { break }
                }
                next += 1
            }
            if isAbandoned { return }
            if isLast, next == records.count {
                if tenure == nil { process.venue.delete(tape) }
                return
            }
        }
    }

    /// Stores one event, and notes in a document that all share who did; answers whether that is certain.
    private func store(_ record: SimulatedVenue.Record, _ writer: VersionedWriter) async throws -> Bool {
        let change = VersionedChange(
            key: DocumentKey(collection: Self.stored, id: .string("\(tape.instance)/\(tape.epoch)/\(record.event)")),
            action: .create(["event": .int64(Int64(record.event))]),
            operationID: process.operationIDs.make()
        )
        switch await writer.apply(change) {
        // A conflict: it was stored before.
        case .applied, .conflict: break
        case .notFound, .unknown: return false
        case .failed(let error) where error.isTransient: return false
        case .failed(let error): throw error
        }
        if tenure != nil { try await note(writer) }
        return true
    }

    private func note(_ writer: VersionedWriter) async throws {
        let query = DocumentQuery(Self.shared.collection, where: [.equals(DocumentField.id, Self.shared.id)], limit: 1)
        guard let document = try? await writer.find(query).first else {
            let first = VersionedChange(
                key: Self.shared,
                action: .create(["epochs": .array([.int64(tape.epoch)])]),
                operationID: process.operationIDs.make()
            )
            return try throwing(await writer.apply(first))
        }
        let change = VersionedChange(
            key: Self.shared,
            action: .update(
                expectedVersion: document[DocumentField.version]?.integer ?? 0,
                DocumentUpdate(push: [("epochs", [.int64(tape.epoch)])])
            ),
            operationID: process.operationIDs.make()
        )
        try throwing(await writer.apply(change))
    }

    private func throwing(_ outcome: ChangeOutcome) throws {
        if case .failed(let error) = outcome, !error.isTransient { throw error }
    }
}
