/// Counts what steps would come to, without a database: what a dry run tells.
///
/// It knows what it has been given, not what is stored.
public struct ImportTally: Sendable {
    private struct Known {
        var source: TicketSource
        var digests: Set<Int64>
    }

    private let numbering: ImportNumbering
    private var tickets: [String: Known] = [:]

    public init(numbering: ImportNumbering) {
        self.numbering = numbering
    }

    /// Adds a step to those that were given before.
    public mutating func add(_ step: ImportedStep) -> ImportOutcome {
        guard var known = tickets[step.externalID] else {
            guard step.kind == .create || step.kind == .snapshot else { return .unknownTicket }
            let source = TicketSource(
                source: "",
                externalID: step.externalID,
                appliedSequence: step.sequence,
                appliedAt: step.occurredAt
            )
            tickets[step.externalID] = Known(source: source, digests: [step.digest])
            return .applied(made: true)
        }
        defer { tickets[step.externalID] = known }
        let isNew = known.digests.insert(step.digest).inserted
        if step.sequence > known.source.appliedSequence {
            known.source.apply(step, numbering)
            return .applied(made: false)
        }
        guard isNew else { return .duplicate(made: false, late: false) }
        if known.source.beginsAnew(with: step, numbering) {
            known.source.beginAnew(with: step)
            return .applied(made: false)
        }
        known.source.fill(step.sequence)
        return .late
    }

    /// The holes that are open, by the source's names of the tickets.
    public var gaps: [ImportedGap] {
        tickets.sorted { $0.key < $1.key }.flatMap { name, known in
            known.source.gaps.map { gap in
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
