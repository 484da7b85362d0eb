public import BSON
import Foundation
import MongoRuntime
import Synchronization

/// One mongod of a `ReplicaSet`.
///
/// Safe to use from any task.
public final class ReplicaSetMember: Sendable {
    private enum State {
        case ended
        case running(WatchedProcess)
        case paused(WatchedProcess)
    }

    public let index: Int
    public let port: UInt16
    private let options: ReplicaSet.Options
    private let folder: String
    private let binary: String
    private let state = Mutex(State.ended)
    /// Who commands are given as: "user:password", or nothing.
    private let credentials = Mutex<String?>(nil)

    init(_ index: Int, _ options: ReplicaSet.Options) throws {
        self.index = index
        self.options = options
        port = try FreePort.take()
        folder = try LocalMongo.makeFolder()
        binary = try MongodBinary.find()
    }

    /// Whether it runs, and is not paused.
    public var isRunning: Bool { state.withLock { if case .running = $0 { true } else { false } } }

    /// What the server says of itself.
    public var log: String { (try? String(contentsOfFile: folder + "/mongod.log", encoding: .utf8)) ?? "" }

    /// From now on commands are given as this user, "user:password".
    public func authenticate(_ credentials: String) { self.credentials.withLock { $0 = credentials } }

    /// Starts it where it does not run.
    public func start() throws {
        var data = folder + "/data"
        if let place = options.dataFolder {
            data = place + "/member-\(index)"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        }
        var arguments = [
            binary, "--port", String(port), "--bind_ip", "127.0.0.1", "--dbpath", data,
            "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket",
            "--setParameter", "enableTestCommands=1",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--logpath", folder + "/mongod.log", "--logappend",
            "--replSet", "rs0", "--oplogSize", String(options.oplogMegabytes),
        ]
        for parameter in options.parameters { arguments += ["--setParameter", parameter] }
        arguments += options.arguments
        try state.withLock { state in
            guard case .ended = state else { return }
            state = .running(try WatchedProcess(arguments, removingAtEnd: folder))
        }
    }

    /// Kills it without any warning, and waits for its end.
    public func kill() {
        state.withLock { state in
            switch state {
            case .ended: break
            case .running(let process), .paused(let process): process.end(.kill)
            }
            state = .ended
        }
    }

    /// Stops it where it stands: its connections are open, and nothing comes over them.
    public func pause() {
        state.withLock { state in
            guard case .running(let process) = state else { return }
            process.send(.stop)
            state = .paused(process)
        }
    }

    /// Lets it go on as if no time had passed.
    public func resume() {
        state.withLock { state in
            guard case .paused(let process) = state else { return }
            process.send(.goOn)
            state = .running(process)
        }
    }

    /// Ends it and removes its folder.
    func remove() {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a command on this member, whatever it is to the set.
    ///
    /// - Parameter patienceMs: how long an answer is waited for.
    /// - Throws: `MongoError`.
    @discardableResult
    public func command(
        _ command: BSONDocument,
        database: String = "admin",
        patienceMs: Int32 = 30_000
    ) async throws -> BSONDocument {
        var limits = MongoConfiguration.Limits()
        limits.connectTimeoutMs = min(patienceMs, 5_000)
        limits.serverSelectionTimeoutMs = min(patienceMs, 5_000)
        limits.socketTimeoutMs = patienceMs
        limits.heartbeatFrequencyMs = 500
        let user = credentials.withLock { $0.map { $0 + "@" } ?? "" }
        let more = options.uriOptions.isEmpty ? "" : "&" + options.uriOptions
        let configuration = try MongoConfiguration(
            uri: "mongodb://\(user)127.0.0.1:\(port)/?directConnection=true" + more,
            connectionCount: 1,
            limits: limits
        )
        return try await configuration.withBriefConnection(within: .seconds(30)) { connection throws(MongoError) in
            try connection.command(command, database: database)
        }
    }

    /// Sets a failpoint of the server on or off, such as `rsSyncApplyStop`.
    public func failPoint(_ name: String, isOn: Bool) async throws {
        try await command(["configureFailPoint": .string(name), "mode": isOn ? "alwaysOn" : "off"])
    }
}
