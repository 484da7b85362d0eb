import BSON
import Digests

/// How an event commits to what it says and to all events before it.
///
/// The hash of an event is the SHA-256 digest of a BSON document with these fields, in this order: `ticket`,
/// `previous_hash`, `sequence`, `time`, `actor` (the commitment), `operation`, `operation_id`, `origin` (`sequence` and
/// `occurred_at`, or null) and `changes`, each as `field`, `from`, `to`, or where it is sealed as `field`,
/// `commitment`. A commitment is the digest of the BSON document `field`, `salt`, `from`, `to`; that of the actor has
/// the field `actor` and goes from null to the name. docs/tickets.md specifies it for other programs.
enum EventChain {
    static let saltBytes = 16
    /// What the first event of a ticket has in place of a hash before it.
    static let start = [UInt8](repeating: 0, count: SHA256.byteCount)

    private static let actorField = "actor"

    static func commitment(field: String, salt: [UInt8], from: BSONValue, to: BSONValue) -> [UInt8] {
        let document: BSONDocument = ["field": .string(field), "salt": .binary(salt), "from": from, "to": to]
        return SHA256.digest(document.bytes)
    }

    static func seal(_ change: FieldChange, salt: [UInt8]) -> Seal {
        let commitment = commitment(field: change.field.name, salt: salt, from: change.from, to: change.to)
        return Seal(salt: salt, commitment: commitment)
    }

    static func seal(actor: String, salt: [UInt8]) -> Seal {
        let commitment = commitment(field: actorField, salt: salt, from: .null, to: .string(actor))
        return Seal(salt: salt, commitment: commitment)
    }

    /// Whether the seals of an event are those of its values; erased values have none to compare.
    static func brokenSeals(of event: TicketEvent) -> [String] {
        var broken: [String] = []
        if let salt = event.actorSeal.salt {
            let expected = event.actor.map { seal(actor: $0, salt: salt).commitment }
            if expected != event.actorSeal.commitment { broken.append(actorField) }
        } else if event.actor != nil {
            broken.append(actorField)
        }
        for change in event.changes {
            guard let stored = change.seal else { continue }
            let isWhole =
                if let salt = stored.salt {
                    seal(change.change, salt: salt).commitment == stored.commitment
                } else {
                    // Nothing may stand where a value was erased: no seal would fit it.
                    change.change.from == .null && change.change.to == .null
                }
            if !isWhole { broken.append(change.change.field.name) }
        }
        return broken
    }

    struct Content {
        var sequence: Int64
        var time: Int64
        var actorCommitment: [UInt8]
        var operation: TicketOperation
        var operationID: ObjectID
        var origin: TicketEvent.Origin?
        var changes: [TicketEvent.Change]
    }

    static func hash(ticket: String, previousHash: [UInt8], _ content: Content) -> [UInt8] {
        let origin: BSONValue =
            content.origin.map { origin in
                [
                    "sequence": .int64(origin.sequence),
                    "occurred_at": origin.occurredAt.map { .datetime($0) } ?? .null,
                ]
            } ?? .null
        let document: BSONDocument = [
            "ticket": .string(ticket),
            "previous_hash": .binary(previousHash),
            "sequence": .int64(content.sequence),
            "time": .datetime(content.time),
            "actor": .binary(content.actorCommitment),
            "operation": .string(content.operation.rawValue),
            "operation_id": .objectID(content.operationID),
            "origin": origin,
            "changes": .array(content.changes.map(committed)),
        ]
        return SHA256.digest(document.bytes)
    }

    private static func committed(_ change: TicketEvent.Change) -> BSONValue {
        let field = BSONValue.string(change.change.field.name)
        guard let seal = change.seal else {
            return ["field": field, "from": change.change.from, "to": change.change.to]
        }
        return ["field": field, "commitment": .binary(seal.commitment)]
    }
}

extension TicketEvent {
    /// The hash that the event has to have in the history of `ticket`.
    func computedHash(ticket: String) -> [UInt8] {
        let content = EventChain.Content(
            sequence: sequence,
            time: time,
            actorCommitment: actorSeal.commitment,
            operation: operation,
            operationID: operationID,
            origin: origin,
            changes: changes
        )
        return EventChain.hash(ticket: ticket, previousHash: previousHash, content)
    }
}
