import BSON
import DocumentStore

/// What an import has to keep before the tickets change, so that a crash between the two loses none of it.
public struct ImportNotes: Sendable {
    public var gaps: [ImportedGap] = []
    /// The steps, by their place in what is applied, that are in conflict.
    public var conflicted: [Int] = []
    /// The steps of tickets that do not exist, by their place.
    public var unknown: [Int] = []

    public var isEmpty: Bool { gaps.isEmpty && conflicted.isEmpty && unknown.isEmpty }
}

/// Applies the steps that another system reports, each exactly once by its source, ticket and number.
///
/// Every step is one version-checked change of its ticket. Steps of different tickets go together in bulks, those of
/// one ticket one after the other. Where an agent or another import comes first, a step is decided anew.
public struct TicketImporter: Sendable {
    private let desk: TicketDesk
    private let source: String
    private let numbering: ImportNumbering

    private static let changesPerBulk = 500
    private static let ticketsPerRead = 100

    public init(_ desk: TicketDesk, source: String, numbering: ImportNumbering) {
        self.desk = desk
        self.source = source
        self.numbering = numbering
    }

    /// The id of the ticket that follows one of the source.
    public static func id(source: String, externalID: String) -> String { "\(source):\(externalID)" }

    /// Applies steps in their order and tells what became of each.
    ///
    /// - Parameters:
    ///   - refused: the steps, by their place, that were kept as `unknown` before: a ticket that was made since does
    ///     not change what they come to. It is asked once, after the tickets were read.
    ///   - keep: stores what has to be stored before the tickets change; it may be called with the same again.
    /// - Throws: `StoreError`. What was applied before stays, and is recognised when the steps come again.
    public func apply(
        _ steps: [ImportedStep],
        refused: () async throws -> Set<Int> = { [] },
        keep: (ImportNotes) async throws -> Void
    ) async throws -> [ImportOutcome] {
        var outcomes = [ImportOutcome?](repeating: nil, count: steps.count)
        var waiting: [(id: String, steps: ArraySlice<Int>)] = []
        var places: [String: Int] = [:]
        for (index, step) in steps.enumerated() {
            let id = Self.id(source: source, externalID: step.externalID)
            if let place = places[id] {
                waiting[place].steps.append(index)
            } else {
                places[id] = waiting.count
                waiting.append((id, [index]))
            }
        }
        var tickets = try await load(waiting.map(\.id), steps, waiting)
        let refused = try await refused()
        var deadline = desk.environment.retry.now() + desk.environment.policy.deadline
        var roundsInVain = 0
        while !waiting.isEmpty {
            var round = Round(time: try await desk.now(), refused: refused)
            for place in waiting.indices {
                try await decide(&waiting[place].steps, waiting[place].id, steps, &tickets, &outcomes, &round)
            }
            if !round.notes.isEmpty { try await keep(round.notes) }
            let lost = try await write(round, &waiting, &tickets, &outcomes)
            waiting.removeAll { $0.steps.isEmpty }
            if lost.count < round.changes.count {
                // The deadline is for waiting in vain: a long tape may take longer.
                roundsInVain = 0
                deadline = desk.environment.retry.now() + desk.environment.policy.deadline
            }
            guard !lost.isEmpty else { continue }
            roundsInVain += 1
            for id in lost { tickets[id] = try await desk.ticketWithHistory(id) }
            let pause = desk.environment.policy.pause(
                beforeAttempt: roundsInVain,
                random: desk.environment.retry.random()
            )
            guard desk.environment.retry.now() + pause < deadline else {
                throw StoreError(.unavailable, "tickets of '\(source)' kept changing until the deadline; replay again")
            }
            try await desk.environment.retry.sleep(pause)
        }
        return outcomes.map { $0 ?? .unknownTicket }
    }
}

extension TicketImporter {
    /// How many tickets of the source are stored.
    ///
    /// - Throws: `StoreError`.
    public func ticketCount() async throws -> Int {
        let environment = desk.environment
        let deadline = environment.retry.now() + environment.policy.deadline
        var attempt = 0
        while true {
            do throws(StoreError) {
                return try await environment.store.count(
                    SupportRequestsCollection.name,
                    where: [.startsWith(DocumentField.id, Self.id(source: source, externalID: ""))]
                )
            } catch {
                attempt += 1
                let pause = environment.policy.pause(beforeAttempt: attempt, random: environment.retry.random())
                guard error.isTransient, environment.retry.now() + pause < deadline else { throw error }
                try await environment.retry.sleep(pause)
            }
        }
    }
}

extension TicketImporter {
    /// The changes that are written together, at most one of each ticket.
    private struct Round {
        let time: Int64
        let refused: Set<Int>
        var notes = ImportNotes()
        var changes: [VersionedChange] = []
        var results: [(id: String, ticket: Ticket, outcome: ImportOutcome)] = []
        /// Archive documents that the changes list.
        var archives: [String: TicketArchive] = [:]
    }

