import BSON

extension Ticket {
    /// What stands in place of an erased subject.
    static let erasedSubject = "(erased)"

    /// Whether somebody is the requester, in any case of letters.
    func isOwned(by requester: String) -> Bool { self.requester?.isAddress(requester) ?? false }

    /// Whether somebody is the requester, or was by the history that was read along.
    public func hasBelonged(to requester: String) -> Bool {
        isOwned(by: requester)
            || events.contains { event in
                event.change(of: .requester)?.change.to.string?.isAddress(requester) ?? false
            }
    }

    /// The changes that an erasure's own event makes.
    ///
    /// They say what the fields are afterwards and nothing of what they were. On a ticket that has moved on to another
    /// requester the fields are that one's, and stay, except those that name the earlier one.
    func erasureChanges(_ requester: String) -> [FieldChange] {
        let isTheirs = isOwned(by: requester)
        let custom = custom.keys.sorted().map { TicketField(stored: "custom." + $0) }
        return ([.subject, .description, .requester] + custom).compactMap { field in
            let value = self[field]
            guard isTheirs && (field == .subject || value != .null) || value.names(requester) else { return nil }
            return FieldChange(field, from: .null, to: field == .subject ? .string(Self.erasedSubject) : .null)
        }
    }

    /// The events without the personal text of a requester, and how many of them lost some.
    ///
    /// On a ticket that is the requester's, all personal text goes. On one that was only for a while, what names them
    /// and what they wrote goes.
    func erasing(_ requester: String, _ events: [TicketEvent]) -> (events: [TicketEvent], erased: Int) {
        let isTheirs = isOwned(by: requester)
        var count = 0
        let erased = events.map { event in
            var event = event
            var lost = false
            let isAuthor = event.actor.map { $0.isAddress(requester) } ?? false
            if isAuthor {
                event.actor = nil
                event.actorSeal.salt = nil
                lost = true
            }
            event.changes = event.changes.map { change in
                let goes = isTheirs || isAuthor || change.names(requester)
                guard goes, change.seal?.salt != nil, event.operation != .erase else { return change }
                lost = true
                return change.erased
            }
            if lost {
                event.origin?.digest = nil
                count += 1
            }
            return event
        }
        return (erased, count)
    }

    /// What can still be searched for after an erasure.
    func remainingTexts(_ archived: [TicketEvent]) -> [String] {
        let inHistory = (archived + events).flatMap(\.changes)
            .filter { $0.change.field.isSearched && !$0.isErased }
            .compactMap(\.change.to.string)
        return [subject, description].compactMap { $0 } + inHistory
    }
}

extension TicketEvent.Change {
    fileprivate var erased: TicketEvent.Change {
        TicketEvent.Change(
            change: FieldChange(change.field, from: .null, to: .null),
            seal: seal.map { Seal(salt: nil, commitment: $0.commitment) }
        )
    }

    /// Whether a value holds the address, in any case of letters.
    fileprivate func names(_ requester: String) -> Bool {
        change.from.names(requester) || change.to.names(requester)
    }
}

extension BSONValue {
    /// Whether it is a text that holds the address, in any case of letters.
    fileprivate func names(_ requester: String) -> Bool {
        string.map { NameSearch(requester).matches($0) } ?? false
    }
}

extension String {
    fileprivate func isAddress(_ other: String) -> Bool { lowercased() == other.lowercased() }
}
