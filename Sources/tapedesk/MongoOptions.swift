import ArgumentParser
import DocumentStore
private import Glibc
import Ingest
import MongoRuntime
import MongoStore
import TickStore

/// Which database a command talks to.
struct MongoOptions: ParsableArguments {
    @Option(
        name: .customLong("mongo"),
        help: ArgumentHelp("MongoDB connection string; default: TAPEDESK_MONGO_URI.", valueName: "uri")
    )
    var uri: String?

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp("Database; default: the one in the URI, or tapedesk.", valueName: "name")
    )
    var database: String?

    @Option(help: ArgumentHelp("Seconds to wait for a MongoDB that goes away.", valueName: "seconds"))
    var wait: Int = 60

    func validate() throws {
        guard (1...86_400).contains(wait) else { throw ValidationError("--wait takes 1 to 86400 seconds") }
    }

    /// Runs the work of a command, which needs the database, and ends the process with its exit code.
    func run(_ body: (Database) async throws -> ExitCode) async -> Never {
        let database: Database
        do {
            database = try await connect()
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures { try await body(database) }
        // The process ends while the pool is open: see `endProcess`.
        withExtendedLifetime(database) { endProcess(status) }
    }

    private func connect() async throws -> Database {
        let fromEnvironment = getenv("TAPEDESK_MONGO_URI").map { String(cString: $0) }
        guard let uri = uri ?? fromEnvironment, !uri.isEmpty else {
            throw StoreError(
                .refused,
                "no database is named: give --mongo URI or set TAPEDESK_MONGO_URI (scripts/local-mongo up starts a "
                    + "local one, scripts/local-mongo uri prints its URI)"
            )
        }
        let store = try await MongoDocumentStore.connect(uri: uri, database: database, connections: 2)
        return Database(store: store, wait: .seconds(wait))
    }
}

/// A connected database with the rules of versioned changes.
struct Database: Sendable {
    let store: MongoDocumentStore
    let writer: VersionedWriter
    let environment: RetryEnvironment
    let operationIDs: OperationIDs

    init(store: MongoDocumentStore, wait: Duration) {
        self.store = store
        environment = .system
        writer = VersionedWriter(store: store, policy: RetryPolicy(deadline: wait), environment: environment)
        var random = SystemRandomNumberGenerator()
        operationIDs = OperationIDs(process: random.next(), start: random.next())
    }

    /// Creates what is missing of the collections, or refuses a server that cannot keep the promises.
    func prepare() async throws {
        if try await store.serverInformation().topology == .standalone {
            throw StoreError(
                .refused,
                "this MongoDB is a standalone server: it has no retryable writes and confirms nothing durably. Start "
                    + "it as a replica set of one member (--replSet, then rs.initiate())"
            )
        }
        for specification in MarketDataCollections.all { try await store.prepare(specification) }
    }
}

extension RetryEnvironment {
    /// The real clock and real chance.
    static let system: RetryEnvironment = {
        let start = ContinuousClock.now
        return RetryEnvironment(
            now: { ContinuousClock.now - start },
            sleep: { try await Task.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
    }()
}