    /// Decides the next step of a ticket that changes it; steps that change nothing are done with.
    private func decide(
        _ queue: inout ArraySlice<Int>,
        _ id: String,
        _ steps: [ImportedStep],
        _ tickets: inout [String: Ticket],
        _ outcomes: inout [ImportOutcome?],
        _ round: inout Round
    ) async throws {
        while let index = queue.first {
            guard !round.refused.contains(index) else {
                outcomes[index] = .unknownTicket
                queue = queue.dropFirst()
                continue
            }
            let step = steps[index]
            let operationID = desk.environment.operationIDs.make()
            let stored = try await known(id, for: step, &tickets)
            let decision: ImportDecision
            if let stored, let origin = stored.source {
                decision = step.decision(
                    on: stored,
                    origin,
                    numbering,
                    time: round.time,
                    operationID: operationID
                )
            } else {
                decision = step.decisionForNewTicket(source: source, time: round.time, operationID: operationID)
            }
            guard let draft = decision.draft else {
                outcomes[index] = decision.outcome
                if decision.outcome == .unknownTicket { round.notes.unknown.append(index) }
                if decision.outcome == .duplicate(of: .conflicted) { round.notes.conflicted.append(index) }
                queue = queue.dropFirst()
                continue
            }
            let next: Ticket
            do {
                next = try await add(decision, draft, stored, id, &round)
            } catch let stale as TicketDesk.StaleTicket {
                tickets[id] = stale.current
                continue
            }
            if decision.outcome == .conflicted { round.notes.conflicted.append(index) }
            round.notes.gaps += decision.gaps.map { gap in
                ImportedGap(
                    externalID: step.externalID,
                    after: gap.after,
                    before: gap.before,
                    numbering: gap.numbering,
                    missing: gap.missingCount,
                    version: next.version
                )
            }
            round.results.append((id, next, decision.outcome))
            return
        }
    }

    /// The ticket as it is stored, with its whole history where the step needs it.
    private func known(
        _ id: String,
        for step: ImportedStep,
        _ tickets: inout [String: Ticket]
    ) async throws -> Ticket? {
        guard let ticket = tickets[id] else { return nil }
        guard step.needsHistory(of: ticket), ticket.events.first?.sequence != 1 else { return ticket }
        let whole = try await desk.ticketWithHistory(id)
        tickets[id] = whole
        return whole
    }

    /// Adds the change that a decision makes, and returns the ticket as it will be.
    private func add(
        _ decision: ImportDecision,
        _ draft: EventDraft,
        _ stored: Ticket?,
        _ id: String,
        _ round: inout Round
    ) async throws -> Ticket {
        guard let stored else {
            var (next, event) = Ticket(id: id).advanced(by: draft, desk.eventContext)
            next.source = decision.source
            round.changes.append(next.creation(event))
            next.events = [event]
            return next
        }
        let prepared = try await desk.prepare(draft, on: stored) { $0.source = decision.source }
        round.changes.append(prepared.change)
        if let archive = prepared.archive { round.archives[id] = archive }
        return prepared.next
    }

    /// Writes a round; returns the tickets that something else had changed.
    private func write(
        _ round: Round,
        _ waiting: inout [(id: String, steps: ArraySlice<Int>)],
        _ tickets: inout [String: Ticket],
        _ outcomes: inout [ImportOutcome?]
    ) async throws -> [String] {
        var places: [String: Int] = [:]
        for (place, entry) in waiting.enumerated() { places[entry.id] = place }
        var lost: [String] = []
        for start in stride(from: 0, to: round.changes.count, by: Self.changesPerBulk) {
            let end = min(start + Self.changesPerBulk, round.changes.count)
            let results = await desk.environment.writer.apply(Array(round.changes[start..<end]))
            for (result, entry) in zip(results, round.results[start..<end]) {
                switch result {
                case .applied:
                    tickets[entry.id] = entry.ticket
                    guard let place = places[entry.id], let index = waiting[place].steps.popFirst() else { continue }
                    outcomes[index] = entry.outcome
                case .conflict, .notFound, .unknown:
                    // What is stored decides: the step is found in the history where it was applied after all.
                    lost.append(entry.id)
                    if case .conflict = result { await desk.discard(round.archives[entry.id], of: entry.id) }
                case .failed(let error): throw error
                }
            }
        }
        return lost
    }

    /// Reads the tickets of the steps, with their history where the first step needs it.
    private func load(
        _ ids: [String],
        _ steps: [ImportedStep],
        _ waiting: [(id: String, steps: ArraySlice<Int>)]
    ) async throws -> [String: Ticket] {
        var tickets: [String: Ticket] = [:]
        var old: [String] = []
        for start in stride(from: 0, to: ids.count, by: Self.ticketsPerRead) {
            let page = ids[start..<min(start + Self.ticketsPerRead, ids.count)]
            for ticket in try await read(Array(page), withHistory: false) { tickets[ticket.id] = ticket }
        }
        for entry in waiting {
            guard let ticket = tickets[entry.id], let first = entry.steps.first else { continue }
            if steps[first].needsHistory(of: ticket) { old.append(entry.id) }
        }
        for start in stride(from: 0, to: old.count, by: Self.ticketsPerRead) {
            let page = old[start..<min(start + Self.ticketsPerRead, old.count)]
            for ticket in try await read(Array(page), withHistory: true) { tickets[ticket.id] = ticket }
        }
        return tickets
    }

    private func read(_ ids: [String], withHistory: Bool) async throws -> [Ticket] {
        let query = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.isIn(DocumentField.id, ids.map { .string($0) })],
            fields: withHistory ? .all : .excluding([SupportRequestsCollection.Field.events]),
            limit: ids.count
        )
        var tickets: [Ticket] = []
        for document in try await desk.environment.writer.find(query) {
            var ticket = try Ticket(document)
            if withHistory { try await desk.addArchive(to: &ticket) }
            tickets.append(ticket)
        }
        return tickets
    }
}
