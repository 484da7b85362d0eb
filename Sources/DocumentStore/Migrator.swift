import BSON

/// What a bulk migration of one collection came to.
public struct MigrationReport: Equatable, Sendable {
    /// A document that could not be brought up, and was left as it is.
    public struct Finding: Equatable, Sendable {
        public let document: String
        public let problem: String
    }

    public let collection: String
    /// The schema version that this program writes.
    public let version: Int64
    /// How many documents had which schema version when they were looked at.
    public var documents: [Int64: Int] = [:]
    /// Documents that were brought up.
    public var migrated = 0
    /// Documents that others changed again and again meanwhile: they are older still, or not.
    public var overtaken = 0
    /// The first findings, up to `findingsMax`; all are counted.
    public var findings: [Finding] = []
    public var findingCount = 0

    public static let findingsMax = 100

    public init(collection: String, version: Int64) {
        self.collection = collection
        self.version = version
    }

    /// Documents that are older than this program writes.
    public var older: Int { documents.reduce(0) { $0 + ($1.key < version ? $1.value : 0) } }
    /// Documents that a newer program wrote.
    public var newer: Int { documents.reduce(0) { $0 + ($1.key > version ? $1.value : 0) } }
    /// Whether every document has, or with a run will have, the version that this program writes.
    public var isClean: Bool { newer == 0 && overtaken == 0 && findingCount == 0 }

    mutating func add(_ document: BSONDocument, _ problem: String) {
        findingCount += 1
        guard findings.count < Self.findingsMax else { return }
        let id = document[DocumentField.id]
        let name = id?.string ?? id?.objectID.map { "\($0)" } ?? "?"
        findings.append(Finding(document: name, problem: problem))
    }
}

/// Brings the older documents of collections up, by version-checked changes.
///
/// A page of documents is in memory at a time, and of them only the fields that upcasters decide on. What was done is
/// in the documents, so a run may be killed, begun again, run twice at once, and run beside everything else: a document
/// that somebody else changes meanwhile is looked at again. Safe to use from any task.
public struct Migrator: Sendable {
    private let writer: VersionedWriter
    private let operationIDs: OperationIDs

    /// Documents that are read, and changed, at a time: the server reads whole ones, of up to some megabytes.
    private static let pageSize = 200
    /// So often a document may change between the look at it and the change.
    private static let roundsMax = 16

    public init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Looks at every document of a collection, and brings the older ones up.
    ///
    /// - Parameters:
    ///   - isDryRun: whether documents are only counted.
    ///   - progress: is told the counts so far after every page.
    /// - Throws: `StoreError` where the store fails for longer than the retry policy allows. What was done stays.
    public func run(
        _ specification: CollectionSpecification,
        isDryRun: Bool,
        progress: (MigrationReport) -> Void = { _ in }
    ) async throws(StoreError) -> MigrationReport {
        var report = MigrationReport(collection: specification.name, version: specification.schema.version)
        let query = DocumentQuery(specification.name, fields: .only(Self.fields(specification)), limit: .max)
        var pages = DocumentPages(reader: writer, query: query, pageSize: Self.pageSize)
        while true {
            let page = try await pages.next()
            if page.isEmpty { return report }
            for document in page {
                guard let version = document[DocumentField.schemaVersion]?.integer else { continue }
                report.documents[version, default: 0] += 1
            }
            var open = changes(page, specification, &report)
            if isDryRun { open = [] }
            var rounds = 0
            while !open.isEmpty {
                let ids = try await apply(open, &report)
                rounds += 1
                guard !ids.isEmpty, rounds < Self.roundsMax else {
                    report.overtaken += ids.count
                    break
                }
                open = changes(try await read(ids, specification), specification, &report)
            }
            progress(report)
        }
    }

    private static func fields(_ specification: CollectionSpecification) -> [String] {
        let key = specification.shardKey.flatMap { $0 == DocumentField.id ? nil : $0 }
        let names = [DocumentField.version] + (key.map { [$0] } ?? []) + specification.schema.fields
        return names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private func read(
        _ ids: [BSONValue],
        _ specification: CollectionSpecification
    ) async throws(StoreError) -> [BSONDocument] {
        try await writer.find(
            DocumentQuery(
                specification.name,
                where: [.isIn(DocumentField.id, ids)],
                fields: .only(Self.fields(specification)),
                limit: ids.count
            )
        )
    }

    private struct Pending {
        let document: BSONDocument
        let change: VersionedChange
    }

    /// What brings documents up; those that cannot be are reported.
    private func changes(
        _ documents: [BSONDocument],
        _ specification: CollectionSpecification,
        _ report: inout MigrationReport
    ) -> [Pending] {
        var changes: [Pending] = []
        for document in documents {
            do throws(StoreError) {
                guard let update = try specification.schema.upcast(document) else { continue }
                changes.append(Pending(document: document, change: try change(document, specification, update)))
            } catch {
                // Newer ones are counted by their version, and no fault.
                if error.code != .newerSchema { report.add(document, error.message) }
            }
        }
        return changes
    }

    private func change(
        _ document: BSONDocument,
        _ specification: CollectionSpecification,
        _ update: DocumentUpdate
    ) throws(StoreError) -> VersionedChange {
        guard let id = document[DocumentField.id], let version = document[DocumentField.version]?.integer else {
            throw StoreError(.unreadable, "it has no version")
        }
        var shardKey: DocumentKey.ShardKey?
        if let field = specification.shardKey, field != DocumentField.id {
            guard let value = document[field] else { throw StoreError(.unreadable, "it lacks '\(field)'") }
            shardKey = DocumentKey.ShardKey(field: field, value: value)
        }
        return VersionedChange(
            key: DocumentKey(collection: specification.name, id: id, shardKey: shardKey),
            action: .update(expectedVersion: version, update),
            operationID: operationIDs.make()
        )
    }

    /// Applies changes, and answers the documents that have to be looked at again.
    private func apply(
        _ pending: [Pending],
        _ report: inout MigrationReport
    ) async throws(StoreError) -> [BSONValue] {
        var again: [BSONValue] = []
        var failure: StoreError?
        for (pending, outcome) in zip(pending, await writer.apply(pending.map(\.change))) {
            switch outcome {
            case .applied: report.migrated += 1
            case .notFound: break
            case .conflict, .unknown: again.append(pending.change.key.id)
            case .failed(let error) where [.duplicateKey, .refused, .tooLarge].contains(error.code):
                report.add(pending.document, error.message)
            case .failed(let error): failure = error
            }
        }
        if let failure { throw failure }
        return again
    }
}
