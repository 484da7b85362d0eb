import BSON
import DocumentStore

// How the oldest events of a long history leave the ticket.
//
// First they are written into an archive document of its own; then the change that appends the next event drops them
// from the ticket and lists the archive document, in one findAndModify. So what a reader does not find in the ticket
// that it read is in an archive that this ticket lists. A change that does not come about leaves a document that no
// ticket lists: it takes that away itself, or, where it was killed, nobody looks at it.
extension TicketDesk {
    /// Adds the archived events of a ticket to those that it holds.
    func addArchive(to ticket: inout Ticket) async throws(StoreError) {
        var archived: [TicketEvent] = []
        for document in try await archives(of: ticket) { archived += try ArchivedEvents(document).events }
        ticket.events = archived + ticket.events.filter { $0.sequence > ticket.archivedThrough }
    }

    /// The archive documents that the ticket lists, in the order of their events.
    ///
    /// One that is not there is left out.
    func archives(of ticket: Ticket) async throws(StoreError) -> [BSONDocument] {
        var documents: [BSONDocument] = []
        for start in stride(from: 0, to: ticket.archives.count, by: Self.archivesPerRead) {
            let ids = ticket.archives[start...].prefix(Self.archivesPerRead).map(\.id)
            let query = DocumentQuery(
                SupportHistoryCollection.name,
                where: [
                    .equals(SupportHistoryCollection.Field.ticket, .string(ticket.id)),
                    .isIn(DocumentField.id, ids.map { .objectID($0) }),
                ],
                order: [.init(SupportHistoryCollection.Field.firstSequence)],
                limit: Self.archivesPerRead
            )
            documents += try await environment.writer.find(query)
        }
        return documents
    }

    private static let archivesPerRead = 20

    /// Writes the oldest events of a ticket into a new archive document, so that enough room is left in the ticket.
    ///
    /// The ticket has to hold all of its events that are not archived. It is changed in memory only; until it is
    /// saved, nobody sees the archive document, and `discard` takes it away.
    func archiveOldest(of ticket: inout Ticket) async throws(StoreError) -> TicketArchive? {
        var kept = ticket.historyBytes
        var moved: [TicketEvent] = []
        for event in ticket.events where kept > TicketLimits.historyBytesKept {
            moved.append(event)
            kept -= Int64(event.document.bytes.count)
        }
        // The last event stays: a ticket without any would not tell how it came about.
        if moved.count == ticket.events.count, let last = moved.popLast() { kept += Int64(last.document.bytes.count) }
        guard let first = moved.first?.sequence, let last = moved.last?.sequence else { return nil }
        let archive = TicketArchive(id: environment.operationIDs.make(), sequences: first...last)
        let change = VersionedChange(
            key: ArchivedEvents.key(ticket: ticket.id, archive.id),
            action: .create(ArchivedEvents(events: moved).fields(requesters: ticket.requesters)),
            operationID: archive.id,
            conflictExcludes: [SupportHistoryCollection.Field.events]
        )
        switch await environment.writer.apply(change) {
        case .applied: break
        case .failed(let error), .unknown(let error): throw error
        case .conflict, .notFound:
            throw StoreError(.refused, "the archive of ticket \(ticket.id) could not be written: its id is taken")
        }
        ticket.archives.append(archive)
        ticket.events.removeFirst(moved.count)
        ticket.historyBytes = kept
        return archive
    }

    /// Takes an archive document away that no ticket lists.
    ///
    /// Where that fails, the document stays, and nobody looks at it.
    func discard(_ archive: TicketArchive?, of ticket: String) async {
        if let archive { await discard(archive.id, of: ticket, version: 1) }
    }

    func discard(_ archive: ObjectID, of ticket: String, version: Int64) async {
        let change = VersionedChange(
            key: ArchivedEvents.key(ticket: ticket, archive),
            action: .delete(expectedVersion: version),
            operationID: environment.operationIDs.make(),
            conflictExcludes: [SupportHistoryCollection.Field.events]
        )
        _ = await environment.writer.apply(change)
    }
}

/// The content of an archive document.
struct ArchivedEvents {
    private typealias Field = SupportHistoryCollection.Field

    let events: [TicketEvent]

    init(events: [TicketEvent]) {
        self.events = events
    }

    /// - Throws: `StoreError` of code `unreadable`, or `newerSchema` where a newer program wrote it.
    init(_ document: BSONDocument) throws(StoreError) {
        let document = try SupportHistoryCollection.schema.current(document)
        do throws(BSONError) {
            var events: [TicketEvent] = []
            for element in try document.array(Field.events) {
                guard let event = element.document else { throw BSONError(.wrongType, field: Field.events) }
                events.append(try TicketEvent(event))
            }
            self.events = events
        } catch {
            let ticket = document[Field.ticket]?.string ?? "?"
            throw StoreError(.unreadable, "the archive of ticket \(ticket) cannot be read: \(error)")
        }
    }

    func fields(requesters: [String]) -> BSONDocument {
        [
            DocumentField.schemaVersion: .int64(SupportHistoryCollection.schemaVersion),
            Field.firstSequence: .int64(events.first?.sequence ?? 0),
            Field.lastSequence: .int64(events.last?.sequence ?? 0),
            Field.requesters: .array(requesters.map { .string($0) }),
            Field.events: .array(events.map { .document($0.document) }),
        ]
    }

    static func key(ticket: String, _ id: ObjectID) -> DocumentKey {
        DocumentKey(
            collection: SupportHistoryCollection.name,
            id: .objectID(id),
            shardKey: DocumentKey.ShardKey(field: Field.ticket, value: .string(ticket))
        )
    }
}
