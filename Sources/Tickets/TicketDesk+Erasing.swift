public import BSON
import DocumentStore
import Records

/// What an erasure touches, or would touch.
public struct ErasureCounts: Equatable, Sendable {
    public var tickets = 0
    public var events = 0
    public var archives = 0
    public var rejects = 0

    public init() {}
}

/// The proof of an erasure; it holds no personal data.
public struct ErasureReceipt: Equatable, Sendable {
    public let id: ObjectID
    public let agent: String
    /// In milliseconds since 1970.
    public let startedAt: Int64
    public let completedAt: Int64
    public let counts: ErasureCounts
    /// Other tickets whose texts hold all words of the address; what they say is for a person to judge.
    public let mentionedIn: [String]
}

// Erasing removes what a requester said and who they are, with the salts, from tickets, archives and rejected records.
// The commitments stay, so the chain of hashes still proves that nothing else changed.
//
// A ticket is found by its list of requesters, from which the erasure takes the requester in its last step: what was
// interrupted is found again. Records and archives that belong to a ticket go before it.
extension TicketDesk {
    /// What an erasure would touch, without touching it.
    ///
    /// - Throws: `StoreError`.
    public func erasureCounts(of requester: String) async throws -> ErasureCounts {
        var counts = ErasureCounts()
        // A record may be about a ticket and mention the address as well.
        var rejects = Set<BSONDocument>()
        var pages = DocumentPages(reader: environment.writer, query: Self.tickets(of: requester), pageSize: 20)
        while true {
            let documents = try await pages.next()
            if documents.isEmpty { break }
            for document in documents {
                let ticket = try Ticket(document)
                counts.tickets += 1
                counts.events += ticket.erasing(requester, ticket.events).erased
                for archive in try await allArchives(of: ticket.id) {
                    let erased = ticket.erasing(requester, try ArchivedEvents(archive).events).erased
                    counts.events += erased
                    counts.archives += erased > 0 ? 1 : 0
                }
                for reject in try await self.rejects(about: ticket) { rejects.insert(Self.reference(to: reject)) }
            }
        }
        try await forEachReject(mentioning: requester) { rejects.insert(Self.reference(to: $0)) }
        counts.rejects = rejects.count
        return counts
    }

    /// Removes a requester's personal text everywhere, and writes a receipt.
    ///
    /// - Throws: `StoreError`, `TicketError`. Where it fails or is killed, running it again finishes.
    public func erase(_ requester: String, by agent: String) async throws -> ErasureReceipt {
        guard agent.lowercased() != requester.lowercased() else {
            throw TicketError(.forbidden, "an erasure names who made it: somebody else has to erase what you wrote")
        }
        let id = environment.operationIDs.make()
        let startedAt = try await environment.clock.now()
        try await writeReceipt(id, agent, startedAt, nil, ErasureCounts())
        var counts = ErasureCounts()
        var done = Set<String>()
        while true {
            var query = Self.tickets(of: requester)
            query.fields = .only([DocumentField.id])
            query.limit = 100
            let found = try await environment.writer.find(query).compactMap { $0[DocumentField.id]?.string }
            if found.isEmpty { break }
            for ticket in found {
                try await erase(requester, in: ticket, by: agent, &counts)
                guard done.insert(ticket).inserted else {
                    throw StoreError(.unreadable, "ticket \(ticket) names the requester again after its erasure")
                }
            }
        }
        try await forEachReject(mentioning: requester) { try await eraseReject($0, &counts) }
        try await removeLeftArchives(of: requester)
        let completedAt = try await environment.clock.now()
        try await writeReceipt(id, agent, startedAt, completedAt, counts)
        return ErasureReceipt(
            id: id,
            agent: agent,
            startedAt: startedAt,
            completedAt: completedAt,
            counts: counts,
            mentionedIn: try await mentions(of: requester)
        )
    }

    static func tickets(of requester: String) -> DocumentQuery {
        DocumentQuery(
            SupportRequestsCollection.name,
            where: [.equals(SupportRequestsCollection.Field.requesters, .string(requester.lowercased()))],
            order: [.init(DocumentField.id)],
            limit: .max
        )
    }

