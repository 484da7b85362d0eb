import ArgumentParser
import Console
import DocumentStore
import MongoRuntime
import MongoStore

/// A database of a load's own on this machine, dropped before and after.
struct BenchTarget: ParsableArguments {
    @Option(help: ArgumentHelp("MongoDB connection string; of this machine.", valueName: "uri")) var mongo: String

    @Option(help: ArgumentHelp("Database, which is dropped; its name begins with bench_.", valueName: "name"))
    var database = "bench_tickets"

    private static let prefixes = ["bench_", "tapedesk_bench"]
    private static let localHosts: Set = ["127.0.0.1", "localhost", "[::1]"]

    func validate() throws {
        guard Self.prefixes.contains(where: database.hasPrefix) else {
            throw ValidationError("--database takes a name that begins with \(Self.prefixes.joined(separator: " or "))")
        }
    }

    /// How to reach the server, which has to be on this machine.
    func configuration(connections: Int) throws -> MongoConfiguration {
        let configuration = try MongoConfiguration(uri: mongo, connectionCount: connections, applicationName: "bench")
        for host in configuration.hosts.split(separator: ",") {
            let name = host.last == "]" ? host : host.prefix { $0 != ":" }
            guard Self.localHosts.contains(String(host.hasPrefix("[") ? "[::1]" : name)) else {
                throw StoreError(.refused, "a load goes to a MongoDB of this machine only, not to \(host)")
            }
        }
        return configuration
    }

    /// Connections for what the store does not offer.
    func pool(connections: Int) throws -> ConnectionPool {
        ConnectionPool(configuration: try configuration(connections: connections))
    }

    /// Runs `body` on the empty database and drops it afterwards, unless it is to be kept.
    func withDatabase<Result>(
        connections: Int,
        limits: MongoConfiguration.Limits = MongoConfiguration.Limits(),
        keep: Bool = false,
        _ body: (Database) async throws -> Result
    ) async throws -> Result {
        _ = try configuration(connections: connections)
        let store = try await MongoDocumentStore.connect(
            uri: mongo,
            database: database,
            connections: connections,
            applicationName: "bench",
            limits: limits
        )
        do {
            try await store.dropDatabaseForTesting()
            let result = try await body(Database(store: store, wait: .seconds(60)))
            if !keep { try await store.dropDatabaseForTesting() }
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}
