import BSON
import DocumentStore

/// A step of a ticket that happened while somebody watched.
public struct TicketNews: Equatable, Sendable {
    public let ticket: Ticket
    public let event: TicketEvent
}

/// Follows tickets: tells each new event once, in the order of each ticket.
///
/// What rings the bell (a change stream, or a look every second) is somebody else's; a bell that rings for nothing, or
/// twice, does no harm.
public struct TicketWatch: Sendable {
    private let desk: TicketDesk
    private let only: Set<String>?
    /// When watching began, by the server's clock.
    private let start: Int64
    /// The last version that was told, of tickets that changed.
    private var told: [String: Int64] = [:]
    /// What was found before an error.
    private var untold: [TicketNews] = []
    /// How far `poll` has looked.
    private var polledThrough: Int64

    /// Tickets whose versions are remembered; beyond that, the events' times tell what is new.
    private static let toldMax = 100_000
    /// Changes are stored in another order than that of their times, by so much beyond the deadline of a change.
    private static let pollOverlap: Int64 = 5_000
    private static let pollLimit = 1_000

    /// Begins to watch now.
    ///
    /// - Parameter only: these tickets; nil for all.
    /// - Throws: `StoreError`.
    public init(_ desk: TicketDesk, only: [String]? = nil) async throws {
        self.desk = desk
        self.only = only.map(Set.init)
        start = try await desk.now()
        polledThrough = start
        for id in only ?? [] { told[id] = try await desk.find(id)?.version ?? 0 }
    }

    /// What is new of tickets that may have changed.
    ///
    /// - Throws: `StoreError`; what was found until then comes with the next call.
    public mutating func news(of changed: [String]) async throws -> [TicketNews] {
        for id in changed where only?.contains(id) ?? true {
            let known = told[id]
            guard let seen = try await desk.find(id), seen.version > known ?? 0 else { continue }
            let since = known ?? max(0, seen.version - Self.tail)
            guard var (ticket, events) = try await desk.events(of: seen, after: since) else { continue }
            if known == nil, since > 0, let first = events.first, first.time >= start {
                // So much is new that there may be more of it.
                guard let whole = try await desk.events(of: seen, after: 0) else { continue }
                (ticket, events) = whole
            }
            if told.count >= Self.toldMax { told = [:] }
            told[id] = ticket.version
            for event in events where known != nil || event.time >= start {
                untold.append(TicketNews(ticket: ticket, event: event))
            }
        }
        defer { untold = [] }
        return untold
    }

    /// Looks which tickets changed since the last look, where no change stream tells.
    ///
    /// - Throws: `StoreError`.
    public mutating func poll() async throws -> [TicketNews] {
        let now = try await desk.now()
        // A change bears the time at which it was decided on, and is stored until the deadline.
        let overlap = desk.environment.policy.deadline.milliseconds + Self.pollOverlap
        typealias Field = SupportRequestsCollection.Field
        let query = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.greaterOrEqual(Field.updatedAt, .datetime(polledThrough - overlap))],
            order: [.init(Field.updatedAt)],
            fields: .only([DocumentField.id, DocumentField.version]),
            limit: .max
        )
        var pages = DocumentPages(reader: desk.environment.writer, query: query, pageSize: Self.pollLimit)
        var changed: [String] = []
        while true {
            let documents = try await pages.next()
            if documents.isEmpty { break }
            for document in documents {
                guard let id = document[DocumentField.id]?.string,
                    let version = document[DocumentField.version]?.integer
                else { continue }
                if told[id] ?? 0 < version { changed.append(id) }
            }
        }
        let found = try await news(of: changed)
        polledThrough = now
        return found
    }

    /// A ticket that was not known before is asked for so many of its last events.
    private static let tail: Int64 = 32
}
