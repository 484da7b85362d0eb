import BSON
import DocumentStore
import Tickets

/// A ticket as it is stored, read by the names that docs/tickets.md gives and not through the desk's own types.
struct StoredHistory {
    struct Event {
        let sequence: Int64
        let actor: String
        let operation: String
        let operationID: ObjectID
        let changes: [(field: String, from: BSONValue, to: BSONValue)]
    }

    let id: String
    let version: Int64
    let commentCount: Int64
    let values: FieldValues
    /// The archived ones first, as they are stored.
    let events: [Event]

    /// Reads one ticket; nil where there is none.
    static func read(_ id: String, from store: any DocumentStore) async throws -> StoredHistory? {
        let query = DocumentQuery(
            SupportRequestsCollection.name,
            where: [.equals(DocumentField.id, .string(id))],
            limit: 1
        )
        guard let document = try await store.find(query).first else { return nil }
        var events: [Event] = []
        for archive in try document.array(SupportRequestsCollection.Field.archives) {
            guard let archiveID = archive.document?["id"] else { throw BSONError(.missingField, field: "id") }
            events += try await archived(archiveID, of: id, store)
        }
        return try StoredHistory(id, document, archived: events)
    }

    private static func archived(
        _ archive: BSONValue,
        of ticket: String,
        _ store: any DocumentStore
    ) async throws -> [Event] {
        let query = DocumentQuery(
            SupportHistoryCollection.name,
            where: [
                .equals(SupportHistoryCollection.Field.ticket, .string(ticket)), .equals(DocumentField.id, archive),
            ],
            limit: 1
        )
        guard let document = try await store.find(query).first else {
            throw StoreError(.refused, "an archive that ticket \(ticket) lists is not there")
        }
        return try events(document.array(SupportHistoryCollection.Field.events))
    }

    private init(_ id: String, _ document: BSONDocument, archived: [Event]) throws {
        self.id = id
        version = try document.integer(DocumentField.version)
        commentCount = try document.integer(SupportRequestsCollection.Field.commentCount)
        var values: FieldValues = [:]
        for field in LoadField.allCases { values[field] = document[field.rawValue]?.string }
        self.values = values
        events = archived + (try Self.events(document.array(SupportRequestsCollection.Field.events)))
    }

    private static func events(_ elements: [BSONValue]) throws -> [Event] {
        try elements.map { element in
            guard let document = element.document else { throw BSONError(.wrongType, field: "events") }
            return try Event(document)
        }
    }
}

extension StoredHistory.Event {
    fileprivate init(_ document: BSONDocument) throws {
        sequence = try document.integer("sequence")
        actor = try document.string("actor")
        operation = try document.string("operation")
        guard let id = document["operation_id"]?.objectID else {
            throw BSONError(.missingField, field: "operation_id")
        }
        operationID = id
        changes = try document.array("changes").map { element in
            guard let change = element.document else { throw BSONError(.wrongType, field: "changes") }
            return (try change.string("field"), change["from"] ?? .null, change["to"] ?? .null)
        }
    }

    /// Whether the event says what an agent wanted, and no more.
    func says(_ change: PlannedChange) -> Bool {
        guard operation == change.operation, changes.count == 1 else { return false }
        let name = change.field?.rawValue ?? "comment"
        return changes[0].field == name && changes[0].to == .string(change.value)
    }
}
