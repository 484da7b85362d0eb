import BSON
public import DocumentStore

/// What a verification of tickets found.
public struct TicketVerification: Equatable, Sendable {
    public struct Finding: Equatable, Sendable {
        public let ticket: String
        /// The event, where the finding is about one.
        public let sequence: Int64?
        public let problem: String
    }

    public var tickets = 0
    public var events = 0
    public var archives = 0
    /// Values that were erased.
    public var erased = 0
    /// Numbers that were given out and name no ticket: of creations that did not come about, or of tickets that
    /// somebody deleted.
    public var numbersWithoutTicket: Int64 = 0
    /// Tickets that a newer program wrote, or whose history it wrote: they are not checked, and no fault.
    public var newer = 0
    /// The first of the findings.
    public var findings: [Finding] = []
    public var findingCount = 0

    public var isClean: Bool { findingCount == 0 }
    /// Whether all tickets were checked.
    public var isComplete: Bool { newer == 0 }

    static let findingsMax = 1_000

    mutating func add(_ found: [Finding]) {
        findingCount += found.count
        findings += found.prefix(max(0, Self.findingsMax - findings.count))
    }
}

/// Proves the history of every ticket: that no event was changed, removed or moved, and that the fields are what the
/// history says.
public struct TicketVerifier: Sendable {
    private let desk: TicketDesk

    public init(_ desk: TicketDesk) {
        self.desk = desk
    }

    /// Reads every ticket with its archive.
    ///
    /// - Throws: `StoreError`; what cannot be read as a ticket is a finding.
    public func verify(
        progress: (TicketVerification) -> Void = { _ in }
    ) async throws(StoreError) -> TicketVerification {
        var result = TicketVerification()
        var numbered: Int64 = 0
        let query = DocumentQuery(
            SupportRequestsCollection.name,
            order: [.init(DocumentField.id)],
            limit: .max
        )
        var pages = DocumentPages(reader: desk.environment.writer, query: query, pageSize: Self.ticketsPerRead)
        while true {
            let documents = try await pages.next()
            guard !documents.isEmpty else { break }
            for document in documents {
                let ticket: Ticket
                do throws(StoreError) {
                    ticket = try Ticket(document)
                } catch {
                    result.tickets += 1
                    if error.code == .newerSchema {
                        result.newer += 1
                        if document[SupportRequestsCollection.Field.source]?.string == nil { numbered += 1 }
                        continue
                    }
                    let id = document[DocumentField.id]?.string ?? "?"
                    result.add([.init(ticket: id, sequence: nil, problem: error.message)])
                    continue
                }
                if ticket.source == nil { numbered += 1 }
                do throws(StoreError) {
                    try await verify(ticket, &result)
                } catch {
                    guard error.code == .newerSchema else { throw error }
                    result.tickets += 1
                    result.newer += 1
                }
            }
            progress(result)
        }
        result.numbersWithoutTicket = max(0, try await lastNumber() - numbered)
        return result
    }

    /// Documents that are held at once: each is up to some megabytes.
    private static let ticketsPerRead = 20

    private func verify(_ ticket: Ticket, _ result: inout TicketVerification) async throws(StoreError) {
        var audit = TicketAudit(ticket: ticket.id)
        var events: [TicketEvent] = []
        let archives = try await desk.archives(of: ticket)
        for archive in ticket.archives {
            let document = archives.first { $0[DocumentField.id]?.objectID == archive.id }
            let range = "\(archive.sequences.lowerBound) to \(archive.sequences.upperBound)"
            guard let document else {
                audit.report(archive.sequences.lowerBound, "the archive with events \(range) is missing")
                continue
            }
            do throws(StoreError) {
                events += try ArchivedEvents(document).events
            } catch {
                if error.code == .newerSchema { throw error }
                audit.report(archive.sequences.lowerBound, "the archive with events \(range) cannot be read")
            }
        }
        events += ticket.events
        result.archives += archives.count
        result.tickets += 1
        result.events += events.count
        result.erased += events.reduce(0) { $0 + $1.changes.count(where: \.isErased) }
        audit.check(events, of: ticket)
        result.add(audit.findings)
    }

    private func lastNumber() async throws(StoreError) -> Int64 {
        let query = DocumentQuery(
            CountersCollection.name,
            where: [.equals(DocumentField.id, .string(CountersCollection.tickets))],
            limit: 1
        )
        return try await desk.environment.writer.find(query).first?[CountersCollection.Field.last]?.integer ?? 0
    }
}

/// The examination of one ticket's history.
struct TicketAudit {
    private let ticket: String
    private(set) var findings: [TicketVerification.Finding] = []
    private var replayed: Ticket
    /// Fields whose value is not known since an erasure.
    private var unknown: Set<TicketField> = []
    private var hasUnknownAnswers = false

    init(ticket: String) {
        self.ticket = ticket
        replayed = Ticket(id: ticket)
    }

    mutating func report(_ sequence: Int64?, _ problem: String) {
        findings.append(.init(ticket: ticket, sequence: sequence, problem: problem))
    }

