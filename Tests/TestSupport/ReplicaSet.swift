import BSON
import Foundation
import MongoRuntime

/// A replica set of several mongods for tests, on free ports of the loopback interface, each in a temporary folder.
///
/// Members can be killed, paused and restarted, one by one. None of them outlives the test process, however that ends.
public final class ReplicaSet: Sendable {
    /// How the set is started.
    public struct Options: Sendable {
        public var memberCount = 3
        /// How long the others wait for a primary that is silent before they elect another one.
        public var electionTimeoutMs: Int32 = 1_000
        /// Server parameters, such as "transactionLifetimeLimitSeconds=5".
        public var parameters: [String] = []
        /// Arguments of mongod beside the usual ones.
        public var arguments: [String] = []
        /// What a connection string needs besides hosts and the name of the set, such as "tls=true".
        public var uriOptions = ""
        /// The megabytes of history that each member keeps.
        public var oplogMegabytes = 128
        /// Where the data of the members is; nil for their temporary folders.
        public var dataFolder: String?

        public init() {}
    }

    public let members: [ReplicaSetMember]
    private let options: Options
    private static let startTimeout = Duration.seconds(60)

    private init(_ members: [ReplicaSetMember], _ options: Options) {
        self.members = members
        self.options = options
    }

    /// Starts a set, and waits until it has a primary.
    ///
    /// `stop` it at the end.
    public static func start(_ options: Options = Options()) async throws -> ReplicaSet {
        let members = try (0..<options.memberCount).map { try ReplicaSetMember($0, options) }
        let set = ReplicaSet(members, options)
        do {
            for member in members { try member.start() }
            try await set.initiate()
            _ = try await set.primary()
        } catch {
            set.stop()
            throw error
        }
        return set
    }

    /// Runs a test with a set of its own.
    public static func run(_ options: Options = Options(), _ body: (ReplicaSet) async throws -> Void) async throws {
        let set = try await start(options)
        defer { set.stop() }
        try await body(set)
    }

    /// The connection string of the set, with `credentials` such as "user:password" and more options behind it.
    public func uri(credentials: String? = nil, options more: String = "") -> String {
        let hosts = members.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let all = ["replicaSet=rs0", options.uriOptions, more].filter { !$0.isEmpty }.joined(separator: "&")
        return "mongodb://\(credentials.map { $0 + "@" } ?? "")\(hosts)/?\(all)"
    }

    /// Waits for a member that says it is the primary.
    ///
    /// Where two say so, because one does not know yet, it is that of the later election.
    public func primary(within limit: Duration = .seconds(60)) async throws -> ReplicaSetMember {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            var found: (member: ReplicaSetMember, election: ObjectID)?
            for member in members where member.isRunning {
                guard let hello = try? await member.command(["hello": 1], patienceMs: 500),
                    hello["isWritablePrimary"]?.bool == true, case .objectID(let election)? = hello["electionId"]
                else { continue }
                if found.map({ $0.election.low < election.low }) ?? true { found = (member, election) }
            }
            if let found { return found.member }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw LocalMongoError(description: "no member of the set became the primary within \(limit)")
    }

    /// Waits until all members run, one is the primary, and the others follow it.
    public func waitUntilWhole(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let states = try await primary(within: limit).command(["replSetGetStatus": 1])["members"]?.array ?? []
            let codes = states.compactMap { $0.document?["state"]?.integer }.sorted()
            if codes == [1] + Array(repeating: 2, count: members.count - 1) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw LocalMongoError(description: "not all members of the set came back within \(limit)")
    }

    /// Ends all members and removes their folders.
    public func stop() {
        for member in members { member.remove() }
    }

    private func initiate() async throws {
        let configured = members.map { member -> BSONValue in
            ["_id": .int32(Int32(member.index)), "host": .string("127.0.0.1:\(member.port)")]
        }
        let settings: BSONDocument = [
            "electionTimeoutMillis": .int32(options.electionTimeoutMs),
            "heartbeatIntervalMillis": .int32(options.electionTimeoutMs / 4),
        ]
        let configuration: BSONDocument = [
            "_id": "rs0", "members": .array(configured), "settings": .document(settings),
        ]
        let deadline = ContinuousClock.now + Self.startTimeout
        while true {
            do {
                try await members[0].command(["replSetInitiate": .document(configuration)], patienceMs: 20_000)
                return
            } catch let error as MongoError {
                // Not all of them listen yet.
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