    private func mentions(of requester: String) async throws -> [String] {
        var query = TicketQuery(limit: 100)
        query.words = SearchTerms.words([requester])
        guard !query.words.isEmpty else { return [] }
        var documents = query.documentQuery
        documents.fields = .only([DocumentField.id])
        return try await environment.writer.find(documents).compactMap { $0[DocumentField.id]?.string }
    }
}

// MARK: - Tickets and their archives

extension TicketDesk {
    private func erase(
        _ requester: String,
        in id: String,
        by agent: String,
        _ counts: inout ErasureCounts
    ) async throws {
        let deadline = environment.retry.now() + environment.policy.deadline
        for attempt in 1... {
            guard let ticket = try await find(id, .whole), ticket.requesters.contains(requester.lowercased()) else {
                return
            }
            for reject in try await rejects(about: ticket) { try await eraseReject(reject, &counts) }
            var archived: [TicketEvent] = []
            for archive in try await allArchives(of: id) {
                archived += try await eraseArchive(archive, requester, ticket, &counts)
            }
            if case .saved = try await attemptErasure(requester, ticket, archived, by: agent, &counts) {
                counts.tickets += 1
                // A program that was killed while it archived events left a document that no ticket lists.
                for archive in try await allArchives(of: id) {
                    _ = try await eraseArchive(archive, requester, ticket, &counts)
                }
                return
            }
            let pause = environment.policy.pause(beforeAttempt: attempt, random: environment.retry.random())
            guard environment.retry.now() + pause < deadline else { break }
            try await environment.retry.sleep(pause)
        }
        throw StoreError(.unavailable, "ticket \(id) kept changing until the deadline; run the erasure again")
    }

    private func attemptErasure(
        _ requester: String,
        _ ticket: Ticket,
        _ archived: [TicketEvent],
        by agent: String,
        _ counts: inout ErasureCounts
    ) async throws -> AttemptedSave {
        let draft = EventDraft(
            operation: .erase,
            actor: agent,
            time: try await environment.clock.now(),
            operationID: environment.operationIDs.make(),
            changes: ticket.erasureChanges(requester)
        )
        var (next, event) = ticket.advanced(by: draft, eventContext)
        let (events, erased) = ticket.erasing(requester, ticket.events)
        next.events = events + [event]
        next.requesters = Set((archived + next.events).flatMap(\.peopleNamed)).sorted()
        next.historyBytes = next.events.reduce(0) { $0 + Int64($1.document.bytes.count) }
        next.terms = SearchTerms.additions(next.remainingTexts(archived), to: [])
        var update = DocumentUpdate(set: next.fields)
        update.set.append(
            (SupportRequestsCollection.Field.events, .array(next.events.map { .document($0.document) }))
        )
        let change = VersionedChange(
            key: Self.key(ticket.id),
            action: .update(expectedVersion: ticket.version, update),
            operationID: draft.operationID,
            conflictExcludes: [SupportRequestsCollection.Field.events]
        )
        switch await environment.writer.apply(change) {
        case .applied:
            counts.events += erased
            return .saved(next)
        case .conflict(let current): return .stale(try Ticket(current))
        case .notFound: return .stale(ticket)
        case .failed(let error): throw error
        case .unknown(let error):
            let settled = try await settle(draft.operationID, ticket, error)
            if case .saved = settled { counts.events += erased }
            return settled
        }
    }

    /// All archive documents of a ticket, those too that a killed change left behind.
    private func allArchives(of ticket: String) async throws(StoreError) -> [BSONDocument] {
        var pages = DocumentPages(
            reader: environment.writer,
            query: DocumentQuery(
                SupportHistoryCollection.name,
                where: [.equals(SupportHistoryCollection.Field.ticket, .string(ticket))],
                order: [.init(DocumentField.id)],
                limit: .max
            ),
            pageSize: 10
        )
        var documents: [BSONDocument] = []
        while true {
            let page = try await pages.next()
            if page.isEmpty { return documents }
            documents += page
        }
    }

