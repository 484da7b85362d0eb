import BSON
import DocumentStore
import Feeds
import MarketData
import Records
import SimulatedStore

@testable import Tickets

/// All that is stored of an import, without what differs from run to run: ids, the server's times, salts and hashes.
struct TicketPicture: Equatable {
    private(set) var tickets: [String] = []
    private(set) var rejects: [String] = []
    private(set) var gaps: [String] = []
    private(set) var checkpoint: [String] = []
    /// Which records made events, by ticket, number and digest.
    private(set) var origins: [String] = []

    /// Takes the picture; the store must be without faults.
    static func take(_ simulation: TicketSimulation) async throws -> TicketPicture {
        var picture = TicketPicture()
        let desk = simulation.desk()
        for document in simulation.store.documents(in: SupportRequestsCollection.name) {
            let id = document[DocumentField.id]?.string ?? ""
            guard let ticket = try await desk.ticketWithHistory(id) else { continue }
            picture.add(ticket)
        }
        picture.addRecords(of: simulation.store)
        return picture
    }

    private mutating func add(_ ticket: Ticket) {
        let times = Set(ticket.events.compactMap { $0.origin?.occurredAt })
        // What the source does not tell the time of has the server's.
        let told = { (time: Int64?) in time.map { times.contains($0) ? "\($0)" : "server's" } ?? "none" }
        let fields = ticket.fields.filter { !Self.differing.contains($0.field) }
        tickets.append("\(ticket.id) version \(ticket.version): " + fields.map { "\($0.field)=\($0.value)" }.joined())
        let moments = [ticket.createdAt, ticket.firstResponseAt, ticket.resolvedAt, ticket.closedAt].map(told)
        tickets.append("  created, answered, resolved, closed: \(moments)")
        for event in ticket.events {
            let changes = event.changes.map { "\($0.change)" }
            let origin = event.origin.map { "\($0)" } ?? "an agent's"
            tickets.append("  \(event.sequence) \(event.actor ?? "") \(event.operation) \(changes) \(origin)")
            guard let origin = event.origin else { continue }
            origins.append("\(ticket.id) \(origin.sequence) \(origin.digest ?? 0)")
        }
    }

    private static let differing: Set<String> = {
        typealias Field = SupportRequestsCollection.Field
        return [
            Field.createdAt, Field.updatedAt, Field.firstResponseAt, Field.resolvedAt, Field.closedAt, Field.dueAt,
            Field.priorityOrder, Field.headHash, Field.historyBytes, Field.archives,
        ]
    }()

    private mutating func addRecords(of store: SimulatedStore) {
        let own: Set<String> = [DocumentField.version, DocumentField.lastOperationID]
        let text = { (document: BSONDocument) in
            document.fields.filter { !own.contains($0.key) }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }
        rejects = store.documents(in: RejectsCollection.name).map(text)
        gaps = store.documents(in: GapsCollection.name).map(text)
        checkpoint = store.documents(in: CheckpointsCollection.name).map(text)
    }

    /// What differs from the picture that was expected.
    func differences(from expected: TicketPicture) -> [String] {
        [
            ("tickets", tickets, expected.tickets), ("rejects", rejects, expected.rejects),
            ("gaps", gaps, expected.gaps), ("checkpoint", checkpoint, expected.checkpoint),
        ].compactMap { name, found, wanted in
            guard found != wanted else { return nil }
            let place = zip(found, wanted).first { $0 != $1 }
            return "\(name): \(found.count) lines, not \(wanted.count); \(place?.0.prefix(600) ?? "…") instead of "
                + "\(place?.1.prefix(600) ?? "…")"
        }
    }
}
