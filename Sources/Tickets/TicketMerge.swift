import BSON

/// What saving an intent comes to on the ticket as it is.
struct TicketMerge: Equatable, Sendable {
    var changes: [FieldChange] = []
    var conflicts: [FieldConflict] = []
}

extension TicketIntent {
    /// Merges the intent, which was formed on an earlier version, into the ticket.
    ///
    /// Three-way and field by field: `since` are the events after the version that the agent saw, in their order.
    /// Comments and tags are additions and always merge. A field that nobody else touched takes the wanted value; one
    /// that others set to that value too, or set back to what the agent saw, is no conflict.
    func merge(into ticket: Ticket, since: [TicketEvent], choice: ConflictChoice) -> TicketMerge {
        var merge = TicketMerge()
        for assignment in assignments where assignment.field != .tags {
            assign(assignment, ticket, since, choice, &merge)
        }
        if claims, let owner = ticket.assignee { refuseClaim(owner, ticket, since, &merge) }
        let tags = mergedTags(ticket, since)
        if tags != ticket.tags { merge.changes.append(FieldChange(.tags, from: .texts(ticket.tags), to: .texts(tags))) }
        for link in links {
            let current = ticket[link.field]
            let wanted = link.value.strings.map { .texts((current.strings ?? []).adding($0)) } ?? link.value
            guard wanted != current else { continue }
            if ticket.refuses(link) {
                merge.conflicts.append(.init(field: link.field, yours: link.value, theirs: current, ticket))
            } else {
                merge.changes.append(FieldChange(link.field, from: current, to: wanted))
            }
        }
        if let comment {
            merge.changes.append(FieldChange(.comment, from: .null, to: .string(comment.text)))
            if comment.isInternal { merge.changes.append(FieldChange(.isInternal, from: .null, to: true)) }
        }
        return merge
    }

    private func assign(
        _ assignment: Assignment,
        _ ticket: Ticket,
        _ since: [TicketEvent],
        _ choice: ConflictChoice,
        _ merge: inout TicketMerge
    ) {
        let field = assignment.field
        let current = ticket[field]
        guard current != assignment.value else { return }
        let touches = since.filter { $0.isApplied && $0.change(of: field) != nil }
        if let first = touches.first?.change(of: field), let last = touches.last {
            let isBack = !first.isErased && first.change.from == current
            if !isBack {
                switch choice.side(of: field) {
                case .mine: break
                case .theirs: return
                case nil:
                    let conflict = FieldConflict(
                        field: field,
                        yours: assignment.value,
                        theirs: current,
                        by: last.actor,
                        at: last.time
                    )
                    merge.conflicts.append(conflict)
                    return
                }
            }
        }
        merge.changes.append(FieldChange(field, from: current, to: assignment.value))
    }

    /// A claim is refused whenever somebody has the ticket, however long.
    private func refuseClaim(_ owner: String, _ ticket: Ticket, _ since: [TicketEvent], _ merge: inout TicketMerge) {
        guard let wanted = assignments.first(where: { $0.field == .assignee })?.value, wanted != .string(owner) else {
            return
        }
        merge.changes.removeAll { $0.field == .assignee }
        guard !merge.conflicts.contains(where: { $0.field == .assignee }) else { return }
        let last = since.last { $0.change(of: .assignee) != nil }
        merge.conflicts.append(
            FieldConflict(
                field: .assignee,
                yours: wanted,
                theirs: .string(owner),
                by: last?.actor ?? owner,
                at: last?.time ?? ticket.updatedAt
            )
        )
    }

    private func mergedTags(_ ticket: Ticket, _ since: [TicketEvent]) -> [String] {
        var added = addedTags
        var removed = Set(removedTags)
        if let wanted = assignments.first(where: { $0.field == .tags })?.value.strings {
            let seen = ticket.tags(before: since)
            added += wanted.filter { !seen.contains($0) }
            removed.formUnion(seen.filter { !wanted.contains($0) })
        }
        var tags = ticket.tags.filter { !removed.contains($0) }
        for tag in added where !tags.contains(tag) && !removed.contains(tag) { tags.append(tag) }
        return tags
    }
}

extension FieldConflict {
    fileprivate init(field: TicketField, yours: BSONValue, theirs: BSONValue, _ ticket: Ticket) {
        self.init(field: field, yours: yours, theirs: theirs, by: ticket.events.last?.actor, at: ticket.updatedAt)
    }
}

extension Ticket {
    /// Whether a link contradicts those that others made meanwhile: a ticket goes into one other, and none into one
    /// that went into another itself.
    fileprivate func refuses(_ link: TicketIntent.Assignment) -> Bool {
        switch link.field {
        case .mergedInto: mergedInto != nil || mergedTickets.contains(link.value.string ?? "")
        case .mergedTickets: mergedInto != nil
        default: false
        }
    }

    /// The tags that the ticket had before the events.
    fileprivate func tags(before events: [TicketEvent]) -> [String] {
        let first = events.lazy.filter(\.isApplied).compactMap { $0.change(of: .tags) }.first
        return first?.change.from.strings ?? tags
    }
}

extension [String] {
    /// The list with those behind it that are not in it.
    fileprivate func adding(_ others: [String]) -> [String] { self + others.filter { !contains($0) } }
}
