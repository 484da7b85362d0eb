import BSON
import DocumentStore

/// What the next event of a ticket is to say.
struct EventDraft: Sendable {
    var operation: TicketOperation
    var actor: String
    /// By the server's clock, in milliseconds since 1970.
    var time: Int64
    var operationID: ObjectID
    var changes: [FieldChange]
    var origin: TicketEvent.Origin?
}

/// What making an event takes beside the draft.
struct EventContext: Sendable {
    let targets: ResponseTargets
    /// Sixteen bytes of true randomness, different in every call.
    let salt: @Sendable () -> [UInt8]
}

extension Ticket {
    /// The next version of the ticket, and the event that makes it.
    func advanced(by draft: EventDraft, _ context: EventContext) -> (ticket: Ticket, event: TicketEvent) {
        let event = nextEvent(draft, context)
        var next = self
        next.fold(event)
        next.dueAt = context.targets.dueTime(
            status: next.status,
            priority: next.priority,
            createdAt: next.createdAt,
            firstResponseAt: next.firstResponseAt
        )
        let texts = event.changes.filter { $0.change.field.isSearched }.compactMap(\.change.to.string)
        next.terms += SearchTerms.additions(texts, to: terms)
        for name in event.peopleNamed where !next.requesters.contains(name) { next.requesters.append(name) }
        next.historyBytes += Int64(event.document.bytes.count)
        return (next, event)
    }

    private func nextEvent(_ draft: EventDraft, _ context: EventContext) -> TicketEvent {
        let changes = draft.changes.map { change in
            TicketEvent.Change(
                change: change,
                seal: change.field.isPersonal ? EventChain.seal(change, salt: context.salt()) : nil
            )
        }
        let actorSeal = EventChain.seal(actor: draft.actor, salt: context.salt())
        let content = EventChain.Content(
            sequence: version + 1,
            time: max(draft.time, updatedAt),
            actorCommitment: actorSeal.commitment,
            operation: draft.operation,
            operationID: draft.operationID,
            origin: draft.origin,
            changes: changes
        )
        return TicketEvent(
            sequence: content.sequence,
            time: content.time,
            actor: draft.actor,
            actorSeal: actorSeal,
            operation: draft.operation,
            operationID: draft.operationID,
            changes: changes,
            origin: draft.origin,
            previousHash: headHash,
            hash: EventChain.hash(ticket: id, previousHash: headHash, content)
        )
    }

    /// Lets the event happen to the fields, as a change does it and as verification repeats it.
    mutating func fold(_ event: TicketEvent) {
        if version == 0 { createdAt = event.time }
        version = event.sequence
        updatedAt = event.time
        headHash = event.hash
        if event.isApplied {
            for change in event.changes { set(change.change.field, change.change.to) }
        }
        if event.change(of: .comment) != nil {
            commentCount += 1
            let isPublic = event.change(of: .isInternal) == nil
            let isAnswer = isPublic && event.actor != requester
            if isAnswer, firstResponseAt == nil { firstResponseAt = event.happenedAt }
        }
        guard event.isApplied, let step = event.change(of: .status) else { return }
        let isExplicit = event.change(of: .resolvedAt) != nil
        switch step.change.to.string.flatMap(TicketStatus.init(rawValue:)) {
        case .resolved: if !isExplicit { resolvedAt = event.happenedAt }
        case .closed: closedAt = event.happenedAt
        default:
            resolvedAt = nil
            closedAt = nil
        }
    }

    /// The update that makes this version, appending `event`, of the stored one before it.
    func update(from stored: Ticket, appending event: TicketEvent) -> DocumentUpdate {
        let before = stored.fields
        var update = DocumentUpdate()
        for (index, field) in fields.enumerated() where field.value != before[index].value {
            let growsAtEnd = field.field == SupportRequestsCollection.Field.terms
            if growsAtEnd {
                update.push.append((field.field, terms.dropFirst(stored.terms.count).map { .string($0) }))
            } else {
                update.set.append(field)
            }
        }
        update.push.append((SupportRequestsCollection.Field.events, [.document(event.document)]))
        return update
    }
}

extension TicketEvent {
    /// Whose personal text the event brings, in lower case: the requester that it names, and who acts under an address.
    var peopleNamed: [String] {
        let requesters = changes.filter { $0.change.field == .requester }.compactMap(\.change.to.string)
        let author = actor.map { $0.utf8.contains(UInt8(ascii: "@")) ? [$0] : [] } ?? []
        return (requesters + author).map { $0.lowercased() }
    }
}

extension TicketField {
    /// Whether tickets are found by the words of the field.
    var isSearched: Bool { self == .subject || self == .description || self == .comment }
}
