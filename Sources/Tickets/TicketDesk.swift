import BSON
public import DocumentStore

/// The desk: everything that is done with tickets goes through here.
///
/// Safe to use from any task.
public struct TicketDesk: Sendable {
    /// What a desk works with, handed in so that a simulation decides it all.
    public struct Environment: Sendable {
        let store: any DocumentStore
        let writer: VersionedWriter
        let clock: ServerClock
        let operationIDs: OperationIDs
        let retry: RetryEnvironment
        let policy: RetryPolicy
        let targets: ResponseTargets
        let lanes = TicketLanes()
        let salt: @Sendable () -> [UInt8]

        /// - Parameters:
        ///   - policy: how long a save is tried while other changes come first, and MongoDB is away.
        ///   - salt: sixteen bytes of true randomness, different in every call.
        public init(
            store: any DocumentStore,
            policy: RetryPolicy,
            retry: RetryEnvironment,
            operationIDs: OperationIDs,
            targets: ResponseTargets = .standard,
            salt: @escaping @Sendable () -> [UInt8]
        ) {
            self.store = store
            writer = VersionedWriter(store: store, policy: policy, environment: retry)
            clock = ServerClock(store: store, environment: retry)
            self.retry = retry
            self.policy = policy
            self.operationIDs = operationIDs
            self.targets = targets
            self.salt = salt
        }
    }

    /// How many random bytes make a salt.
    public static let saltBytes = EventChain.saltBytes

    let environment: Environment

    public init(_ environment: Environment) {
        self.environment = environment
    }

    /// Counts of attempts, retries and conflicts so far.
    public var statistics: ChangeStatistics { environment.writer.statistics }

    /// The time by the server's clock, in milliseconds since 1970.
    public func now() async throws(StoreError) -> Int64 { try await environment.clock.now() }

    var eventContext: EventContext { EventContext(targets: environment.targets, salt: environment.salt) }

    static func key(_ id: String) -> DocumentKey {
        DocumentKey(collection: SupportRequestsCollection.name, id: .string(id))
    }
}

// MARK: - Reading

extension TicketDesk {
    /// How much of a ticket's history is read along.
    enum HistoryPart {
        case none
        case last(Int)
        /// All that the ticket itself holds.
        case whole
    }

    /// The ticket without its history, or nil where there is none.
    ///
    /// - Throws: `StoreError`.
    public func find(_ id: String) async throws(StoreError) -> Ticket? {
        try await find(id, .none)
    }

    /// The ticket as it is now, whoever changed it last; nil where there is none.
    ///
    /// For a moment after a failover, reads are of what was there some time before: where another process has told of
    /// something newer, this finds it.
    func findLatest(_ id: String) async throws(StoreError) -> Ticket? {
        try await passMoment()
        return try await find(id)
    }

    /// Lets what is read next be no older than what the store has now.
    func passMoment() async throws(StoreError) { _ = try await environment.writer.moment() }

    func find(_ id: String, _ part: HistoryPart) async throws(StoreError) -> Ticket? {
        let events = SupportRequestsCollection.Field.events
        let fields: DocumentQuery.Fields =
            switch part {
            case .none: .excluding([events])
            case .last(let count): .tail(of: events, count: count, excluding: [])
            case .whole: .all
            }
        let query = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.equals(DocumentField.id, .string(id))],
            fields: fields,
            limit: 1
        )
        guard let document = try await environment.writer.find(query).first else { return nil }
        return try Ticket(document)
    }

    /// The ticket with its whole history, the archive included.
    ///
    /// - Throws: `StoreError`.
    public func ticketWithHistory(_ id: String) async throws(StoreError) -> Ticket? {
        guard var ticket = try await find(id, .whole) else { return nil }
        try await addArchive(to: &ticket)
        return ticket
    }

    /// The id of the ticket that `name` means: its own id, or the one that it has in the system that it came from.
    ///
    /// - Throws: `StoreError`; `TicketError` where nothing, or more than one ticket, goes by that name.
    public func resolve(_ name: String) async throws -> String {
        let own = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.equals(DocumentField.id, .string(name))],
            fields: .only([DocumentField.id]),
            limit: 1
        )
        if try await environment.writer.find(own).first != nil { return name }
        let foreign = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.equals(SupportRequestsCollection.Field.externalID, .string(name))],
            fields: .only([DocumentField.id]),
            limit: 2
        )
        let found = try await environment.writer.find(foreign).compactMap { $0[DocumentField.id]?.string }
        switch found.count {
        case 1: return found[0]
        case 0: throw TicketError.notFound(name)
        default:
            throw TicketError(
                .notFound,
                "several tickets are \(name.printable) in the systems they came from: \(found.joined(separator: ", "))"
            )
        }
    }

    /// The ticket as it is now, with the events after a version in their order; nil where it is gone.
    ///
    /// - Throws: `StoreError`.
    func events(of ticket: Ticket, after version: Int64) async throws(StoreError) -> (Ticket, [TicketEvent])? {
        let count = Int(clamping: ticket.version - version) + Self.tailMargin
        guard var fresh = try await find(ticket.id, count <= Self.tailMax ? .last(count) : .whole) else { return nil }
        if !fresh.holdsEvents(after: version) {
            guard let whole = try await ticketWithHistory(ticket.id) else { return nil }
            fresh = whole
        }
        return (fresh, fresh.events.filter { $0.sequence > version })
    }

    /// Changes that may come while the events are read.
    private static let tailMargin = 8
    private static let tailMax = 64
}

extension Ticket {
    /// Whether all events after a version were read along.
    fileprivate func holdsEvents(after version: Int64) -> Bool {
        guard self.version > version else { return true }
        return events.first.map { $0.sequence <= version + 1 } ?? false
    }
}
