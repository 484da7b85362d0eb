import MongoStore
import TestSupport
import Testing

/// The same cases against a real server, each in a database of its own.
@Suite(.timeLimit(.minutes(10))) struct MongoStoreConformanceTests {
    @Test(arguments: ConformanceCase.all) func storeBehavesAsAllStoresDo(conformance: ConformanceCase) async throws {
        let server = try await LocalMongo.shared()
        let store = try await MongoDocumentStore.connect(
            uri: server.uri(),
            database: LocalMongo.uniqueDatabaseName()
        )
        do {
            try await conformance.run(store)
        } catch {
            Issue.record(error)
        }
        // Whatever the case did; a database that stays is no failure of it.
        try? await store.dropDatabaseForTesting()
        await store.close()
    }
}
