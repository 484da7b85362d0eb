import BSON
import SimulatedStore

@testable import Tickets

/// Tickets and events with values of every kind in every field.
struct RandomTicket {
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func ticket() -> Ticket {
        var ticket = Ticket(id: "\(1 + random.nextIndex(below: 1_000))")
        ticket.version = number(1)
        ticket.subject = text()
        ticket.description = text()
        ticket.status = random.pick(TicketStatus.allCases)
        ticket.priority = random.chance(1, in: 4) ? nil : random.pick(TicketPriority.allCases)
        ticket.assignee = text()
        ticket.group = text()
        ticket.tags = texts()
        ticket.requester = text()
        for _ in 0..<random.nextIndex(below: 3) { ticket.custom["c\(random.nextIndex(below: 9))"] = value() }
        ticket.createdAt = number(0)
        ticket.updatedAt = number(0)
        ticket.firstResponseAt = time()
        ticket.resolvedAt = time()
        ticket.closedAt = time()
        ticket.dueAt = time()
        ticket.commentCount = number(0)
        ticket.flags = texts()
        ticket.isDeleted = random.chance(1, in: 2)
        ticket.mergedInto = text()
        ticket.mergedTickets = texts()
        ticket.splitFrom = text()
        ticket.splitTickets = texts()
        ticket.requesters = texts()
        ticket.terms = texts()
        if random.chance(1, in: 2) {
            let low = number(1)
            let missing = [(low + 2)...(low + 3), (low + 5)...(low + 5)]
            let gap = TicketSource.Gap(after: low, before: low + 9, numbering: number(0), missing: missing)
            ticket.source = TicketSource(
                source: "s",
                externalID: RandomText.line(&random),
                appliedSequence: number(0),
                gaps: random.chance(1, in: 2) ? [] : [gap]
            )
        }
        ticket.headHash = bytes(32)
        ticket.historyBytes = number(0)
        if random.chance(1, in: 2) {
            ticket.archives = [TicketArchive(id: id(), sequences: 1...9), TicketArchive(id: id(), sequences: 10...10)]
        }
        ticket.events = (0..<random.nextIndex(below: 4)).map { _ in event() }
        return ticket
    }

    mutating func event() -> TicketEvent {
        let fields: [TicketField] =
            TicketField.known + [.comment, .isInternal, .flags, .isDeleted, TicketField(stored: "custom.x")]
        let changes = (0..<random.nextIndex(below: 4)).map { _ in
            let field = random.pick(fields)
            guard field.isPersonal else {
                return TicketEvent.Change(change: FieldChange(field, from: value(), to: value()), seal: nil)
            }
            let isErased = random.chance(1, in: 4)
            return TicketEvent.Change(
                change: FieldChange(field, from: isErased ? .null : value(), to: isErased ? .null : value()),
                seal: Seal(salt: isErased ? nil : bytes(16), commitment: bytes(32))
            )
        }
        let isActorErased = random.chance(1, in: 4)
        let operations: [TicketOperation] = [
            .create, .comment, .set, .assign, .claim, .tag, .resolve, .reopen, .close, .edit, .merge, .split, .import,
            .late, .erase,
        ]
        return TicketEvent(
            sequence: number(1),
            time: number(0),
            actor: isActorErased ? nil : RandomText.line(&random),
            actorSeal: Seal(salt: isActorErased ? nil : bytes(16), commitment: bytes(32)),
            operation: random.pick(operations),
            operationID: id(),
            changes: changes,
            origin: random.chance(1, in: 2)
                ? nil : TicketEvent.Origin(sequence: number(0), occurredAt: time(), digest: time()),
            previousHash: bytes(32),
            hash: bytes(32)
        )
    }

    mutating func value() -> BSONValue {
        switch random.nextIndex(below: 4) {
        case 0: .null
        case 1: .texts(texts())
        case 2: .bool(random.chance(1, in: 2))
        default: .string(RandomText.line(&random))
        }
    }

    mutating func text() -> String? { random.chance(1, in: 4) ? nil : RandomText.line(&random) }
    mutating func texts() -> [String] { (0..<random.nextIndex(below: 4)).map { _ in RandomText.line(&random) } }
    mutating func time() -> Int64? { random.chance(1, in: 3) ? nil : number(0) }
    mutating func number(_ low: Int64) -> Int64 { low + Int64(random.next() >> 2) % 2_000_000_000_000 }
    mutating func id() -> ObjectID { ObjectID(high: UInt32(truncatingIfNeeded: random.next()), low: random.next()) }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
}
