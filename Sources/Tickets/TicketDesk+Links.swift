import BSON
import DocumentStore

extension TicketDesk {
    /// Merges a ticket into another one: the other shows its thread too, and it is closed.
    ///
    /// No text is copied, so an erasure finds it where it was. The two changes are made one after the other; where the
    /// first is made and the second is not, merging again finishes.
    ///
    /// - Throws: `StoreError`, `TicketError`.
    public func merge(_ id: String, into target: String, by actor: String) async throws -> SaveOutcome {
        guard id != target else { throw TicketError(.invalidValue, "a ticket cannot be merged into itself") }
        guard let merged = try await find(id) else { throw TicketError.notFound(id) }
        guard let kept = try await find(target) else { throw TicketError.notFound(target) }
        if let other = merged.mergedInto, other != target {
            throw TicketError(.invalidValue, "ticket \(id.printable) was merged into \(other.printable) before")
        }
        if let other = kept.mergedInto {
            throw TicketError(
                .invalidValue,
                "ticket \(target.printable) was merged into \(other.printable): merge into that one"
            )
        }
        let outcome = try await link(kept, .merge, TicketField.mergedTickets, adding: id, by: actor)
        var closing = TicketIntent(.merge)
        closing.links = [TicketIntent.Assignment(.mergedInto, .string(target))]
        if merged.status != .closed { closing.assignments = [.init(.status, .string(TicketStatus.closed.rawValue))] }
        if case .conflict(let ticket, let conflicts) = try await save(
            closing,
            on: merged,
            by: actor,
            seen: merged.version,
            choice: .rebase
        ) {
            return .conflict(ticket, conflicts)
        }
        return outcome
    }

    /// Makes a ticket of some comments of another one, which keeps them; both name each other.
    ///
    /// - Parameter sequences: the events whose comments go along: public ones become the description, internal ones an
    ///   internal comment.
    /// - Throws: `StoreError`, `TicketError`.
    public func split(
        _ id: String,
        comments sequences: [Int64],
        subject: String,
        by actor: String
    ) async throws -> (new: Ticket, original: Ticket) {
        guard let original = try await ticketWithHistory(id) else { throw TicketError.notFound(id) }
        var texts: [String] = []
        var notes: [String] = []
        for sequence in sequences {
            let event = original.events.first { $0.sequence == sequence }
            guard let text = event?.change(of: .comment)?.change.to.string else {
                throw TicketError(
                    .invalidValue,
                    "ticket \(id.printable) has no comment \(sequence); 'ticket show' numbers them"
                )
            }
            // What agents wrote for themselves stays among them.
            if event?.change(of: .isInternal) == nil { texts.append(text) } else { notes.append(text) }
        }
        var fields: [(TicketField, BSONValue)] = [
            (.subject, .string(subject)), (.requester, original[.requester]),
            (.description, .text(texts.isEmpty ? nil : texts.joined(separator: "\n\n"))),
            (.status, .string(TicketStatus.new.rawValue)), (.priority, original[.priority]),
            (.group, original[.group]), (.splitFrom, .string(id)),
        ]
        if !original.tags.isEmpty { fields.append((.tags, original[.tags])) }
        if !notes.isEmpty {
            fields.append((.comment, .string(notes.joined(separator: "\n\n"))))
            fields.append((.isInternal, true))
        }
        let changes = fields.filter { $0.1 != .null }.map { FieldChange($0.0, from: .null, to: $0.1) }
        let new = try await create(changes, by: actor)
        switch try await link(original, .split, .splitTickets, adding: new.id, by: actor) {
        case .saved(let ticket), .unchanged(let ticket), .conflict(let ticket, _): return (new, ticket)
        }
    }

    /// Adds a ticket to a list of links, which only grows.
    private func link(
        _ ticket: Ticket,
        _ operation: TicketOperation,
        _ field: TicketField,
        adding id: String,
        by actor: String
    ) async throws -> SaveOutcome {
        var intent = TicketIntent(operation)
        intent.links = [TicketIntent.Assignment(field, .texts([id]))]
        return try await save(intent, on: ticket, by: actor, seen: ticket.version)
    }
}
