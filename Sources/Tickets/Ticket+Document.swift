import BSON
import DocumentStore

extension Ticket {
    private typealias Field = SupportRequestsCollection.Field

    /// All fields of the document but its key, version, operation id and events, in their order.
    var fields: [(field: String, value: BSONValue)] {
        let customFields = custom.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return [
            (DocumentField.schemaVersion, .int64(SupportRequestsCollection.schemaVersion)),
            (Field.subject, .text(subject)),
            (Field.description, .text(description)),
            (Field.status, .string(status.rawValue)),
            (Field.priority, .text(priority?.rawValue)),
            (Field.priorityRank, priority.map { .int64($0.rank) } ?? .null),
            (Field.priorityOrder, priorityOrder.map { .int64($0) } ?? .null),
            (Field.assignee, .text(assignee)),
            (Field.group, .text(group)),
            (Field.tags, .texts(tags)),
            (Field.requester, .text(requester)),
            (Field.custom, .document(BSONDocument(customFields))),
            (Field.createdAt, .datetime(createdAt)),
            (Field.updatedAt, .datetime(updatedAt)),
            (Field.firstResponseAt, .time(firstResponseAt)),
            (Field.resolvedAt, .time(resolvedAt)),
            (Field.closedAt, .time(closedAt)),
            (Field.dueAt, .time(dueAt)),
            (Field.commentCount, .int64(commentCount)),
            (Field.flags, .texts(flags)),
            (Field.isDeleted, .bool(isDeleted)),
            (Field.mergedInto, .text(mergedInto)),
            (Field.mergedTickets, .texts(mergedTickets)),
            (Field.splitFrom, .text(splitFrom)),
            (Field.splitTickets, .texts(splitTickets)),
            (Field.requesters, .texts(requesters)),
            (Field.terms, .texts(terms)),
            (Field.source, .text(source?.source)),
            (Field.externalID, .text(source?.externalID)),
            (Field.appliedSequence, source.map { .int64($0.appliedSequence) } ?? .null),
            (Field.appliedAt, .time(source?.appliedAt)),
            (Field.numbering, source.map { .int64($0.numbering) } ?? .null),
            (Field.gaps, source.map { .array($0.gaps.map { .document($0.document) }) } ?? .null),
            (Field.headHash, .binary(headHash)),
            (Field.historyBytes, .int64(historyBytes)),
            (Field.archives, .array(archives.map { .document($0.document) })),
        ]
    }

    /// The rank in the upper 16 bits, the milliseconds since 1970 in the others.
    private var priorityOrder: Int64? {
        priority.map { ($0.rank << 48) | min(max(createdAt, 0), (1 << 48) - 1) }
    }

    /// Reads a stored ticket, with as many of its events as were read along.
    ///
    /// - Throws: `StoreError` of code `unreadable`, or `newerSchema` where a newer program wrote it.
    init(_ document: BSONDocument) throws(StoreError) {
        let document = try SupportRequestsCollection.schema.current(document)
        do throws(BSONError) {
            try self.init(decoding: document)
        } catch {
            let id = document[DocumentField.id]?.string ?? "?"
            throw StoreError(
                .unreadable,
                "ticket \(id) cannot be read: \(error); 'tapedesk verify --tickets' says more"
            )
        }
    }

    private init(decoding document: BSONDocument) throws(BSONError) {
        var values: [String: BSONValue] = [:]
        for (key, value) in document.fields { values[key] = value }
        let text = { (field: String) in values[field]?.string }
        let texts = { (field: String) in values[field]?.strings ?? [] }
        let time = { (field: String) in values[field]?.datetime }
        self.init(id: try document.string(DocumentField.id))
        version = try document.integer(DocumentField.version)
        subject = text(Field.subject)
        description = text(Field.description)
        guard let status = text(Field.status).flatMap(TicketStatus.init(rawValue:)) else {
            throw BSONError(.wrongType, field: Field.status)
        }
        self.status = status
        priority = text(Field.priority).flatMap(TicketPriority.init(rawValue:))
        assignee = text(Field.assignee)
        group = text(Field.group)
        tags = texts(Field.tags)
        requester = text(Field.requester)
        for (key, value) in values[Field.custom]?.document?.fields ?? [] { custom[key] = value }
        createdAt = try document.time(Field.createdAt)
        updatedAt = try document.time(Field.updatedAt)
        firstResponseAt = time(Field.firstResponseAt)
        resolvedAt = time(Field.resolvedAt)
        closedAt = time(Field.closedAt)
        dueAt = time(Field.dueAt)
        commentCount = values[Field.commentCount]?.integer ?? 0
        flags = texts(Field.flags)
        isDeleted = values[Field.isDeleted]?.bool ?? false
        mergedInto = text(Field.mergedInto)
        mergedTickets = texts(Field.mergedTickets)
        splitFrom = text(Field.splitFrom)
        splitTickets = texts(Field.splitTickets)
        requesters = texts(Field.requesters)
        terms = texts(Field.terms)
        if let name = text(Field.source), let externalID = text(Field.externalID) {
            source = TicketSource(
                source: name,
                externalID: externalID,
                appliedSequence: values[Field.appliedSequence]?.integer ?? 0,
                appliedAt: time(Field.appliedAt),
                numbering: values[Field.numbering]?.integer ?? 0,
                gaps: (values[Field.gaps]?.array ?? []).compactMap { $0.document.flatMap(TicketSource.Gap.init) }
            )
        }
        // Lists leave out what only changes need.
        headHash = values[Field.headHash]?.binary ?? EventChain.start
        historyBytes = values[Field.historyBytes]?.integer ?? 0
        for element in values[Field.archives]?.array ?? [] {
            guard let archive = element.document.flatMap(TicketArchive.init) else {
                throw BSONError(.wrongType, field: Field.archives)
            }
            archives.append(archive)
        }
        for element in values[Field.events]?.array ?? [] {
            guard let event = element.document else { throw BSONError(.wrongType, field: Field.events) }
            events.append(try TicketEvent(event))
        }
    }
}

extension TicketSource.Gap {
    private enum Field {
        static let after = "after"
        static let before = "before"
        static let numbering = "numbering"
        static let missing = "missing"
    }

    var document: BSONDocument {
        let ranges = missing.map { BSONValue.array([.int64($0.lowerBound), .int64($0.upperBound)]) }
        return [
            Field.after: .int64(after), Field.before: .int64(before), Field.numbering: .int64(numbering),
            Field.missing: .array(ranges),
        ]
    }

    init?(_ document: BSONDocument) {
        guard let after = document[Field.after]?.integer, let before = document[Field.before]?.integer else {
            return nil
        }
        let missing = (document[Field.missing]?.array ?? []).compactMap { element -> ClosedRange<Int64>? in
            guard let bounds = element.array, bounds.count == 2, let low = bounds[0].integer,
                let high = bounds[1].integer, low <= high
            else { return nil }
            return low...high
        }
        let numbering = document[Field.numbering]?.integer ?? 0
        self.init(after: after, before: before, numbering: numbering, missing: missing)
    }
}

extension TicketArchive {
    private typealias Field = SupportHistoryCollection.Field

    private static let idField = "id"

    var document: BSONDocument {
        [
            Self.idField: .objectID(id), Field.firstSequence: .int64(sequences.lowerBound),
            Field.lastSequence: .int64(sequences.upperBound),
        ]
    }

    init?(_ document: BSONDocument) {
        guard let id = document[Self.idField]?.objectID, let first = document[Field.firstSequence]?.integer,
            let last = document[Field.lastSequence]?.integer, first <= last
        else { return nil }
        self.init(id: id, sequences: first...last)
    }
}
