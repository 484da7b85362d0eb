public import BSON
import Foundation
import MongoRuntime
import Synchronization

/// What went wrong with a server that a test started.
public struct LocalMongoError: Error, CustomStringConvertible {
    public let description: String
}

/// A real mongod for tests: a one-member replica set, or a standalone server where that is asked for, on a free port of
/// the loopback interface, in a temporary folder.
///
/// The server never outlives the test process, however that ends, and its folder goes with it.
public final class LocalMongo: Sendable {
    public let port: UInt16
    /// Hundreds of tests begin at the same moment, and simulations among them hold the processors.
    private static let startTimeout = Duration.seconds(180)

    private let isReplicaSet: Bool
    private let parameters: [String]
    private let folder: String
    private let binary: String
    private let process: Mutex<WatchedProcess?>

    private init(port: UInt16, isReplicaSet: Bool, parameters: [String], folder: String, binary: String) {
        self.port = port
        self.isReplicaSet = isReplicaSet
        self.parameters = parameters
        self.folder = folder
        self.binary = binary
        process = Mutex(nil)
    }

    private static let sharedServer = Task { try await LocalMongo.start() }

    /// The server that tests share.
    ///
    /// They keep apart by databases of their own; none of them ends or disturbs it.
    public static func shared() async throws -> LocalMongo {
        try await sharedServer.value
    }

    /// Starts a server of one's own, to kill and restart, or of another kind.
    ///
    /// `stop` it at the end. `parameters` are server parameters, such as "transactionLifetimeLimitSeconds=5".
    public static func start(isReplicaSet: Bool = true, parameters: [String] = []) async throws -> LocalMongo {
        let binary = try MongodBinary.find()
        let folder = try makeFolder()
        let server = LocalMongo(
            port: try FreePort.take(),
            isReplicaSet: isReplicaSet,
            parameters: parameters,
            folder: folder,
            binary: binary
        )
        try await server.run()
        return server
    }

    /// The connection string of the replica set or server, with `options` such as "appname=x" behind it.
    public func uri(options: String = "") -> String {
        let topology = isReplicaSet ? "replicaSet=rs0" : "directConnection=true"
        return "mongodb://127.0.0.1:\(port)/?" + topology + (options.isEmpty ? "" : "&" + options)
    }

    /// A name for a database that no other test has.
    public static func uniqueDatabaseName() -> String {
        "test_\(UInt64.random(in: 0 ... .max))"
    }

    /// The folder of its files, for copies of them.
    public var dataFolder: String { folder + "/data" }

    /// Kills the server without any warning, and waits for its end.
    public func kill() {
        process.withLock { process in
            process?.end(.kill)
            process = nil
        }
    }

    /// Starts a server that was killed again, with the same port and data, and waits until it can be written to.
    public func restart() async throws {
        kill()
        try await run()
    }

    /// Ends the server and removes its folder.
    public func stop() {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a command on the admin database, for example to set a failpoint.
    public func adminCommand(_ command: BSONDocument) async throws {
        try await withPool(serverSelectionTimeoutMs: 5_000) { pool in
            _ = try await pool.withConnection(deadline: .now + .seconds(60)) { connection throws(MongoError) in
                try connection.command(command, database: "admin")
            }
        }
    }

    private func run() async throws {
        var arguments = [
            binary, "--port", String(port), "--bind_ip", "127.0.0.1", "--dbpath", folder + "/data",
            "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket",
            "--setParameter", "enableTestCommands=1",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--logpath", folder + "/mongod.log", "--logappend",
        ]
        for parameter in parameters { arguments += ["--setParameter", parameter] }
        if isReplicaSet { arguments += ["--replSet", "rs0", "--oplogSize", "64"] }
        let started = try WatchedProcess(arguments, removingAtEnd: folder)
        process.withLock { $0 = started }
        try await waitUntilWritable()
    }

    /// Asks until the server is the primary; makes it a replica set where it is none yet.
    private func waitUntilWritable() async throws {
        let deadline = ContinuousClock.now + Self.startTimeout
        try await withPool(serverSelectionTimeoutMs: 10_000) { pool in
            var last = "no answer"
            while ContinuousClock.now < deadline {
                do throws(MongoError) {
                    let isWritable = try await pool.withConnection(deadline: deadline) {
                        (connection: isolated MongoConnection) throws(MongoError) in
                        try Self.initiate(on: connection, port: self.port)
                    }
                    if isWritable { return }
                    last = "not the primary"
                } catch {
                    last = error.message
                }
                try await Task.sleep(for: .milliseconds(10))
            }
            throw LocalMongoError(description: "mongod on port \(self.port) did not become writable: \(last)")
        }
    }

    private static func initiate(
        on connection: isolated MongoConnection,
        port: UInt16
    ) throws(MongoError) -> Bool {
        let hello = try connection.command(["hello": 1], database: "admin")
        if hello["isreplicaset"]?.bool == true {
            let member: BSONDocument = ["_id": .int32(0), "host": .string("127.0.0.1:\(port)")]
            let configuration: BSONDocument = [
                "_id": "rs0", "members": [.document(member)], "settings": ["electionTimeoutMillis": .int32(500)],
            ]
            try connection.command(["replSetInitiate": .document(configuration)], database: "admin")
        }
        return hello["isWritablePrimary"]?.bool == true
    }

    private func withPool(
        serverSelectionTimeoutMs: Int32,
        _ body: (ConnectionPool) async throws -> Void
    ) async throws {
        var limits = MongoConfiguration.Limits()
        limits.serverSelectionTimeoutMs = serverSelectionTimeoutMs
        limits.heartbeatFrequencyMs = 500
        let configuration = try MongoConfiguration(
            uri: "mongodb://127.0.0.1:\(port)/?directConnection=true",
            connectionCount: 1,
            limits: limits
        )
        let pool = ConnectionPool(configuration: configuration)
        do {
            try await body(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    /// A temporary folder with a folder "data" in it.
    static func makeFolder() throws -> String {
        var template = Array((NSTemporaryDirectory() + "/tapedesk-mongo-XXXXXX").utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.map { mkdtemp($0) != nil } ?? false }
        guard made else { throw LocalMongoError(description: "cannot make a temporary folder: errno \(errno)") }
        let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try FileManager.default.createDirectory(atPath: folder + "/data", withIntermediateDirectories: true)
        return folder
    }
}
