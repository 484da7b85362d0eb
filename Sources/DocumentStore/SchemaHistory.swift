public import BSON

/// Brings a document of one schema version to the next one: a pure function.
///
/// It answers which fields change, so that all others stay as they are, those that this program does not know included.
public struct Upcaster: Sendable {
    /// The fields that it decides on, beside the schema version: whoever brings documents up reads at least these.
    public let fields: [String]
    fileprivate let update: @Sendable (BSONDocument) throws(BSONError) -> DocumentUpdate

    /// - Parameter update: what changes; it neither pushes nor names the schema version, which is raised by itself.
    public init(
        reading fields: [String],
        _ update: @escaping @Sendable (BSONDocument) throws(BSONError) -> DocumentUpdate
    ) {
        self.fields = fields
        self.update = update
    }
}

/// What a program knows of the schema versions of one collection.
///
/// Older documents are brought up when they are read, and stored so with their next change; newer ones are refused, and
/// never changed. docs/decisions/0020-schema-versions.md says what asks for a new version and what does not.
public struct SchemaHistory: Sendable {
    public let collection: String
    /// The one at index i brings version i + 1 to i + 2.
    private let upcasters: [Upcaster]

    /// - Parameter upcasters: from version 1 on, each to the next; none where there was only one version.
    public init(of collection: String, _ upcasters: [Upcaster] = []) {
        self.collection = collection
        self.upcasters = upcasters
    }

    /// The version that this program writes.
    public var version: Int64 { Int64(upcasters.count) + 1 }

    /// The fields without which a document cannot be brought up.
    public var fields: [String] { [DocumentField.schemaVersion] + upcasters.flatMap(\.fields) }

    /// What brings a document to the version that this program writes; nil where it has it.
    ///
    /// - Throws: `StoreError`, of code `newerSchema` where a newer program wrote it, else `unreadable`.
    public func upcast(_ document: BSONDocument) throws(StoreError) -> DocumentUpdate? {
        let stored = document[DocumentField.schemaVersion]?.integer
        if stored == version { return nil }
        guard let stored, stored >= 1 else { throw unreadable(document, "it has no schema version") }
        guard stored < version else { throw newer(document, stored) }
        var result = DocumentUpdate()
        var current = document
        for upcaster in upcasters[Int(stored - 1)...] {
            do throws(BSONError) {
                let step = try upcaster.update(current)
                current = step.applied(to: current)
                result = step.bringingUp(result)
            } catch {
                throw unreadable(document, "\(error)")
            }
        }
        result.set.append((DocumentField.schemaVersion, .int64(version)))
        return result
    }

    /// The document as this program knows it.
    ///
    /// - Throws: `StoreError`, as `upcast`.
    public func current(_ document: BSONDocument) throws(StoreError) -> BSONDocument {
        try upcast(document)?.applied(to: document) ?? document
    }

    private func newer(_ document: BSONDocument, _ stored: Int64) -> StoreError {
        StoreError(
            .newerSchema,
            "\(name(document)) was written by a newer version of Tapedesk (schema version \(stored); this one knows up "
                + "to \(version)): upgrade this program"
        )
    }

    private func unreadable(_ document: BSONDocument, _ why: String) -> StoreError {
        StoreError(.unreadable, "\(name(document)) cannot be read: \(why)")
    }

    private func name(_ document: BSONDocument) -> String {
        let id = document[DocumentField.id]
        let text = id?.string ?? id?.objectID.map { "\($0)" } ?? "?"
        return "'\(text)' in '\(collection)'"
    }
}

extension DocumentUpdate {
    /// This update, of a document that is brought up with the same change.
    ///
    /// Where both are about one field, this one stands.
    public func bringingUp(_ upcast: DocumentUpdate?) -> DocumentUpdate {
        guard let upcast else { return self }
        let own = Set(set.map(\.field) + push.map(\.field) + unset)
        return DocumentUpdate(
            set: upcast.set.filter { !own.contains($0.field) } + set,
            push: push,
            unset: upcast.unset.filter { !own.contains($0) } + unset
        )
    }

    /// The document with the fields that are set and without those that are unset.
    ///
    /// - Precondition: Nothing is pushed.
    package func applied(to document: BSONDocument) -> BSONDocument {
        precondition(push.isEmpty, "an upcaster sets and unsets fields")
        let changed = Set(set.map(\.field) + unset)
        let kept = document.fields.lazy.filter { !changed.contains($0.key) }.map { ($0.key, $0.value) }
        return BSONDocument(kept + set.map { ($0.field, $0.value) })
    }
}
