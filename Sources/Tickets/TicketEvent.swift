public import BSON

/// What kind of step an event of a ticket's history is.
public enum TicketOperation: String, Sendable {
    case create
    case comment
    case set
    case assign
    case claim
    case tag
    case resolve
    case reopen
    case close
    case edit
    case merge
    case split
    /// A step that another system reported.
    case `import`
    /// A step that another system reported after later ones: kept, not applied over newer fields.
    case late
    /// Personal text was removed.
    case erase
}

/// The salt and the commitment that stand for a value in the chain of hashes, so that the value can be erased.
public struct Seal: Equatable, Sendable {
    /// Sixteen random bytes; nil once the value is erased.
    public var salt: [UInt8]?
    public let commitment: [UInt8]
}

/// One step of a ticket's history, as it is stored.
public struct TicketEvent: Equatable, Sendable {
    /// A change with its seal, where the field is personal.
    public struct Change: Equatable, Sendable {
        public let change: FieldChange
        public let seal: Seal?

        /// Whether the values were erased.
        public var isErased: Bool { seal.map { $0.salt == nil } ?? false }
    }

    /// Which record of another system made the event.
    public struct Origin: Equatable, Sendable {
        /// The number of the step in that system.
        public let sequence: Int64
        /// When it happened there, in milliseconds since 1970.
        public let occurredAt: Int64?
        /// Tells a repeated record from another one with the same number.
        ///
        /// It is no part of the chain, and goes with an erasure.
        public var digest: Int64?
    }

    /// The version of the ticket that the event made, counted from 1.
    public let sequence: Int64
    /// By the server's clock, in milliseconds since 1970; never before the time of the event before.
    public let time: Int64
    /// Who did it; nil once erased.
    public var actor: String?
    public var actorSeal: Seal
    public let operation: TicketOperation
    public let operationID: ObjectID
    public var changes: [Change]
    public var origin: Origin?
    /// The hash of the event before; zeros for the first one.
    public let previousHash: [UInt8]
    public let hash: [UInt8]

    /// When it happened: where another system reported it, by that system's clock.
    public var happenedAt: Int64 { origin?.occurredAt ?? time }

    /// The change of that field, where there is one.
    public func change(of field: TicketField) -> Change? {
        changes.first { $0.change.field == field }
    }

    /// Whether fields of the ticket followed the event.
    public var isApplied: Bool { operation != .late }
}

extension TicketEvent {
    private enum Field {
        static let sequence = "sequence"
        static let time = "time"
        static let actor = "actor"
        static let actorSalt = "actor_salt"
        static let actorCommitment = "actor_commitment"
        static let operation = "operation"
        static let operationID = "operation_id"
        static let changes = "changes"
        static let origin = "origin"
        static let previousHash = "previous_hash"
        static let hash = "hash"
        static let field = "field"
        static let from = "from"
        static let to = "to"
        static let salt = "salt"
        static let commitment = "commitment"
        static let originSequence = "sequence"
        static let occurredAt = "occurred_at"
        static let digest = "digest"
    }

    /// The event as a document stores it.
    var document: BSONDocument {
        BSONDocument { writer in
            writer.append(Field.sequence, .int64(sequence))
            writer.append(Field.time, .datetime(time))
            if let actor { writer.append(Field.actor, .string(actor)) }
            if let salt = actorSeal.salt { writer.append(Field.actorSalt, .binary(salt)) }
            writer.append(Field.actorCommitment, .binary(actorSeal.commitment))
            writer.append(Field.operation, .string(operation.rawValue))
            writer.append(Field.operationID, .objectID(operationID))
            writer.append(Field.changes, .array(changes.map { .document(Self.document($0)) }))
            if let origin { writer.append(Field.origin, .document(Self.document(origin))) }
            writer.append(Field.previousHash, .binary(previousHash))
            writer.append(Field.hash, .binary(hash))
        }
    }

    private static func document(_ change: Change) -> BSONDocument {
        BSONDocument { writer in
            writer.append(Field.field, .string(change.change.field.name))
            if !change.isErased {
                writer.append(Field.from, change.change.from)
                writer.append(Field.to, change.change.to)
            }
            guard let seal = change.seal else { return }
            if let salt = seal.salt { writer.append(Field.salt, .binary(salt)) }
            writer.append(Field.commitment, .binary(seal.commitment))
        }
    }

    private static func document(_ origin: Origin) -> BSONDocument {
        BSONDocument { writer in
            writer.append(Field.originSequence, .int64(origin.sequence))
            if let time = origin.occurredAt { writer.append(Field.occurredAt, .datetime(time)) }
            if let digest = origin.digest { writer.append(Field.digest, .int64(digest)) }
        }
    }

    init(_ document: BSONDocument) throws(BSONError) {
        sequence = try document.integer(Field.sequence)
        time = try document.time(Field.time)
        actor = document[Field.actor]?.string
        actorSeal = Seal(
            salt: document[Field.actorSalt]?.binary,
            commitment: try document.binary(Field.actorCommitment)
        )
        guard let known = TicketOperation(rawValue: try document.string(Field.operation)) else {
            throw BSONError(.wrongType, field: Field.operation)
        }
        operation = known
        guard let id = document[Field.operationID]?.objectID else {
            throw BSONError(.missingField, field: Field.operationID)
        }
        operationID = id
        changes = []
        for element in try document.array(Field.changes) {
            guard let change = element.document else { throw BSONError(.wrongType, field: Field.changes) }
            changes.append(try Self.change(change))
        }
        origin = try document[Field.origin]?.document.map(Self.origin)
        previousHash = try document.binary(Field.previousHash)
        hash = try document.binary(Field.hash)
    }

    private static func change(_ document: BSONDocument) throws(BSONError) -> Change {
        let change = FieldChange(
            TicketField(stored: try document.string(Field.field)),
            from: document[Field.from] ?? .null,
            to: document[Field.to] ?? .null
        )
        let seal = document[Field.commitment]?.binary.map {
            Seal(salt: document[Field.salt]?.binary, commitment: $0)
        }
        return Change(change: change, seal: seal)
    }

    private static func origin(_ document: BSONDocument) throws(BSONError) -> Origin {
        Origin(
            sequence: try document.integer(Field.originSequence),
            occurredAt: document[Field.occurredAt]?.datetime,
            digest: document[Field.digest]?.integer
        )
    }
}

extension BSONValue {
    var datetime: Int64? {
        if case .datetime(let milliseconds) = self { milliseconds } else { nil }
    }

    /// The text of each element, where the value is an array.
    var strings: [String]? { array?.compactMap(\.string) }
}

extension BSONDocument {
    func time(_ key: String) throws(BSONError) -> Int64 {
        guard let value = self[key] else { throw BSONError(.missingField, field: key) }
        guard let time = value.datetime else { throw BSONError(.wrongType, field: key) }
        return time
    }
}
