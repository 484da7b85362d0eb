import BSON
import DocumentStore
import MongoRuntime
import MongoStore
import TestSupport

/// A store in a database of its own, with an application name of its own so that failpoints hit nobody else.
struct StoreFixture {
    let store: MongoDocumentStore
    let server: LocalMongo
    let applicationName: String

    /// Limits that let failures show soon, yet leave the driver the time to find a server again.
    static var quickLimits: MongoConfiguration.Limits {
        var limits = MongoConfiguration.Limits()
        limits.serverSelectionTimeoutMs = 3_000
        limits.heartbeatFrequencyMs = 500
        return limits
    }

    /// Runs a test with a store on the shared server, or on `server`, and cleans up.
    static func run(
        on server: LocalMongo? = nil,
        connections: Int = 2,
        _ body: (StoreFixture) async throws -> Void
    ) async throws {
        let server = if let server { server } else { try await LocalMongo.shared() }
        let name = LocalMongo.uniqueDatabaseName()
        let store = try await MongoDocumentStore.connect(
            uri: server.uri(),
            database: name,
            connections: connections,
            applicationName: name,
            limits: quickLimits
        )
        let fixture = StoreFixture(store: store, server: server, applicationName: name)
        do {
            try await body(fixture)
        } catch {
            await store.close()
            throw error
        }
        try? await store.dropDatabaseForTesting()
        await store.close()
    }

    /// Makes the next commands of this store fail.
    func fail(_ commands: [String], times: Int32, _ how: BSONDocument) async throws {
        let data = BSONDocument(
            [
                ("failCommands", .array(commands.map(BSONValue.string))), ("appName", .string(applicationName)),
            ] + how.fields.map { ($0.key, $0.value) }
        )
        try await server.adminCommand([
            "configureFailPoint": "failCommand", "mode": ["times": .int32(times)], "data": .document(data),
        ])
    }

    /// Runs a command on the store's database.
    func command(_ command: BSONDocument) async throws -> BSONDocument {
        let database = store.database
        return try await MongoConfiguration(uri: server.uri(), connectionCount: 1).withBriefConnection {
            connection throws(MongoError) in
            try connection.command(command, database: database)
        }
    }

    /// The document as it is now.
    func document(_ id: BSONValue) async throws -> BSONDocument? {
        try await store.find(DocumentQuery("things", where: [.equals("_id", id)], limit: 1)).first
    }
}

/// Changes of documents in the collection "things", with shard key "group".
enum Change {
    static func key(_ id: BSONValue) -> DocumentKey {
        DocumentKey(collection: "things", id: id, shardKey: .init(field: "group", value: "g"))
    }

    static func operationID() -> ObjectID {
        ObjectID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
    }

    static func create(_ id: BSONValue, _ fields: BSONDocument = ["name": "a"]) -> VersionedChange {
        VersionedChange(key: key(id), action: .create(fields), operationID: operationID())
    }

    static func update(_ id: BSONValue, from version: Int64, name: String = "b") -> VersionedChange {
        VersionedChange(
            key: key(id),
            action: .update(expectedVersion: version, DocumentUpdate(set: [("name", .string(name))])),
            operationID: operationID()
        )
    }

    static func delete(_ id: BSONValue, at version: Int64) -> VersionedChange {
        VersionedChange(key: key(id), action: .delete(expectedVersion: version), operationID: operationID())
    }
}

extension AttemptOutcome {
    var isUnknown: Bool { if case .unknown = self { true } else { false } }

    var failureCode: StoreError.Code? { if case .failed(let error) = self { error.code } else { nil } }
}

extension RetryEnvironment {
    /// Real time and chance.
    static var system: RetryEnvironment {
        let clock = ContinuousClock()
        let start = clock.now
        return RetryEnvironment(
            now: { start.duration(to: clock.now) },
            sleep: { try await clock.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
    }
}
