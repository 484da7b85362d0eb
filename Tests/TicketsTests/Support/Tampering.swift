import BSON
import DocumentStore

@testable import Tickets

/// Edits of stored documents, as somebody with access to the database could make them.
extension BSONDocument {
    /// The stored events, in a ticket or an archive.
    var storedEvents: [BSONDocument] { self["events"]?.array?.compactMap(\.document) ?? [] }

    func replacingEvents(_ events: [BSONDocument]) -> BSONDocument {
        setting("events", .array(events.map { .document($0) }))
    }

    /// The document with the event of that number edited, where it holds it.
    func editingEvent(_ sequence: Int64, _ edit: (BSONDocument) -> BSONDocument?) -> BSONDocument {
        guard self["events"] != nil else { return self }
        return replacingEvents(storedEvents.compactMap { $0.sequenceNumber == sequence ? edit($0) : $0 })
    }

    /// The event with its change of that number edited.
    func editingChange(_ index: Int = 0, _ edit: (BSONDocument) -> BSONDocument?) -> BSONDocument {
        var changes = self["changes"]?.array?.compactMap(\.document) ?? []
        guard changes.indices.contains(index) else { return self }
        if let edited = edit(changes[index]) { changes[index] = edited } else { changes.remove(at: index) }
        return setting("changes", .array(changes.map { .document($0) }))
    }

    func removing(_ names: String...) -> BSONDocument {
        BSONDocument(fields.filter { !names.contains($0.key) }.map { ($0.key, $0.value) })
    }

    var sequenceNumber: Int64 { self["sequence"]?.integer ?? 0 }
}
