import BSON

extension Ticket {
    /// What stands in place of an erased subject.
    static let erasedSubject = "(erased)"

    /// Whether somebody is the requester, in any case of letters.
    func isOwned(by requester: String) -> Bool { self.requester?.isAddress(requester) ?? false }

    /// The changes that an erasure's own event makes.
    ///
    /// They say what the fields are afterwards and nothing of what they were. On a ticket that has moved on to another
    /// requester the fields are that one's, and stay.
    func erasureChanges(_ requester: String) -> [FieldChange] {
        guard isOwned(by: requester) else { return [] }
        var changes = [FieldChange(.subject, from: .null, to: .string(Self.erasedSubject))]
        if description != nil { changes.append(FieldChange(.description, from: .null, to: .null)) }
        changes.append(FieldChange(.requester, from: .null, to: .null))
        for name in custom.keys.sorted() {
            changes.append(FieldChange(TicketField(stored: "custom." + name), from: .null, to: .null))
        }
        return changes
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
        let address = requester.lowercased()
        return [change.from, change.to].contains { $0.string?.lowercased().contains(address) ?? false }
    }
}

extension String {
    fileprivate func isAddress(_ other: String) -> Bool { lowercased() == other.lowercased() }
}
