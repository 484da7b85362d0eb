import BSON
import DocumentStore

/// What became of a save.
public enum SaveOutcome: Equatable, Sendable {
    /// The change is stored; the ticket as it is now.
    case saved(Ticket)
    /// The ticket is already as it was to be.
    case unchanged(Ticket)
    /// Others changed the same fields to other values; nothing was stored.
    case conflict(Ticket, [FieldConflict])
}

extension TicketDesk {
    /// Saves what an agent wants of a ticket.
    ///
    /// The change is decided on the stored ticket and applied to exactly that version; where another change comes
    /// first it is decided anew, until it is stored, conflicts, or the deadline passes.
    ///
    /// - Parameters:
    ///   - seen: the version of the ticket that the agent had before them; nil takes what is stored when the save
    ///     begins.
    ///   - choice: what to do with fields that both sides changed.
    /// - Throws: `TicketError`, `StoreError`. Nothing was stored then, except that with `TicketError` of code
    ///   `unknownOutcome` it could not be found out.
    public func save(
        _ intent: TicketIntent,
        on id: String,
        by actor: String,
        seen: Int64? = nil,
        choice: ConflictChoice = .report
    ) async throws -> SaveOutcome {
        guard let ticket = try await find(id) else { throw TicketError.notFound(id) }
        return try await save(intent, on: ticket, by: actor, seen: seen ?? ticket.version, choice: choice)
    }

    /// Saves on a ticket that was just read.
    public func save(
        _ intent: TicketIntent,
        on ticket: Ticket,
        by actor: String,
        seen: Int64,
        choice: ConflictChoice = .report
    ) async throws -> SaveOutcome {
        let deadline = environment.retry.now() + environment.policy.deadline
        return try await environment.lanes.withLane(ticket.id) { hasWaited in
            try await save(intent, on: ticket, isOld: hasWaited, by: actor, seen, choice, deadline)
        }
    }

    private func save(
        _ intent: TicketIntent,
        on ticket: Ticket,
        isOld: Bool,
        by actor: String,
        _ seen: Int64,
        _ choice: ConflictChoice,
        _ deadline: Duration
    ) async throws -> SaveOutcome {
        var ticket = ticket
        // One that comes from a list lacks what a change builds on.
        if isOld || ticket.headHash == EventChain.start {
            guard let whole = try await find(ticket.id) else { throw TicketError.notFound(ticket.id) }
            ticket = whole
        }
        if seen > ticket.version, let latest = try await findLatest(ticket.id) { ticket = latest }
        guard seen <= ticket.version, seen > 0 else {
            throw TicketError(.invalidValue, "ticket \(ticket.id.printable) has not had a version \(seen) yet")
        }
        for attempt in 1... {
            let merge = try await merge(intent, &ticket, seen, choice)
            guard merge.conflicts.isEmpty else { return .conflict(ticket, merge.conflicts) }
            guard !merge.changes.isEmpty else { return .unchanged(ticket) }
            try ticket.check(merge.changes)
            switch try await attemptSave(merge.changes, intent.operation, on: ticket, by: actor) {
            case .saved(let saved): return .saved(saved)
            case .stale(let current): ticket = current
            }
            // What is stored now is known: the first repetition is at once, later ones make room for each other.
            guard environment.retry.now() < deadline else { break }
            guard attempt > 1 else { continue }
            let pause = environment.policy.pause(beforeAttempt: attempt - 1, random: environment.retry.random())
            guard environment.retry.now() + pause < deadline else { break }
            try await environment.retry.sleep(pause)
        }
        throw StoreError(.unavailable, "ticket \(ticket.id) kept changing until the deadline; nothing was stored")
    }

    /// Merges with what happened since the agent looked; the ticket is read anew where there is more to know.
    private func merge(
        _ intent: TicketIntent,
        _ ticket: inout Ticket,
        _ seen: Int64,
        _ choice: ConflictChoice
    ) async throws -> TicketMerge {
        var since: [TicketEvent] = []
        // Comments and single tags merge whatever happened.
        if ticket.version > seen, !intent.assignments.isEmpty {
            guard let (fresh, events) = try await events(of: ticket, after: seen) else {
                throw TicketError.notFound(ticket.id)
            }
            ticket = fresh
            since = events
        }
        var merge = intent.merge(into: ticket, since: since, choice: choice)
        if intent.claims, !merge.conflicts.isEmpty, !since.contains(where: { $0.change(of: .assignee) != nil }) {
            // Who took the ticket, and when, is further back than the agent's own look at it.
            guard let whole = try await ticketWithHistory(ticket.id) else { throw TicketError.notFound(ticket.id) }
            ticket = whole
            merge = intent.merge(into: whole, since: whole.events, choice: choice)
        }
        return merge
    }