    /// Erases an archive document and returns its events as they are then.
    private func eraseArchive(
        _ document: BSONDocument,
        _ requester: String,
        _ ticket: Ticket,
        _ counts: inout ErasureCounts
    ) async throws -> [TicketEvent] {
        let (events, erased) = ticket.erasing(requester, try ArchivedEvents(document).events)
        let named = (document[SupportHistoryCollection.Field.requesters]?.strings ?? [])
        let isNamed = named.contains(requester.lowercased())
        guard erased > 0 || isNamed, let id = document[DocumentField.id]?.objectID,
            let version = document[DocumentField.version]?.integer
        else { return events }
        let content = BSONValue.array(events.map { .document($0.document) })
        let change = VersionedChange(
            key: ArchivedEvents.key(ticket: ticket.id, id),
            action: .update(
                expectedVersion: version,
                DocumentUpdate(set: [
                    (SupportHistoryCollection.Field.events, content),
                    (
                        SupportHistoryCollection.Field.requesters,
                        .texts(ticket.isOwned(by: requester) ? [] : named.filter { $0 != requester.lowercased() })
                    ),
                ])
            ),
            operationID: environment.operationIDs.make(),
            conflictExcludes: [SupportHistoryCollection.Field.events]
        )
        switch await environment.writer.apply(change) {
        case .applied:
            counts.events += erased
            counts.archives += erased > 0 ? 1 : 0
        // Another erasure was here, or the change that made the document took it away.
        case .conflict, .notFound: break
        case .failed(let error), .unknown(let error): throw error
        }
        return events
    }
}

// MARK: - What killed programs left behind

extension TicketDesk {
    /// Removes archive documents with text of a requester that no ticket lists.
    ///
    /// The change that would have listed one was decided before the erasure, on a version that is gone: it cannot come
    /// about anymore.
    private func removeLeftArchives(of requester: String) async throws {
        let query = DocumentQuery(
            SupportHistoryCollection.name,
            where: [.equals(SupportHistoryCollection.Field.requesters, .string(requester.lowercased()))],
            order: [.init(DocumentField.id)],
            fields: .excluding([SupportHistoryCollection.Field.events]),
            limit: .max
        )
        var pages = DocumentPages(reader: environment.writer, query: query, pageSize: 100)
        while true {
            let documents = try await pages.next()
            if documents.isEmpty { return }
            for document in documents {
                let document = try SupportHistoryCollection.schema.current(document)
                guard let id = document[DocumentField.id]?.objectID,
                    let name = document[SupportHistoryCollection.Field.ticket]?.string,
                    let version = document[DocumentField.version]?.integer
                else { continue }
                let ticket = try await find(name)
                if ticket?.archives.contains(where: { $0.id == id }) ?? false { continue }
                await discard(id, of: name, version: version)
            }
        }
    }
}

// MARK: - Rejected records

extension TicketDesk {
    private typealias Reject = RejectsCollection.Field

    static let rejectKind = "ticket"

    private func rejects(about ticket: Ticket) async throws(StoreError) -> [BSONDocument] {
        guard let source = ticket.source else { return [] }
        let query = DocumentQuery(
            RejectsCollection.name,
            where: [
                .equals(Reject.ticket, .string(source.externalID)), .startsWith(Reject.source, source.source + "/"),
                .equals(Reject.isErased, .null),
            ],
            order: [.init(DocumentField.id)],
            limit: .max
        )
        var documents = try await nameless(of: source)
        var pages = DocumentPages(reader: environment.writer, query: query, pageSize: 200)
        while true {
            let page = try await pages.next()
            if page.isEmpty { return documents }
            documents += page
        }
    }

    /// What tells a document from others, in a form that sets take.
    private static func reference(to document: BSONDocument) -> BSONDocument {
        [DocumentField.id: document[DocumentField.id] ?? .null]
    }

