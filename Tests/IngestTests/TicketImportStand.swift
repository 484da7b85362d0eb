import BSON
import DocumentStore
import Feeds
import Ingest
import MarketData
import Records
import SimulatedStore
import Synchronization
import Testing

@testable import Tickets

/// A simulated store, and importers and agents that work on it.
final class TicketImportStand: Sendable {
    static let source = "sim"

    let store: SimulatedStore
    let numbering: ImportNumbering
    private let deadline: Duration
    private let salts = Mutex(SplitMix64(seed: 5))
    private let processes = Mutex<UInt32>(0)
    private let kept = Mutex<[ImportNotes]>([])

    init(_ numbering: ImportNumbering = .contiguous, deadline: Duration = .seconds(30), faults: FaultPlan = FaultPlan())
    {
        self.numbering = numbering
        self.deadline = deadline
        store = SimulatedStore(seed: 1, faults: faults, clock: SimulatedClock(seed: 2))
    }

    /// What importers kept before they changed tickets.
    var notes: [ImportNotes] { kept.withLock { $0 } }

    /// The desk of a program of its own.
    func desk(over other: (any DocumentStore)? = nil) -> TicketDesk {
        TicketDesk(
            TicketDesk.Environment(
                store: other ?? store,
                policy: RetryPolicy(deadline: deadline),
                retry: store.clock.environment,
                operationIDs: OperationIDs(
                    process: processes.withLock {
                        $0 += 1; return $0
                    },
                    start: 0
                ),
                salt: {
                    self.salts.withLock { random in (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
                }
            )
        )
    }

    func importer(over other: (any DocumentStore)? = nil) -> TicketImporter {
        TicketImporter(desk(over: other), source: Self.source, numbering: numbering)
    }

    /// Applies steps as a program of its own.
    @discardableResult
    func apply(_ steps: [ImportedStep], over other: (any DocumentStore)? = nil) async throws -> [ImportOutcome] {
        try await importer(over: other).apply(steps) { notes in self.kept.withLock { $0.append(notes) } }
    }

    /// Replays lines of ticket events as a program of its own.
    @discardableResult
    func replay(_ lines: [String], tape: String = "tape", startsOver: Bool = false) async throws -> ReplayReport {
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: deadline),
            environment: store.clock.environment
        )
        let ids = OperationIDs(
            process: processes.withLock {
                $0 += 1; return $0
            },
            start: 1 << 40
        )
        var options = TicketReplay.Options(source: Self.source, tape: tape)
        options.startsOver = startsOver
        let replay = TicketReplay(
            options,
            format: TicketEventsFormat(),
            target: TicketReplay.Target(desk: desk(), writer: writer, operationIDs: ids)
        )
        return try await replay.run(try TapeInput(stream: MemorySource(bytes), path: "tape", name: "tape"))
    }

    /// A ticket with its whole history.
    func ticket(_ externalID: String = "A") async throws -> Ticket {
        let id = TicketImporter.id(source: Self.source, externalID: externalID)
        return try #require(try await desk().ticketWithHistory(id))
    }

    /// Everything that a program stored, which must not change where nothing new is said.
    var documents: [BSONDocument] {
        [SupportRequestsCollection.name, SupportHistoryCollection.name, RejectsCollection.name, GapsCollection.name]
            .flatMap { store.documents(in: $0) }
    }

    func expectClean(_ location: SourceLocation = #_sourceLocation) async throws {
        let verified = try await TicketVerifier(desk()).verify()
        #expect(verified.findings == [], sourceLocation: location)
        #expect(HistoryChecker.violations(of: store.history) == [], sourceLocation: location)
    }

    /// The stored holes, open and closed, as `ticket after..before: missing`.
    var gaps: [String] {
        typealias Field = GapsCollection.Field
        return store.documents(in: GapsCollection.name).map { gap in
            let numbers = [Field.after, Field.before, Field.missing].map { gap[$0]?.integer ?? .min }
            let isOpen = gap[Field.isOpen]?.bool == true
            return "\(gap[Field.stream]?.string ?? "") \(numbers[0])..\(numbers[1]): \(numbers[2])"
                + (isOpen ? "" : " closed")
        }
    }

    /// The stored rejects as `line rule ticket`.
    var rejects: [String] {
        typealias Field = RejectsCollection.Field
        return store.documents(in: RejectsCollection.name).map { reject in
            let texts = [Field.rule, Field.ticket].map { reject[$0]?.string ?? "" }
            return "\(reject[Field.line]?.integer ?? 0) " + texts.joined(separator: " ")
        }
    }
}

extension ImportedStep {
    /// A step that reports texts; `nil` takes a value away.
    static func make(
        _ kind: Kind,
        _ sequence: Int64,
        of ticket: String = "A",
        at time: Int64? = nil,
        _ fields: [(TicketField, String?)] = [],
        comment: String? = nil,
        expecting version: Int64? = nil
    ) -> ImportedStep {
        let content =
            "\(ticket) \(sequence) \(kind) \(String(describing: time)) \(fields) \(comment ?? "") \(version ?? -1)"
        var step = ImportedStep(
            externalID: ticket,
            sequence: sequence,
            kind: kind,
            actor: "robot",
            digest: content.utf8.reduce(7) { ($0 &* 31) &+ Int64($1) }
        )
        step.occurredAt = time
        step.createdAt = kind == .create ? time : nil
        step.assignments = fields.map { .init($0.0, $0.1.map { .string($0) } ?? .null) }
        step.comment = comment.map { TicketIntent.Comment(text: $0) }
        step.expectedVersion = version
        return step
    }

    static func create(_ sequence: Int64 = 1, of ticket: String = "A", at time: Int64? = 1_000) -> ImportedStep {
        make(.create, sequence, of: ticket, at: time, [(.subject, "no sound"), (.requester, "kim@example.com")])
    }

    static func change(
        _ sequence: Int64,
        of ticket: String = "A",
        at time: Int64? = nil,
        _ fields: [(TicketField, String?)],
        expecting version: Int64? = nil
    ) -> ImportedStep {
        make(.change, sequence, of: ticket, at: time, fields, expecting: version)
    }

    static func comment(_ sequence: Int64, of ticket: String = "A", _ text: String) -> ImportedStep {
        make(.comment, sequence, of: ticket, comment: text)
    }
}

extension Ticket {
    /// The operations of the history, in their order.
    var operations: [TicketOperation] { events.map(\.operation) }

    /// The texts of the thread, in its order.
    var thread: [String] { events.compactMap { $0.change(of: .comment)?.change.to.string } }
}
