public import BSON
import Foundation
import MongoRuntime

/// Several servers for tests: a replica set of some members, or a sharded cluster, as `scripts/local-mongo` starts them
/// on free ports of the loopback interface.
///
/// They never outlive the test process, however that ends, and their folder goes with them. Which router a sharded
/// cluster has, and what tests with it do not prove, says docs/testing.md.
public final class LocalCluster: Sendable {
    /// Which servers.
    public enum Topology: Hashable, Sendable {
        /// One replica set of so many members.
        case replicas(Int)
        /// So many shards, each with its servers, behind a router.
        case sharded(shards: Int)

        fileprivate var options: [String] {
            switch self {
            case .replicas(let count): ["--replicas", String(count)]
            case .sharded(let count): ["--sharded", "--shards", String(count)]
            }
        }
    }

    /// One process of the cluster.
    public struct Server: Decodable, Equatable, Sendable {
        /// By which the others tell it apart.
        public let name: String
        /// What it is for, such as `router`.
        public let role: String
        public let port: UInt16
        /// Nil where it does not run.
        public let pid: Int32?
    }

    private struct Status: Decodable {
        let uri: String
        let processes: [Server]
    }

    /// The connection string, without a database.
    public let uri: String
    private let topology: Topology
    private let folder: String
    private let binary: String

    private init(uri: String, topology: Topology, folder: String, binary: String) {
        self.uri = uri
        self.topology = topology
        self.folder = folder
        self.binary = binary
    }

    private static let sharedCluster = Task { try await LocalCluster.start(.sharded(shards: 2)) }

    /// The sharded cluster of two shards that tests share.
    ///
    /// They keep apart by databases and names of zones of their own; none of them ends or disturbs it.
    public static func shared() async throws -> LocalCluster {
        try await sharedCluster.value
    }

    /// Starts servers of one's own, to kill and restart.
    ///
    /// `stop` them at the end.
    public static func start(_ topology: Topology) async throws -> LocalCluster {
        let binary = try MongodBinary.find()
        let folder = NSTemporaryDirectory() + "/tapedesk-cluster-\(UInt64.random(in: 0 ... .max))"
        let cluster = LocalCluster(uri: "", topology: topology, folder: folder, binary: binary)
        try await cluster.bringUp()
        do {
            let uri = try await cluster.status().uri
            return LocalCluster(uri: uri, topology: topology, folder: folder, binary: binary)
        } catch {
            try? await cluster.stop()
            throw error
        }
    }

    /// The processes as they are now.
    public func servers() async throws -> [Server] {
        try await status().processes
    }

    /// What is stored; `port` is that of a shard to see what that one alone holds, nil asks the router.
    public func documents(
        _ database: String,
        _ collection: String,
        where filter: BSONDocument = [:],
        port: UInt16? = nil
    ) async throws -> [BSONDocument] {
        let address = port.map { "mongodb://127.0.0.1:\($0)/?directConnection=true" } ?? uri
        return try await Self.connected(to: address) { connection throws(MongoError) in
            try connection.find(
                MongoNamespace(database: database, collection: collection),
                filter: filter,
                options: [:],
                limits: MongoReadLimits(documentCount: 100_000)
            )
        }
    }

    /// Has the router run a command.
    @discardableResult
    public func command(_ command: BSONDocument, database: String = "admin") async throws -> BSONDocument {
        try await Self.connected(to: uri) { connection throws(MongoError) in
            try connection.command(command, database: database)
        }
    }

    private static func connected<Value: Sendable>(
        to uri: String,
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Value
    ) async throws -> Value {
        try await MongoConfiguration(uri: uri, connectionCount: 1).withBriefConnection(body)
    }

    /// Kills a process without any warning, and waits for its end.
    public func kill(process name: String) async throws {
        let processes = try await servers()
        guard let pid = processes.first(where: { $0.name == name })?.pid else {
            let names = processes.map(\.name).joined(separator: ", ")
            throw LocalMongoError(description: "no process '\(name)' runs; there are \(names)")
        }
        _ = Foundation.kill(pid, SIGKILL)
        let deadline = ContinuousClock.now + .seconds(30)
        // It is gone when the kernel, or whoever started it, has collected it.
        while Foundation.kill(pid, 0) == 0, !Self.isZombie(pid) {
            guard ContinuousClock.now < deadline else {
                throw LocalMongoError(description: "process \(pid), '\(name)', does not end")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Starts the processes that do not run, with their ports and data, and waits until all can be used.
    public func restart() async throws {
        try await bringUp()
    }

    /// Ends all processes and removes their folder.
    public func stop() async throws {
        _ = try await script("wipe")
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func isZombie(_ pid: Int32) -> Bool {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        // The name of the program, in parentheses, may hold anything; the state comes behind it.
        return text.split(separator: ")").last?.split(separator: " ").first == "Z"
    }

    private func bringUp() async throws {
        _ = try await script("up", "--watch-pid", String(ProcessInfo.processInfo.processIdentifier))
    }

    private func status() async throws -> Status {
        // 1 says that not all of them run.
        let output = try await script("status", "--json", allowing: [0, 1])
        return try JSONDecoder().decode(Status.self, from: output)
    }
}

// MARK: - The script

extension LocalCluster {
    private static let script = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("scripts/local-mongo")
    /// The longest run of the script: servers of a cluster start one after the other.
    private static let timeout = Duration.seconds(180)

    /// Runs the script for this cluster and returns what it prints.
    private func script(_ verb: String, _ words: String..., allowing codes: Set<Int32> = [0]) async throws -> Data {
        let outputs = NSTemporaryDirectory() + "/tapedesk-script-\(UInt64.random(in: 0 ... .max))"
        // Files, not pipes: the servers, which inherit them, would keep a pipe open.
        let (outputPath, errorPath) = (outputs + ".out", outputs + ".err")
        for path in [outputPath, errorPath] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        defer { for path in [outputPath, errorPath] { try? FileManager.default.removeItem(atPath: path) } }
        let process = Process()
        process.executableURL = Self.script
        process.arguments = [verb] + topology.options + ["--folder", folder] + words
        var environment = ProcessInfo.processInfo.environment
        // The script takes the mongod of the path.
        let path = URL(fileURLWithPath: binary).deletingLastPathComponent().path
        environment["PATH"] = path + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        try process.run()
        let deadline = ContinuousClock.now + Self.timeout
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                process.terminate()
                throw LocalMongoError(description: "local-mongo \(verb) takes longer than \(Self.timeout)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        guard codes.contains(process.terminationStatus) else {
            let text = (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
            throw LocalMongoError(description: "local-mongo \(verb), code \(process.terminationStatus): \(text)")
        }
        return try Data(contentsOf: URL(fileURLWithPath: outputPath))
    }
}
