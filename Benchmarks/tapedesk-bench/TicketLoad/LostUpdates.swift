/// What became of acknowledged changes that were written by replacing whole documents.
struct LostUpdates: Sendable {
    typealias Record = LoadRecord<NaiveDesk.Answer>

    /// What ended a change of a field.
    private enum End {
        /// A later change of the field by somebody who had seen it, or nothing.
        case expected
        /// The copy of somebody who changed something else, and had not seen it.
        case staleCopy
        /// A later change of the same field by somebody who had not seen it, and was not told.
        case collision
    }

    private(set) var comments = 0
    private(set) var commentsLost = 0
    private(set) var fieldChanges = 0
    private(set) var fieldChangesLost = 0
    private(set) var collisionsUntold = 0
    private(set) var findings = Findings()

    var lost: Int { commentsLost + fieldChangesLost }

    /// Adds a ticket, with its final state and all writes that were acknowledged.
    mutating func add(ticket: Int, _ final: FieldValues, _ texts: [String], start: FieldValues, _ records: [Record]) {
        countComments(Set(texts), records)
        guard let writes = inOrder(ticket, records) else { return }
        countFieldChanges(ticket, final, start, writes)
    }

    private mutating func countComments(_ stored: Set<String>, _ records: [Record]) {
        for record in records {
            guard case .comment(let text) = record.change.content else { continue }
            comments += 1
            if !stored.contains(text) { commentsLost += 1 }
        }
    }

    /// The writes in the order in which they replaced each other.
    private mutating func inOrder(_ ticket: Int, _ records: [Record]) -> [Record]? {
        var following: [Int64: Record] = [:]
        for record in records {
            if case .success(let replaced) = record.answer.replaced { following[replaced] = record }
        }
        var writes: [Record] = []
        var last: Int64 = 0
        while let next = following[last], writes.count < records.count {
            writes.append(next)
            last = next.answer.write
        }
        guard writes.count == records.count else {
            findings.add("ticket \(ticket): the order of \(records.count) writes is known of \(writes.count) only")
            return nil
        }
        return writes
    }

    private mutating func countFieldChanges(
        _ ticket: Int,
        _ final: FieldValues,
        _ start: FieldValues,
        _ writes: [Record]
    ) {
        // Which write gave each field its value, after each write.
        var makers: [Int64: [LoadField: Int64]] = [0: [:]]
        var values: [Int64: String] = [:]
        var ends: [Int64: End] = [:]
        var previous: Int64 = 0
        for write in writes {
            let id = write.answer.write
            let own = write.change.field
            var made = makers[write.answer.base] ?? [:]
            if let own {
                made[own] = id
                values[id] = write.change.value
                ends[id] = .expected
            }
            for field in LoadField.allCases {
                guard let displaced = makers[previous]?[field], displaced != made[field] else { continue }
                let wasSeen = makers[write.answer.base]?[field] == displaced
                ends[displaced] = wasSeen ? .expected : own == field ? .collision : .staleCopy
            }
            // A stale copy may bring back what another one had undone.
            for maker in made.values where maker != id { ends[maker] = .expected }
            makers[id] = made
            previous = id
        }
        fieldChanges += ends.count
        fieldChangesLost += ends.values.count { $0 == .staleCopy }
        collisionsUntold += ends.values.count { $0 == .collision }
        for field in LoadField.allCases {
            let expected = makers[previous]?[field].flatMap { values[$0] } ?? start[field]
            findings.require(final[field] == expected, "ticket \(ticket): the \(field) is not what the writes make it")
        }
    }
}
