import BSON
import DocumentStore

/// What a new ticket says.
public struct NewTicket: Equatable, Sendable {
    public var subject: String
    public var requester: String
    public var description: String?
    public var priority: TicketPriority
    public var group: String?
    public var tags: [String]

    public init(
        subject: String,
        requester: String,
        description: String? = nil,
        priority: TicketPriority = .normal,
        group: String? = nil,
        tags: [String] = []
    ) {
        self.subject = subject
        self.requester = requester
        self.description = description
        self.priority = priority
        self.group = group
        self.tags = tags
    }

    fileprivate var changes: [FieldChange] {
        let values: [(TicketField, BSONValue)] = [
            (.subject, .string(subject)), (.requester, .string(requester)), (.description, .text(description)),
            (.status, .string(TicketStatus.new.rawValue)), (.priority, .string(priority.rawValue)),
            (.group, .text(group)), (.tags, tags.isEmpty ? .null : .texts(tags)),
        ]
        return values.filter { $0.1 != .null }.map { FieldChange($0.0, from: .null, to: $0.1) }
    }
}

extension TicketDesk {
    /// Creates a ticket, which gets the next number.
    ///
    /// - Throws: `StoreError`, `TicketError` of code `unknownOutcome`.
    public func create(_ new: NewTicket, by actor: String) async throws -> Ticket {
        try await create(new.changes, by: actor)
    }

    func create(_ changes: [FieldChange], by actor: String) async throws -> Ticket {
        let id = String(try await nextNumber())
        let draft = EventDraft(
            operation: .create,
            actor: actor,
            time: try await environment.clock.now(),
            operationID: environment.operationIDs.make(),
            changes: changes
        )
        let (ticket, event) = Ticket(id: id).advanced(by: draft, eventContext)
        let change = ticket.creation(event)
        switch await environment.writer.apply(change) {
        case .applied: return ticket
        case .failed(let error): throw error
        case .conflict, .notFound:
            throw StoreError(.refused, "ticket \(id) is there already, though its number was not given out before")
        case .unknown(let error):
            // Somebody may have changed the new ticket before its creation was confirmed: its first event tells.
            if let created = try? await ticketWithHistory(id), created.events.first?.operationID == draft.operationID {
                return created
            }
            throw TicketError(.unknownOutcome, "whether ticket \(id) was created is not known: \(error)")
        }
    }

    /// Gives out the next number; a number that is not used then is not given out again.
    private func nextNumber() async throws -> Int64 {
        let deadline = environment.retry.now() + environment.policy.deadline
        let key = DocumentKey(collection: CountersCollection.name, id: .string(CountersCollection.tickets))
        let read = DocumentQuery(key.collection, where: [.equals(DocumentField.id, key.id)], limit: 1)
        var stored = try await environment.writer.find(read).first
        if stored == nil { try await prepareCollections() }
        for attempt in 1... {
            if let current = stored { stored = try CountersCollection.schema.current(current) }
            let last = stored?[CountersCollection.Field.last]?.integer ?? 0
            let field = (CountersCollection.Field.last, BSONValue.int64(last + 1))
            let schema = (DocumentField.schemaVersion, BSONValue.int64(CountersCollection.schemaVersion))
            let action: VersionedChange.Action =
                if let version = stored?[DocumentField.version]?.integer {
                    .update(expectedVersion: version, DocumentUpdate(set: [field]))
                } else {
                    .create(BSONDocument([schema, field]))
                }
            let change = VersionedChange(key: key, action: action, operationID: environment.operationIDs.make())
            switch await environment.writer.apply(change) {
            case .applied: return last + 1
            case .conflict(let current): stored = current
            case .failed(let error): throw error
            // Whether the number was given out does not matter: it is not used.
            case .unknown, .notFound: stored = try await environment.writer.find(read).first
            }
            let pause = Self.numberPauses.pause(beforeAttempt: attempt, random: environment.retry.random())
            guard environment.retry.now() + pause < deadline else { break }
            try await environment.retry.sleep(pause)
        }
        throw StoreError(.unavailable, "no number for the ticket was to be had until the deadline; try again")
    }

    /// A number takes a millisecond: those who wait for theirs come back soon.
    private static let numberPauses = RetryPolicy(
        deadline: .zero,
        pauseFirst: .milliseconds(5),
        pauseMax: .milliseconds(40)
    )

    /// The first ticket of a database finds no collections, and makes them.
    private func prepareCollections() async throws(StoreError) {
        for specification in TicketCollections.all { try await environment.store.prepare(specification) }
    }
}

extension Ticket {
    /// The change that stores a ticket for the first time, as `event` made it.
    func creation(_ event: TicketEvent) -> VersionedChange {
        var document = fields
        document.append((SupportRequestsCollection.Field.events, .array([.document(event.document)])))
        return VersionedChange(
            key: TicketDesk.key(id),
            action: .create(BSONDocument(document.map { ($0.field, $0.value) })),
            operationID: event.operationID,
            conflictExcludes: [SupportRequestsCollection.Field.events]
        )
    }
}
