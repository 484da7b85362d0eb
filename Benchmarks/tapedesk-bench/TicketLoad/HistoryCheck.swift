import BSON
import Tickets

/// Checks one ticket against what the agents were told, with a model of its own.
///
/// The model is the fields as the acknowledged changes leave them, one after the other in the order of their events.
/// It predicts which saves had to be stored, found nothing to do, or met a conflict, and how the ticket is now.
struct HistoryCheck {
    typealias Record = LoadRecord<VersionedDesk.Answer>

    private let stored: StoredHistory
    private let records: [Record]
    private var model: TicketModel
    /// The save that made each event, by its sequence.
    private var saves: [Int64: Record] = [:]
    private(set) var findings = Findings()

    init(_ stored: StoredHistory, start: LoadStart, records: [Record]) {
        self.stored = stored
        self.records = records
        model = TicketModel(start.values)
    }

    mutating func run() {
        checkSequences()
        matchSaves()
        for event in stored.events { follow(event) }
        for record in records { checkAnswer(record) }
        checkEnd()
    }

    private mutating func report(_ problem: String) { findings.add("ticket \(stored.id): \(problem)") }

    private mutating func checkSequences() {
        for (index, event) in stored.events.enumerated() where event.sequence != Int64(index + 1) {
            report("event \(index + 1) has the sequence \(event.sequence)")
        }
        if Set(stored.events.map(\.operationID)).count != stored.events.count {
            report("two events have the same operation id")
        }
        if stored.events.first?.operation != "create" { report("the first event does not create it") }
    }

    /// Finds the event of each acknowledged save, and the saves of all events.
    ///
    /// An agent does one thing after the other, so its events between the version that it had seen and the one that
    /// it got back are exactly that save.
    private mutating func matchSaves() {
        let byActor = Dictionary(grouping: stored.events.dropFirst(), by: \.actor)
        for record in records {
            let own = (byActor[TicketText.agent(record.agent)] ?? []).filter { $0.sequence > record.answer.seen }
            switch record.answer.outcome {
            case .saved(let version):
                let made = own.filter { $0.sequence <= version }
                guard let event = made.first, made.count == 1 else {
                    report("\(describe(record)) was acknowledged and is in the history \(made.count) times")
                    continue
                }
                if !event.says(record.change) { report("event \(event.sequence) is not \(describe(record))") }
                saves[event.sequence] = record
            case .unknown:
                if let event = own.first(where: { $0.says(record.change) && saves[$0.sequence] == nil }) {
                    saves[event.sequence] = record
                }
            case .unchanged, .conflict, .failed: break
            }
        }
        for event in stored.events.dropFirst() where saves[event.sequence] == nil {
            report("event \(event.sequence), \(event.operation) by \(event.actor), was acknowledged to nobody")
        }
    }

    /// Takes a save into the model, which says whether it had to be refused.
    private mutating func follow(_ event: StoredHistory.Event) {
        guard let record = saves[event.sequence] else { return }
        guard case .set(let field, let value) = record.change.content else {
            model.commentCount += 1
            return
        }
        let before = model.value(of: field, at: event.sequence - 1)
        if before != model.value(of: field, at: record.answer.seen) {
            report("event \(event.sequence) overwrote a \(field) that its agent had not seen")
        }
        if before == value { report("event \(event.sequence) changes a \(field) to what it was") }
        if event.changes.first?.from.string != before {
            report("event \(event.sequence) changes a \(field) from what it was not")
        }
        model.set(field, value, at: event.sequence, by: event.actor)
    }

    private mutating func checkAnswer(_ record: Record) {
        switch record.answer.outcome {
        case .saved, .unknown, .failed: break
        case .unchanged(let version):
            let isThere = record.change.field.map { model.value(of: $0, at: version) == record.change.value }
            if isThere != true { report("\(describe(record)) was to be stored, and was not") }
        case .conflict(let version, let conflicts): checkConflict(record, version, conflicts)
        }
    }

    private mutating func checkConflict(_ record: Record, _ version: Int64, _ conflicts: [FieldConflict]) {
        guard let field = record.change.field else { return report("a comment was refused") }
        let theirs = model.value(of: field, at: version)
        let seen = model.value(of: field, at: record.answer.seen)
        if theirs == record.change.value || theirs == seen {
            report("\(describe(record)) was refused on version \(version) without a reason")
        }
        guard conflicts.count == 1, let conflict = conflicts.first else {
            return report("\(describe(record)) was refused with \(conflicts.count) fields")
        }
        let isTold =
            conflict.field.name == field.rawValue && conflict.yours == .string(record.change.value)
            && conflict.theirs.string == theirs && conflict.by == model.author(of: field, at: version)
        if !isTold { report("the conflict of \(describe(record)) does not say what it is") }
    }

    private mutating func checkEnd() {
        let version = Int64(stored.events.count)
        if stored.version != version { report("it has version \(stored.version) and \(version) events") }
        for field in LoadField.allCases where stored.values[field] != model.value(of: field, at: version) {
            report("the \(field) is not what the acknowledged changes make it")
        }
        if stored.commentCount != model.commentCount {
            report("it counts \(stored.commentCount) comments, and \(model.commentCount) were acknowledged")
        }
    }

    private func describe(_ record: Record) -> String {
        "'\(record.change.operation)' of \(TicketText.agent(record.agent)) on version \(record.answer.seen)"
    }
}

/// The fields of a ticket at each of its versions.
struct TicketModel {
    private struct Step {
        let version: Int64
        let value: String?
        let author: String?
    }

    private var steps: [LoadField: [Step]] = [:]
    var commentCount: Int64 = 0

    init(_ start: FieldValues) {
        for field in LoadField.allCases { steps[field] = [Step(version: 1, value: start[field], author: nil)] }
    }

    /// - Precondition: Versions come in their order.
    mutating func set(_ field: LoadField, _ value: String, at version: Int64, by author: String) {
        steps[field, default: []].append(Step(version: version, value: value, author: author))
    }

    func value(of field: LoadField, at version: Int64) -> String? { step(field, version)?.value }

    /// Who gave the field its value at that version; nil where it has kept the first one.
    func author(of field: LoadField, at version: Int64) -> String? { step(field, version)?.author }

    private func step(_ field: LoadField, _ version: Int64) -> Step? {
        steps[field]?.last { $0.version <= version }
    }
}