    /// Examines the events, which should be all of the ticket's, against each other and against its fields.
    mutating func check(_ events: [TicketEvent], of stored: Ticket) {
        let lastErasure = events.last { $0.operation == .erase }?.sequence ?? 0
        for event in events {
            checkPlace(event)
            checkContent(event, lastErasure)
            replay(event)
        }
        checkEnd(stored)
        checkRequesters(events, stored)
    }

    private mutating func checkPlace(_ event: TicketEvent) {
        let expected = replayed.version + 1
        if event.sequence > expected {
            let missing =
                event.sequence - 1 == expected
                ? "event \(expected) is" : "events \(expected) to \(event.sequence - 1) are"
            report(expected, "\(missing) missing")
        } else if event.sequence < expected {
            report(
                event.sequence,
                "event \(event.sequence) is out of its order: it stands behind event \(expected - 1)"
            )
        } else if event.previousHash != replayed.headHash {
            report(
                event.sequence,
                "event \(event.sequence) does not follow from event \(expected - 1), which was changed or replaced"
            )
        }
        if event.time < replayed.updatedAt {
            report(event.sequence, "event \(event.sequence) is older than the one before it")
        }
    }

    private mutating func checkContent(_ event: TicketEvent, _ lastErasure: Int64) {
        if event.computedHash(ticket: ticket) != event.hash {
            report(event.sequence, "event \(event.sequence) was changed: its hash is another one")
        }
        for field in EventChain.brokenSeals(of: event) {
            report(event.sequence, "event \(event.sequence) was changed: the \(field) is not what it was sealed as")
        }
        let lacksText = event.actorSeal.salt == nil || event.changes.contains(where: \.isErased)
        if lacksText, event.sequence > lastErasure {
            report(event.sequence, "text of event \(event.sequence) was removed without an erasure")
        }
        guard event.isApplied, event.operation != .erase else { return }
        for change in event.changes where !change.isErased && !change.change.field.isAddition {
            let field = change.change.field
            guard !unknown.contains(field), !isFirstValue(event, change.change) else { continue }
            if replayed[field] != change.change.from, !(replayed[field] == .array([]) && change.change.from == .null) {
                report(event.sequence, "event \(event.sequence) changes \(field) from what it was not")
            }
        }
    }

    /// What the first event sets has no value before it, whatever a new ticket starts with.
    private func isFirstValue(_ event: TicketEvent, _ change: FieldChange) -> Bool {
        event.sequence == 1 && change.from == .null
    }

    private mutating func replay(_ event: TicketEvent) {
        replayed.fold(event)
        for change in event.changes where event.isApplied {
            if change.isErased { unknown.insert(change.change.field) } else { unknown.remove(change.change.field) }
        }
        // Whether a comment is an answer takes to know who wrote it, and who the requester was.
        if event.actor == nil || unknown.contains(.requester) { hasUnknownAnswers = true }
    }

    /// A ticket that does not list whom it holds text of would be passed over by an erasure.
    private mutating func checkRequesters(_ events: [TicketEvent], _ stored: Ticket) {
        let named = Set(events.flatMap(\.peopleNamed))
        guard !named.isSubset(of: stored.requesters) else { return }
        report(nil, "the list of requesters lacks one that the history names")
    }

    private mutating func checkEnd(_ stored: Ticket) {
        if replayed.version < stored.version {
            report(
                replayed.version + 1,
                "the last events are missing: the ticket has version \(stored.version), "
                    + "and its history ends at \(replayed.version)"
            )
        } else if replayed.version > stored.version {
            report(nil, "the ticket has version \(stored.version), and its history goes to \(replayed.version)")
        }
        if replayed.headHash != stored.headHash { report(nil, "the ticket does not name its last event by its hash") }
        for field in Set(stored.historyFields).union(replayed.historyFields).sorted()
        where !unknown.contains(field) && stored[field] != replayed[field] {
            report(nil, "\(field) is not what the history says")
        }
        if stored.updatedAt != replayed.updatedAt {
            report(nil, "the time of the last change is not what the history says")
        }
        if stored.commentCount != replayed.commentCount {
            report(nil, "the number of comments is not what the history says")
        }
        if !hasUnknownAnswers, stored.firstResponseAt != replayed.firstResponseAt {
            report(nil, "the time of the first response is not what the history says")
        }
        if stored.resolvedAt != replayed.resolvedAt || stored.closedAt != replayed.closedAt
            || stored.createdAt != replayed.createdAt
        {
            report(nil, "the times of creation and resolution are not what the history says")
        }
    }
}

extension TicketField {
    /// Whether events only add to it.
    fileprivate var isAddition: Bool { self == .comment || self == .isInternal }
}

extension Ticket {
    /// All fields that events set.
    fileprivate var historyFields: [TicketField] {
        TicketField.known + custom.keys.map { TicketField(stored: "custom." + $0) } + [
            .mergedInto, .mergedTickets, .splitFrom, .splitTickets, .flags, .isDeleted,
        ]
    }
}