    /// The rejected records of a source that could not be read far enough to name a ticket, and hold its id.
    private func nameless(of source: TicketSource) async throws(StoreError) -> [BSONDocument] {
        let search = NameSearch(source.externalID)
        let query = DocumentQuery(
            RejectsCollection.name,
            where: [
                .equals(Reject.ticket, .null), .startsWith(Reject.source, source.source + "/"),
                .equals(Reject.isErased, .null), .equals(Reject.kind, .string(Self.rejectKind)),
            ],
            order: [.init(DocumentField.id)],
            limit: .max
        )
        var pages = DocumentPages(reader: environment.writer, query: query, pageSize: 200)
        var found: [BSONDocument] = []
        while true {
            let page = try await pages.next()
            if page.isEmpty { return found }
            found += page.filter { search.matches(String(decoding: $0[Reject.raw]?.binary ?? [], as: UTF8.self)) }
        }
    }

    /// Goes through the rejected records of tickets whose bytes hold the address, in any case of letters.
    private func forEachReject(
        mentioning requester: String,
        _ body: (BSONDocument) async throws -> Void
    ) async throws {
        let search = NameSearch(requester)
        let query = DocumentQuery(
            RejectsCollection.name,
            where: [.equals(Reject.kind, .string(Self.rejectKind)), .equals(Reject.isErased, .null)],
            order: [.init(DocumentField.id)],
            limit: .max
        )
        var pages = DocumentPages(reader: environment.writer, query: query, pageSize: 200)
        while true {
            let documents = try await pages.next()
            if documents.isEmpty { return }
            for document in documents {
                let text = String(decoding: document[Reject.raw]?.binary ?? [], as: UTF8.self)
                if search.matches(text) { try await body(document) }
            }
        }
    }

    private func eraseReject(_ document: BSONDocument, _ counts: inout ErasureCounts) async throws {
        let document = try RejectsCollection.schema.current(document)
        guard let id = document[DocumentField.id], let version = document[DocumentField.version]?.integer,
            let source = document[Reject.source]
        else { return }
        let change = VersionedChange(
            key: DocumentKey(
                collection: RejectsCollection.name,
                id: id,
                shardKey: DocumentKey.ShardKey(field: Reject.source, value: source)
            ),
            action: .update(
                expectedVersion: version,
                DocumentUpdate(set: [(Reject.raw, .binary([])), (Reject.isErased, true)])
            ),
            operationID: environment.operationIDs.make(),
            conflictExcludes: [Reject.raw]
        )
        switch await environment.writer.apply(change) {
        case .applied: counts.rejects += 1
        case .conflict, .notFound: break
        case .failed(let error), .unknown(let error): throw error
        }
    }
}

// MARK: - Receipts

extension TicketDesk {
    private func writeReceipt(
        _ id: ObjectID,
        _ agent: String,
        _ startedAt: Int64,
        _ completedAt: Int64?,
        _ counts: ErasureCounts
    ) async throws(StoreError) {
        typealias Field = ErasuresCollection.Field
        let fields: [(field: String, value: BSONValue)] = [
            (DocumentField.schemaVersion, .int64(ErasuresCollection.schemaVersion)),
            (Field.agent, .string(agent)),
            (Field.startedAt, .datetime(startedAt)),
            (Field.completedAt, .time(completedAt)),
            (Field.isComplete, .bool(completedAt != nil)),
            (Field.tickets, .int64(Int64(counts.tickets))),
            (Field.events, .int64(Int64(counts.events))),
            (Field.archives, .int64(Int64(counts.archives))),
            (Field.rejects, .int64(Int64(counts.rejects))),
        ]
        let change = VersionedChange(
            key: DocumentKey(collection: ErasuresCollection.name, id: .objectID(id)),
            action: completedAt == nil
                ? .create(BSONDocument(fields.map { ($0.field, $0.value) }))
                : .update(expectedVersion: 1, DocumentUpdate(set: fields)),
            operationID: environment.operationIDs.make()
        )
        switch await environment.writer.apply(change) {
        case .applied: return
        case .failed(let error), .unknown(let error): throw error
        case .conflict, .notFound:
            throw StoreError(.refused, "the receipt of the erasure was changed by another program")
        }
    }
}
