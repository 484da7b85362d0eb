import BSON
public import DocumentStore
import MongoRuntime

/// What kind of deployment answers.
public enum ServerTopology: Equatable, Sendable, CustomStringConvertible {
    /// One server without an oplog: no retryable writes, and nothing survives its disk.
    case standalone
    case replicaSet(name: String)
    /// Routers in front of shards.
    case sharded

    public var description: String {
        switch self {
        case .standalone: "standalone"
        case .replicaSet(let name): "replica set \(name)"
        case .sharded: "sharded cluster"
        }
    }
}

/// What the server says about itself.
public struct ServerInformation: Equatable, Sendable {
    /// For example "6.0.5".
    public let version: String
    public let topology: ServerTopology
    /// The versions of the wire protocol that it speaks.
    public let wireVersionMin: Int
    public let wireVersionMax: Int
}

/// How much room one collection takes, in bytes.
public struct StorageStatistics: Equatable, Sendable {
    public var documentCount = 0
    /// The documents, uncompressed.
    public var dataBytes = 0
    /// The documents on disk.
    public var storageBytes = 0
    /// All indexes on disk.
    public var indexBytes = 0
    /// `dataBytes` by the names of the shards; empty where there are none.
    public var shardBytes: [String: Int] = [:]

    /// Statistics of nothing.
    public init() {}
}

extension MongoDocumentStore {
    /// Creates the collection, or brings the validator and indexes of an existing one to the specification.
    ///
    /// Indexes that the specification does not name stay. On a sharded cluster a collection that is not sharded yet is
    /// sharded by its shard key, in the zones of the operator.
    public func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        if specification.shardKey != nil, try await serverInformation().topology == .sharded {
            try await shardWhereNeeded(specification)
        }
        try await prepareUnsharded(specification)
    }

    /// Creates the collection, or brings an existing one to the specification, wherever its documents are.
    func prepareUnsharded(_ specification: CollectionSpecification) async throws(StoreError) {
        let database = self.database
        try await perform { connection throws(MongoError) in
            try Self.create(specification, in: database, on: connection)
            guard !specification.indexes.isEmpty else { return }
            try connection.command(specification.createIndexes, database: database, kind: .write)
        }
    }

    static func create(
        _ specification: CollectionSpecification,
        in database: String,
        on connection: isolated MongoConnection
    ) throws(MongoError) {
        do throws(MongoError) {
            try connection.command(specification.command("create"), database: database, kind: .write)
        } catch  where error.serverCode == ServerCode.namespaceExists {
            // To change rules takes a right that a writer need not have: it is asked for only where they differ.
            if try hasRules(of: specification, in: database, on: connection) { return }
            try connection.command(specification.command("collMod"), database: database, kind: .write)
        }
    }

    private static func hasRules(
        of specification: CollectionSpecification,
        in database: String,
        on connection: isolated MongoConnection
    ) throws(MongoError) -> Bool {
        let reply = try connection.command(
            ["listCollections": 1, "filter": ["name": .string(specification.name)]],
            database: database
        )
        let options = reply["cursor"]?.document?["firstBatch"]?.array?.first?.document?["options"]?.document
        return options?["validator"]?.document == specification.validator
    }

    /// Asks the server what it is.
    public func serverInformation() async throws(StoreError) -> ServerInformation {
        let database = self.database
        let (hello, build) = try await perform { connection throws(MongoError) in
            let hello = try Self.hello(database, on: connection)
            return (hello, try connection.command(["buildInfo": 1], database: database))
        }
        let topology: ServerTopology =
            if let name = hello["setName"]?.string {
                .replicaSet(name: name)
            } else if hello["msg"]?.string == "isdbgrid" {
                .sharded
            } else {
                .standalone
            }
        return ServerInformation(
            version: build["version"]?.string ?? "unknown",
            topology: topology,
            wireVersionMin: Int(hello["minWireVersion"]?.integer ?? 0),
            wireVersionMax: Int(hello["maxWireVersion"]?.integer ?? 0)
        )
    }

    /// The clock of the primary, or of the router that answers.
    public func serverTime() async throws(StoreError) -> Int64 {
        let database = self.database
        let hello = try await perform { connection throws(MongoError) in try Self.hello(database, on: connection) }
        guard case .datetime(let time)? = hello["localTime"] else {
            throw StoreError(.unreadable, "MongoDB at \(pool.configuration.hosts) does not tell its time")
        }
        return time
    }

    private static func hello(
        _ database: String,
        on connection: isolated MongoConnection
    ) throws(MongoError) -> BSONDocument {
        do throws(MongoError) {
            return try connection.command(["hello": 1], database: database)
        } catch  where error.serverCode == ServerCode.commandNotFound {
            // Servers before 4.4.2 know the older name only.
            return try connection.command(["isMaster": 1], database: database)
        }
    }

    /// How much room a collection takes; all zero where it does not exist.
    public func storageStatistics(_ collection: String) async throws(StoreError) -> StorageStatistics {
        let namespace = namespace(collection)
        let options: BSONDocument = [
            "maxTimeMS": .int64(pool.configuration.limits.readTimeMsMax), "readConcern": ["level": "local"],
        ]
        // One document per shard.
        let documents = try await perform { connection throws(MongoError) in
            do throws(MongoError) {
                return try connection.aggregate(
                    namespace,
                    pipeline: [["$collStats": ["storageStats": [:]]]],
                    options: options,
                    limits: MongoReadLimits(documentCount: 10_000)
                )
            } catch  where error.serverCode == ServerCode.namespaceNotFound {
                return []
            }
        }
        var result = StorageStatistics()
        for document in documents {
            guard let statistics = document["storageStats"]?.document else { continue }
            let read = { (field: String) in Int(statistics[field]?.integer ?? 0) }
            result.documentCount += read("count")
            result.dataBytes += read("size")
            result.storageBytes += read("storageSize")
            result.indexBytes += read("totalIndexSize")
            if let shard = document["shard"]?.string { result.shardBytes[shard, default: 0] += read("size") }
        }
        return result
    }

    /// Removes the whole database with all that is in it.
    ///
    /// For tests and benchmarks, which make their own databases.
    public func dropDatabaseForTesting() async throws(StoreError) {
        let database = self.database
        try await perform { connection throws(MongoError) in
            try connection.command(["dropDatabase": 1], database: database, kind: .write)
            return
        }
    }
}

extension CollectionSpecification {
    fileprivate var validator: BSONDocument {
        jsonSchema.isEmpty ? [:] : ["$jsonSchema": .document(jsonSchema)]
    }

    /// `create` or `collMod`: both take the same rules.
    fileprivate func command(_ name: String) -> BSONDocument {
        BSONDocument { writer in
            writer.append(name, .string(self.name))
            writer.append("validator", .document(validator))
            writer.append("validationLevel", "strict")
            writer.append("validationAction", "error")
        }
    }

    fileprivate var createIndexes: BSONDocument {
        BSONDocument { writer in
            writer.append("createIndexes", .string(name))
            writer.append("indexes", .array(indexes.map { .document($0.description) }))
        }
    }
}

extension CollectionSpecification.Index {
    fileprivate var description: BSONDocument {
        BSONDocument { writer in
            writer.append("key", .document(BSONDocument(fields.map { ($0, .int32(1)) })))
            writer.append("name", .string(name))
            if unique { writer.append("unique", true) }
            if presentOnly, let field = fields.last {
                writer.appendDocument("partialFilterExpression") { $0.append(field, ["$exists": true]) }
            }
            if let expiresAfterSeconds { writer.append("expireAfterSeconds", .int64(expiresAfterSeconds)) }
        }
    }
}
