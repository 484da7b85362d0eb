import BSON

/// Counts what steps would come to, without a database: what a dry run tells.
///
/// It knows what it has been given, not what is stored. It keeps numbers and hashes of each step, no texts.
public struct ImportTally: Sendable {
    private let numbering: ImportNumbering
    private var tickets: [String: TalliedTicket] = [:]

    public init(numbering: ImportNumbering) {
        self.numbering = numbering
    }

    /// Adds a step to those that were given before.
    public mutating func add(_ step: ImportedStep) -> ImportOutcome {
        // In place: a copy of the ticket for every step would be a copy of its whole history.
        if let outcome = tickets[step.externalID]?.add(step, numbering) { return outcome }
        guard step.makesTicket else { return .unknownTicket }
        tickets[step.externalID] = TalliedTicket(madeBy: step)
        return .applied(made: true)
    }

    /// How many tickets the steps make.
    public var ticketCount: Int { tickets.count }

    /// The holes that are open, by the source's names of the tickets.
    public var gaps: [ImportedGap] {
        tickets.sorted { $0.key < $1.key }.flatMap { name, ticket in
            ticket.source.gaps.map { gap in
                ImportedGap(
                    externalID: name,
                    after: gap.after,
                    before: gap.before,
                    numbering: gap.numbering,
                    missing: gap.missingCount,
                    version: 0
                )
            }
        }
    }
}

/// As much of a ticket as it takes to decide on its next step.
private struct TalliedTicket: Sendable {
    private struct Identity: Hashable {
        let sequence: Int64
        let digest: Int64

        init(_ step: ImportedStep) { (sequence, digest) = (step.sequence, step.digest) }
    }

    private(set) var source: TicketSource
    private var version: Int64 = 0
    private var outcomes: [Identity: ImportOutcome] = [:]
    /// The hashes of the values that each field has had, and the versions since which.
    private var values: [TicketField: [(version: Int64, hash: Int)]] = [:]

    init(madeBy step: ImportedStep) {
        source = TicketSource(
            source: "",
            externalID: step.externalID,
            appliedSequence: step.sequence,
            appliedAt: step.occurredAt
        )
        outcomes[Identity(step)] = .applied(made: true)
        version = 1
        set(.status, .string(TicketStatus.new.rawValue))
        follow(step)
    }

    mutating func add(_ step: ImportedStep, _ numbering: ImportNumbering) -> ImportOutcome {
        if let first = outcomes[Identity(step)] { return .duplicate(of: first) }
        let outcome: ImportOutcome =
            source.take(step, numbering).isLate ? .late : (collides(step) ? .conflicted : .applied(made: false))
        outcomes[Identity(step)] = outcome
        version += 1
        if outcome == .applied(made: false) { follow(step) }
        return outcome
    }

    /// Whether a field has got another value since the version that the sender had seen, and not the wanted one.
    private func collides(_ step: ImportedStep) -> Bool {
        guard let seen = step.expectedVersion, seen != version else { return false }
        if seen > version { return true }
        return step.assignments.contains { assignment in
            guard assignment.field != .tags else { return false }
            let current = hash(of: assignment.field, at: version)
            return current != Self.hash(assignment.value) && current != hash(of: assignment.field, at: seen)
        }
    }

    private func hash(of field: TicketField, at version: Int64) -> Int {
        values[field]?.last { $0.version <= version }?.hash ?? Self.hash(.null)
    }

    /// Gives the fields the values that the step says they have.
    private mutating func follow(_ step: ImportedStep) {
        let named = Set(step.assignments.map(\.field))
        if step.kind == .snapshot {
            for field in values.keys where !named.contains(field) && field != .status { set(field, .null) }
        }
        for assignment in step.assignments where assignment.field != .tags { set(assignment.field, assignment.value) }
    }

    private mutating func set(_ field: TicketField, _ value: BSONValue) {
        let hash = Self.hash(value)
        guard self.hash(of: field, at: version) != hash else { return }
        values[field, default: []].append((version, hash))
    }

    private static func hash(_ value: BSONValue) -> Int { BSONDocument([("", value)]).hashValue }
}
