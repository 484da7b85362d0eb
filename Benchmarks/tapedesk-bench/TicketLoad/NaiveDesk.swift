import BSON
import DocumentStore
import Glibc
import MongoRuntime

/// The load as most programs write it: read the document, change it in memory, replace it as a whole.
///
/// A plain document with an array of comments, the same client, write concern and indexes of what lists filter by. No
/// version is compared. Each write leaves a number in the document and is told which one it replaced, so that the
/// order of the writes of a ticket is known afterwards.
struct NaiveDesk: LoadTarget {
    struct Answer: Sendable {
        /// The write, whose number no other has.
        let write: Int64
        /// The write that made what the agent saw.
        let base: Int64
        /// The write that was replaced, or why that is not known.
        let replaced: Result<Int64, MongoError>
    }

    private enum Field {
        static let comments = "comments"
        static let write = "write"
        static let updatedAt = "updated_at"
    }

    static let collection = "plain_tickets"
    private static let indexes = ["status", "priority", "assignee", "group", "requester", "created_at", "updated_at"]
    private static let leaseTimeout = Duration.seconds(30)

    let pool: ConnectionPool
    let database: String

    private var namespace: MongoNamespace { MongoNamespace(database: database, collection: Self.collection) }

    /// Creates the tickets of a load.
    static func make(
        _ pool: ConnectionPool,
        database: String,
        tickets: Int,
        seed: UInt64
    ) async throws -> NaiveDesk {
        let desk = NaiveDesk(pool: pool, database: database)
        let namespace = desk.namespace
        let inserts = (0..<tickets).map { MongoBulkOperation.insert(start($0, seed)) }
        let result = try await desk.perform { connection throws(MongoError) in
            try connection.command(createIndexes, database: namespace.database, kind: .write)
            return try connection.bulk(inserts, in: namespace)
        }
        guard result.insertedCount == tickets else {
            throw StoreError(.refused, "not every ticket of the load was inserted")
        }
        return desk
    }

    private static var createIndexes: BSONDocument {
        let indexes = indexes.map { field -> BSONValue in
            ["key": .document(BSONDocument([(field, 1), ("_id", 1)])), "name": .string(field)]
        }
        return ["createIndexes": .string(collection), "indexes": .array(indexes)]
    }

    private static func start(_ ticket: Int, _ seed: UInt64) -> BSONDocument {
        let start = LoadStart(ticket: ticket, seed: seed)
        let fields = LoadField.allCases.map { field in
            (field.rawValue, start.values[field].map { BSONValue.string($0) } ?? .null)
        }
        return BSONDocument(
            [("_id", .int64(Int64(ticket)))] + fields + [
                ("requester", .string(start.requester)), ("description", .string(start.description)),
                ("tags", .array([])), ("created_at", .datetime(Int64(ticket))), (Field.updatedAt, .datetime(0)),
                (Field.comments, .array([])), (Field.write, .int64(0)),
            ]
        )
    }

    func look(at ticket: Int) async throws -> BSONDocument {
        let namespace = namespace
        let found = try await perform { connection throws(MongoError) in
            try connection.find(
                namespace,
                filter: ["_id": .int64(Int64(ticket))],
                options: ["limit": 1],
                limits: MongoReadLimits(documentCount: 1)
            )
        }
        guard let document = found.first else { throw StoreError(.refused, "a ticket of the load is gone") }
        return document
    }

    func values(of view: BSONDocument) -> FieldValues {
        var values: FieldValues = [:]
        for field in LoadField.allCases { values[field] = view[field.rawValue]?.string }
        return values
    }

    /// The texts of the comments.
    func comments(of view: BSONDocument) -> [String] {
        (view[Field.comments]?.array ?? []).compactMap { $0.document?["text"]?.string }
    }

    func save(
        _ change: PlannedChange,
        on view: BSONDocument,
        ticket: Int,
        by agent: Int,
        number: Int
    ) async -> Answer {
        let write = Int64(agent) << 32 | Int64(number)
        let command: BSONDocument = [
            "findAndModify": .string(Self.collection), "query": ["_id": .int64(Int64(ticket))],
            "update": .document(changed(view, change, write, by: agent)), "new": false, "fields": [Field.write: 1],
        ]
        let base = view[Field.write]?.integer ?? 0
        let database = database
        do throws(MongoError) {
            let reply = try await perform { connection throws(MongoError) in
                try connection.command(command, database: database, kind: .write)
            }
            guard let replaced = reply["value"]?.document?[Field.write]?.integer else {
                throw MongoError(.invalidReply, "the answer names no document that was replaced")
            }
            return Answer(write: write, base: base, replaced: .success(replaced))
        } catch {
            return Answer(write: write, base: base, replaced: .failure(error))
        }
    }

    private func changed(
        _ view: BSONDocument,
        _ change: PlannedChange,
        _ write: Int64,
        by agent: Int
    ) -> BSONDocument {
        let now = BSONValue.datetime(Int64(time(nil)) * 1_000)
        return BSONDocument { writer in
            for (key, value) in view.fields {
                switch (key, change.content) {
                case (Field.write, _): writer.append(key, .int64(write))
                case (Field.updatedAt, _): writer.append(key, now)
                case (Field.comments, .comment(let text)):
                    let comment: BSONValue = [
                        "author": .string(TicketText.agent(agent)), "text": .string(text), "internal": false,
                        "time": now,
                    ]
                    writer.append(key, .array((value.array ?? []) + [comment]))
                case (_, .set(let field, let wanted)) where key == field.rawValue:
                    writer.append(key, .string(wanted))
                default: writer.append(key, value)
                }
            }
        }
    }

    private func perform<Result: Sendable>(
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Result
    ) async throws(MongoError) -> Result {
        try await pool.withConnection(deadline: .now + Self.leaseTimeout, body)
    }
}
