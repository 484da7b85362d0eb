import BSON

/// What importing a step comes to on the ticket as it is.
struct ImportDecision {
    var outcome: ImportOutcome
    var draft: EventDraft?
    var source: TicketSource?
    /// Holes that opened, shrank or closed.
    var gaps: [TicketSource.Gap] = []
}

extension ImportedStep {
    /// Decides on a ticket that does not exist yet.
    func decisionForNewTicket(source: String, time: Int64, operationID: ObjectID) -> ImportDecision {
        guard makesTicket else { return ImportDecision(outcome: .unknownTicket) }
        var changes = fieldChanges(of: Ticket(id: ""))
        if !changes.contains(where: { $0.field == .status }) {
            changes.append(FieldChange(.status, from: .null, to: .string(TicketStatus.new.rawValue)))
        }
        if let createdAt { changes.append(FieldChange(.createdAt, from: .null, to: .datetime(createdAt))) }
        return ImportDecision(
            outcome: .applied(made: true),
            draft: draft(.create, changes.map { FieldChange($0.field, from: .null, to: $0.to) }, time, operationID),
            source: TicketSource(
                source: source,
                externalID: externalID,
                appliedSequence: sequence,
                appliedAt: occurredAt
            )
        )
    }

    /// Whether it tells enough to make a ticket.
    var makesTicket: Bool { kind == .create || kind == .snapshot }

    /// Whether deciding takes the ticket's history: to find the step in it, or what happened since the sender looked.
    func needsHistory(of ticket: Ticket) -> Bool {
        if let source = ticket.source, sequence <= source.appliedSequence || source.numbering > 0 { return true }
        return expectedVersion.map { $0 < ticket.version } ?? false
    }

    /// Decides on a stored ticket, which holds its whole history where the step needs it.
    func decision(
        on ticket: Ticket,
        _ source: TicketSource,
        _ numbering: ImportNumbering,
        time: Int64,
        operationID: ObjectID
    ) -> ImportDecision {
        if let index = ticket.events.firstIndex(where: isMade) {
            return ImportDecision(outcome: .duplicate(of: firstOutcome(at: index, of: ticket.events, numbering)))
        }
        var source = source
        let (isLate, gaps) = source.take(self, numbering)
        var decision =
            isLate
            ? ImportDecision(outcome: .late, draft: lateDraft(time, operationID))
            : newDecision(ticket, time, operationID)
        decision.gaps = gaps
        decision.source = source
        return decision
    }

    /// Whether it is this step that made the event.
    private func isMade(_ event: TicketEvent) -> Bool {
        guard let origin = event.origin, origin.sequence == sequence else { return false }
        // Erased events have no digest: whatever has their number is what was erased.
        return origin.digest.map { $0 == digest } ?? true
    }

    /// What the step came to when it made an event: the events before that one tell.
    private func firstOutcome(
        at index: Int,
        of events: [TicketEvent],
        _ numbering: ImportNumbering
    ) -> ImportOutcome {
        let event = events[index]
        guard event.operation == .late || event.operation == .comment else {
            return .applied(made: event.sequence == 1)
        }
        // No system that begins to count anew tells which version it expects.
        if numbering == .restarting { return event.operation == .late ? .late : .applied(made: false) }
        let applied = events[..<index].compactMap { $0.origin?.sequence }.max() ?? -1
        if sequence <= applied { return .late }
        let isFromFuture = expectedVersion.map { $0 >= event.sequence } ?? false
        return event.operation == .late || isFromFuture ? .conflicted : .applied(made: false)
    }

    private func newDecision(_ ticket: Ticket, _ time: Int64, _ operationID: ObjectID) -> ImportDecision {
        if let expectedVersion, expectedVersion != ticket.version {
            let since = ticket.events.filter { $0.sequence > expectedVersion }
            let merge = TicketIntent(.import, assignments: assignments)
                .merge(into: ticket, since: since, choice: .report)
            if expectedVersion > ticket.version || !merge.conflicts.isEmpty {
                return ImportDecision(outcome: .conflicted, draft: lateDraft(time, operationID))
            }
        }
        let operation: TicketOperation = kind == .comment ? .comment : .import
        let changes = fieldChanges(of: ticket).filter { $0.from != $0.to } + commentChanges
        return ImportDecision(outcome: .applied(made: false), draft: draft(operation, changes, time, operationID))
    }

