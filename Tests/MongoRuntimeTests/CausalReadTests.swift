import BSON
import TestSupport
import Testing

@testable import MongoRuntime

/// Reads are not older than what the same pool read or confirmed before, whichever member answers.
@Suite(.timeLimit(.minutes(10))) struct CausalReadTests {
    private static let namespace = MongoNamespace(database: LocalMongo.uniqueDatabaseName(), collection: "things")

    private func withPool(_ body: (ConnectionPool) async throws -> Void) async throws {
        let uri = try await LocalMongo.shared().uri()
        let pool = ConnectionPool(configuration: try MongoConfiguration(uri: uri, connectionCount: 1))
        let outcome = await Result { try await body(pool) }
        await pool.close()
        try outcome.get()
    }

    private func run<Value: Sendable>(
        _ pool: ConnectionPool,
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Value
    ) async throws(MongoError) -> Value {
        try await pool.withConnection(deadline: .now + .seconds(60), body)
    }

    private static func find(_ connection: isolated MongoConnection) throws(MongoError) -> [BSONDocument] {
        try connection.find(
            namespace,
            filter: [:],
            options: ["maxTimeMS": 60_000],
            limits: MongoReadLimits(documentCount: 10)
        )
    }

    private static func count(_ connection: isolated MongoConnection) throws(MongoError) -> [BSONDocument] {
        try connection.aggregate(
            namespace,
            pipeline: [["$count": "count"]],
            options: ["maxTimeMS": 60_000],
            limits: MongoReadLimits(documentCount: 1)
        )
    }

    @Test func theTimeOfAnswersIsKept() async throws {
        try await withPool { pool in
            #expect(pool.clients.operationTime == 0)
            _ = try await run(pool) { connection throws(MongoError) in try Self.find(connection) }
            let read = pool.clients.operationTime
            #expect(read > 0)
            try await run(pool) { connection throws(MongoError) in
                try connection.insertOne(["_id": .objectID(ObjectID(high: 1, low: 1))], into: Self.namespace)
            }
            #expect(pool.clients.operationTime > read)
        }
    }

    /// A time that is still to come shows that reads ask for one: the server refuses it.
    @Test func readsAskForThatTime() async throws {
        try await withPool { pool in
            _ = try await run(pool) { connection throws(MongoError) in try Self.find(connection) }
            pool.clients.advance(to: pool.clients.operationTime + (1_000 << 32))
            let found = await #expect(throws: MongoError.self) {
                _ = try await run(pool) { connection throws(MongoError) in try Self.find(connection) }
            }
            let counted = await #expect(throws: MongoError.self) {
                _ = try await run(pool) { connection throws(MongoError) in try Self.count(connection) }
            }
            for error in [found, counted] {
                #expect(error?.message.contains("afterClusterTime") == true, "\(String(describing: error))")
            }
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