    enum AttemptedSave {
        case saved(Ticket)
        /// Another change came first.
        case stale(Ticket)
    }

    /// Attempts a change of exactly this version of the ticket.
    func attemptSave(
        _ changes: [FieldChange],
        _ operation: TicketOperation,
        on ticket: Ticket,
        by actor: String
    ) async throws -> AttemptedSave {
        let draft = EventDraft(
            operation: operation,
            actor: actor,
            time: try await environment.clock.now(),
            operationID: environment.operationIDs.make(),
            changes: changes
        )
        let prepared: PreparedChange
        do {
            prepared = try await prepare(draft, on: ticket)
        } catch let stale as StaleTicket {
            return .stale(stale.current)
        }
        switch await environment.writer.apply(prepared.change) {
        case .applied:
            var next = prepared.next
            next.events = []
            return .saved(next)
        case .conflict(let current):
            await discard(prepared.archive, of: ticket.id)
            return .stale(try Ticket(current))
        case .notFound: throw TicketError.notFound(ticket.id)
        case .failed(let error): throw error
        case .unknown(let error):
            let settled = try await settle(draft.operationID, ticket, error)
            if case .stale = settled { await discard(prepared.archive, of: ticket.id) }
            return settled
        }
    }

    /// A change that is ready to be applied to the version that it was made for.
    struct PreparedChange {
        let change: VersionedChange
        /// The ticket as the change makes it; with its events as far as the stored one had them.
        let next: Ticket
        /// An archive document that the change lists, and nobody else yet.
        let archive: TicketArchive?
    }

    /// The ticket moved on while its change was prepared.
    struct StaleTicket: Error {
        let current: Ticket
    }

    /// Makes the change that appends an event; with too much history in the ticket, the oldest events go first.
    ///
    /// - Parameter adjust: sets what no event says.
    /// - Throws: `StaleTicket`, `StoreError`, `TicketError`.
    func prepare(
        _ draft: EventDraft,
        on stored: Ticket,
        adjust: (inout Ticket) -> Void = { _ in }
    ) async throws -> PreparedChange {
        guard stored.historyBytes > TicketLimits.historyBytesMax else {
            var (next, event) = stored.advanced(by: draft, eventContext)
            adjust(&next)
            let update = next.update(from: stored, appending: event)
            next.events.append(event)
            return PreparedChange(change: change(update, of: stored, draft), next: next, archive: nil)
        }
        guard let whole = try await find(stored.id, .whole) else { throw TicketError.notFound(stored.id) }
        guard whole.version == stored.version else { throw StaleTicket(current: whole) }
        var trimmed = whole
        let archive = try await archiveOldest(of: &trimmed)
        var (next, event) = trimmed.advanced(by: draft, eventContext)
        adjust(&next)
        var update = next.update(from: whole, appending: event)
        next.events.append(event)
        update.push.removeAll { $0.field == SupportRequestsCollection.Field.events }
        let events = next.events.map { BSONValue.document($0.document) }
        update.set.append((SupportRequestsCollection.Field.events, .array(events)))
        return PreparedChange(change: change(update, of: stored, draft), next: next, archive: archive)
    }

    private func change(_ update: DocumentUpdate, of stored: Ticket, _ draft: EventDraft) -> VersionedChange {
        VersionedChange(
            key: Self.key(stored.id),
            action: .update(expectedVersion: stored.version, update),
            operationID: draft.operationID,
            conflictExcludes: [SupportRequestsCollection.Field.events]
        )
    }

    /// Finds out by the history whether a change was made whose outcome later changes hide.
    ///
    /// Its event is there if it was. If the version moved on without it, it never will be: every attempt at it
    /// expected the version that is gone.
    func settle(_ operationID: ObjectID, _ stored: Ticket, _ error: StoreError) async throws -> AttemptedSave {
        guard (try? await passMoment()) != nil,
            let (current, events) = try? await events(of: stored, after: stored.version)
        else {
            throw TicketError(
                .unknownOutcome,
                "whether the change was stored is not known: \(error); look at the ticket"
            )
        }
        if events.contains(where: { $0.operationID == operationID }) { return .saved(current) }
        guard current.version > stored.version else {
            throw TicketError(.unknownOutcome, "whether the change will be stored is not known: \(error); look again")
        }
        return .stale(current)
    }
}