    /// What the step says about fields, and the comment where the ticket is new.
    private func fieldChanges(of ticket: Ticket) -> [FieldChange] {
        var wanted = assignments
        if kind == .snapshot {
            let named = Set(assignments.map(\.field))
            let all = TicketField.known + ticket.custom.keys.sorted().map { TicketField(stored: "custom." + $0) }
            for field in all where !named.contains(field) && field != .status {
                wanted.append(.init(field, field == .tags ? .texts([]) : .null))
            }
            wanted.append(.init(.isDeleted, .bool(isDeleted)))
            wanted.append(.init(.flags, .texts(flags)))
        }
        if let firstResponseAt { wanted.append(.init(.firstResponseAt, .datetime(firstResponseAt))) }
        if let resolvedAt { wanted.append(.init(.resolvedAt, .datetime(resolvedAt))) }
        let changes = wanted.map { FieldChange($0.field, from: ticket[$0.field], to: $0.value) }
        guard ticket.version == 0 else { return changes }
        return changes.filter { $0.from != $0.to } + commentChanges
    }

    private var commentChanges: [FieldChange] {
        guard let comment else { return [] }
        let text = FieldChange(.comment, from: .null, to: .string(comment.text))
        return comment.isInternal ? [text, FieldChange(.isInternal, from: .null, to: true)] : [text]
    }

    /// A comment joins the thread whenever it comes; what is said of fields is only kept.
    private func lateDraft(_ time: Int64, _ operationID: ObjectID) -> EventDraft {
        let said = assignments.map { FieldChange($0.field, from: .null, to: $0.value) }
        return draft(said.isEmpty && comment != nil ? .comment : .late, said + commentChanges, time, operationID)
    }

    private func draft(
        _ operation: TicketOperation,
        _ changes: [FieldChange],
        _ time: Int64,
        _ operationID: ObjectID
    ) -> EventDraft {
        EventDraft(
            operation: operation,
            actor: actor,
            time: time,
            operationID: operationID,
            changes: changes,
            origin: origin
        )
    }
}

extension TicketSource {
    /// Takes up a step that is in no history yet.
    ///
    /// Says whether it is older than what is applied, and which holes opened, shrank or closed with it.
    mutating func take(_ step: ImportedStep, _ numbering: ImportNumbering) -> (isLate: Bool, gaps: [Gap]) {
        if step.sequence > appliedSequence, !isOfEarlierCount(step) { return (false, apply(step, numbering)) }
        if beginsAnew(with: step, numbering) { return (false, beginAnew(with: step)) }
        return (true, fill(step.sequence))
    }

    /// Whether a greater number is a late one of a count that has ended: then its time is not a later one.
    private func isOfEarlierCount(_ step: ImportedStep) -> Bool {
        guard numbering > 0, let time = step.occurredAt, let appliedAt else { return false }
        return time < appliedAt
    }

    /// Moves to a step that has a greater number than those before, and returns the hole before it.
    private mutating func apply(_ step: ImportedStep, _ numbering: ImportNumbering) -> [Gap] {
        defer {
            appliedSequence = step.sequence
            appliedAt = step.occurredAt
        }
        guard numbering != .increasing, step.sequence > appliedSequence + 1 else { return [] }
        return open(after: appliedSequence, before: step.sequence)
    }

    /// Whether a step with a smaller number is the beginning of a new count, and no late step of the old one.
    private func beginsAnew(with step: ImportedStep, _ numbering: ImportNumbering) -> Bool {
        guard numbering == .restarting, let time = step.occurredAt, let appliedAt, time > appliedAt else {
            return false
        }
        return !gaps.contains { $0.numbering == self.numbering && $0.misses(step.sequence) }
    }

    /// Moves to the first step of a new count, which begins with 0, and returns the hole before it.
    private mutating func beginAnew(with step: ImportedStep) -> [Gap] {
        numbering += 1
        appliedSequence = step.sequence
        appliedAt = step.occurredAt
        return step.sequence > 0 ? open(after: -1, before: step.sequence) : []
    }

    private mutating func open(after: Int64, before: Int64) -> [Gap] {
        let gap = Gap(after: after, before: before, numbering: numbering, missing: [(after + 1)...(before - 1)])
        gaps.append(gap)
        return [gap]
    }

    /// Takes a number that came late out of the hole that it belongs to, and returns that hole.
    private mutating func fill(_ sequence: Int64) -> [Gap] {
        let current = numbering
        guard let index = gaps.firstIndex(where: { $0.numbering == current && $0.misses(sequence) }) else { return [] }
        gaps[index].missing = gaps[index].missing.flatMap { range -> [ClosedRange<Int64>] in
            guard range.contains(sequence) else { return [range] }
            let low = range.lowerBound < sequence ? [range.lowerBound...(sequence - 1)] : []
            let high = sequence < range.upperBound ? [(sequence + 1)...range.upperBound] : []
            return low + high
        }
        let gap = gaps[index]
        if gap.missing.isEmpty { gaps.remove(at: index) }
        return [gap]
    }
}

extension TicketSource.Gap {
    fileprivate func misses(_ sequence: Int64) -> Bool { missing.contains { $0.contains(sequence) } }
}
