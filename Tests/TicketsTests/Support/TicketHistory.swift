import BSON
import SimulatedStore

@testable import Tickets

/// A ticket's history made step by step without a store.
struct TicketHistory {
    private(set) var ticket: Ticket
    private(set) var events: [TicketEvent] = []
    private var time: Int64 = 1_000
    private let context = EventContext(targets: .standard, salt: { [UInt8](repeating: 7, count: 16) })

    init(_ id: String = "1", _ values: [(TicketField, BSONValue)] = [(.subject, "printer on fire")]) {
        ticket = Ticket(id: id)
        let changes = values.map { FieldChange($0.0, from: .null, to: $0.1) }
        append(.create, "creator", changes)
    }

    /// Somebody sets a field.
    mutating func set(_ field: TicketField, _ value: BSONValue, by actor: String = "bob") {
        append(.set, actor, [FieldChange(field, from: ticket[field], to: value)])
    }

    mutating func comment(_ text: String, by actor: String = "bob", isInternal: Bool = false) {
        var changes = [FieldChange(.comment, from: .null, to: .string(text))]
        if isInternal { changes.append(FieldChange(.isInternal, from: .null, to: true)) }
        append(.comment, actor, changes)
    }

    mutating func append(_ operation: TicketOperation, _ actor: String, _ changes: [FieldChange]) {
        time += 10
        let draft = EventDraft(
            operation: operation,
            actor: actor,
            time: time,
            operationID: ObjectID(high: 1, low: UInt64(time)),
            changes: changes
        )
        let (next, event) = ticket.advanced(by: draft, context)
        ticket = next
        events.append(event)
    }

    func since(_ version: Int64) -> [TicketEvent] { events.filter { $0.sequence > version } }
}
