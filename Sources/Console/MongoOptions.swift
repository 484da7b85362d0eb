package import ArgumentParser
import DocumentStore
package import MongoRuntime
import MongoStore
import Settings
import Sharding

/// Which database a command talks to.
package struct MongoOptions: ParsableArguments {
    /// The connection string that the arguments name, with credentials; not for messages.
    @Option(
        name: .customLong("mongo"),
        help: ArgumentHelp(
            "MongoDB connection string; default: TAPEDESK_MONGO_URI, then mongo.uri or mongo.uri_file of the "
                + "configuration.",
            valueName: "uri"
        )
    )
    package var uri: String?

    /// The database that the arguments name.
    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "Database; default: the one of the configuration, if the connection string comes from there, too, or "
                + "names none; otherwise the one in the connection string, or tapedesk.",
            valueName: "name"
        )
    )
    package var database: String?

    /// How long a change or a read is repeated while MongoDB is away, in seconds.
    @Option(help: ArgumentHelp("Seconds to wait for a MongoDB that goes away.", valueName: "seconds"))
    package var wait: Int = 60

    /// The configuration, which may name the database.
    @OptionGroup package var config: ConfigOptions

    /// For the argument parser.
    package init() {}

    /// Checks the bounds.
    ///
    /// - Throws: `ValidationError`.
    package func validate() throws {
        guard (1...86_400).contains(wait) else { throw ValidationError("--wait takes 1 to 86400 seconds") }
    }

    /// Runs the work of a command, which needs the database, and ends the process with its exit code.
    ///
    /// - Parameters:
    ///   - connections: how many operations the work has under way at once.
    ///   - readPreference: which members reads ask.
    package func run(
        connections: Int = 2,
        readPreference: MongoConfiguration.ReadPreference = .primary,
        _ body: (Database) async throws -> ExitCode
    ) async -> Never {
        Terminal.reserveDescriptors()
        let database: Database
        do {
            database = try await connect(connections: connections, readPreference: readPreference)
        } catch {
            endProcess(await reportingFailures { throw error })
        }
        let status = await reportingFailures { try await body(database) }
        // The process ends while the pool is open: see `endProcess`.
        withExtendedLifetime(database) { endProcess(status) }
    }

    /// Connects to the database that the arguments, the environment or the configuration name.
    ///
    /// - Parameters:
    ///   - connections: how many operations the work has under way at once.
    ///   - wait: how long one is repeated while MongoDB is away; nil for as long as the arguments say.
    ///   - durability: what writes are confirmed by.
    ///   - readPreference: which members reads ask.
    ///   - needsServer: whether a server must answer now; otherwise it may come later.
    /// - Throws: `StoreError`, `ConfigurationError`.
    package func connect(
        connections: Int,
        wait patience: Duration? = nil,
        durability: MongoConfiguration.Durability = .strict,
        readPreference: MongoConfiguration.ReadPreference = .primary,
        needsServer: Bool = true
    ) async throws -> Database {
        try config.check()
        let address = try address()
        // Who waits for a second does not want to wait for five until a server is found.
        var limits = MongoConfiguration.Limits()
        limits.serverSelectionTimeoutMs = min(limits.serverSelectionTimeoutMs, Int32(clamping: wait * 1_000))
        let store = try await MongoDocumentStore.connect(
            uri: address.uri,
            database: address.database,
            connections: connections,
            applicationName: Terminal.program,
            limits: limits,
            durability: durability,
            zones: { [config] () throws(StoreError) in try config.zoneLayout() },
            readPreference: readPreference,
            needsServer: needsServer
        )
        return Database(store: store, wait: patience ?? .seconds(wait))
    }

    private func address() throws -> MongoAddress {
        let address = try MongoAddress.resolve(
            uri: uri,
            environmentURI: Terminal.environment("TAPEDESK_MONGO_URI"),
            database: database,
            configuration: config.load
        )
        guard let address else {
            throw StoreError(
                .refused,
                "no database is named: give --mongo URI, set TAPEDESK_MONGO_URI, or name a configuration with "
                    + "mongo.uri or mongo.uri_file by --config (scripts/local-mongo up starts a "
                    + "local one, scripts/local-mongo uri prints its URI)"
            )
        }
        if let file = address.openSecretFile {
            Terminal.error(
                "\(Terminal.program): warning: others than its owner have rights on \(file), which holds the password "
                    + "of the database: chmod 600 it"
            )
        }
        return address
    }
}
