public import BSON
public import DocumentStore
import MongoRuntime

/// What a sharded cluster says about the shards and about the collections of a database.
public struct ClusterStatistics: Equatable, Sendable {
    /// One shard.
    public struct Shard: Equatable, Sendable {
        public let name: String
        /// The replica set and its hosts.
        public let host: String
        /// In their order.
        public let zones: [String]
        /// Whether it is being emptied, to be removed.
        public let isDraining: Bool
    }

    /// How much of a collection is on one shard.
    public struct Share: Equatable, Sendable {
        public var chunks = 0
        /// Chunks that the balancer cannot move, because they are too large and cannot be split.
        public var jumboChunks = 0

        /// Nothing.
        public init() {}
    }

    /// A sharded collection.
    public struct Collection: Equatable, Sendable {
        public let name: String
        public let key: BSONDocument
        /// By the name of the shard.
        public let shares: [String: Share]

        /// On all shards.
        public var jumboChunks: Int { shares.values.reduce(0) { $0 + $1.jumboChunks } }
    }

    /// By name.
    public let shards: [Shard]
    /// By name.
    public let collections: [Collection]
    /// `full`, or `off`.
    public let balancerMode: String
    /// Whether it moves chunks at the moment.
    public let isBalancing: Bool
}

extension MongoDocumentStore {
    /// Asks the cluster about its shards and the collections of the database; takes the role `clusterMonitor`.
    ///
    /// - Throws: `StoreError`, of code `unauthorized` where the user may not look.
    public func clusterStatistics() async throws(StoreError) -> ClusterStatistics {
        let shards = try await configuration("shards", [:]).compactMap { shard -> ClusterStatistics.Shard? in
            guard let name = shard["_id"]?.string else { return nil }
            return ClusterStatistics.Shard(
                name: name,
                host: shard["host"]?.string ?? "",
                zones: (shard["tags"]?.array ?? []).compactMap(\.string).sorted(),
                isDraining: shard["draining"]?.bool == true
            )
        }
        let balancer = try await perform { connection throws(MongoError) in
            try connection.command(["balancerStatus": 1], database: "admin")
        }
        return ClusterStatistics(
            shards: shards.sorted { $0.name < $1.name },
            collections: try await clusterCollections().sorted { $0.name < $1.name },
            balancerMode: balancer["mode"]?.string ?? "unknown",
            isBalancing: balancer["inBalancerRound"]?.bool == true
        )
    }

    private func clusterCollections() async throws(StoreError) -> [ClusterStatistics.Collection] {
        // From 5.0 on, chunks belong to the identifier of a collection, before that to its name.
        let isOwn: BSONValue = ["$or": [["$eq": ["$uuid", "$$uuid"]], ["$eq": ["$ns", "$$name"]]]]
        let share: BSONDocument = [
            "_id": ["shard": "$shard", "jumbo": ["$eq": ["$jumbo", true]]], "count": ["$sum": 1],
        ]
        let pipeline: [BSONDocument] = [
            // Names of databases have no characters that mean something in a pattern.
            ["$match": ["_id": ["$regex": .string("^\(database)\\.")], "dropped": ["$ne": true]]],
            [
                "$lookup": [
                    "from": "chunks", "let": ["uuid": "$uuid", "name": "$_id"],
                    "pipeline": [["$match": ["$expr": isOwn]], ["$group": .document(share)]], "as": "shares",
                ]
            ],
            ["$project": ["key": 1, "shares": 1]],
        ]
        let options: BSONDocument = ["maxTimeMS": .int64(pool.configuration.limits.readTimeMsMax)]
        let documents = try await perform { connection throws(MongoError) in
            try connection.aggregate(
                MongoNamespace(database: "config", collection: "collections"),
                pipeline: pipeline,
                options: options,
                limits: MongoReadLimits(documentCount: 10_000)
            )
        }
        return documents.compactMap { document in
            guard let namespace = document["_id"]?.string, let key = document["key"]?.document else { return nil }
            return ClusterStatistics.Collection(
                name: String(namespace.dropFirst(database.count + 1)),
                key: key,
                shares: Self.shares(document["shares"]?.array ?? [])
            )
        }
    }

    private static func shares(_ groups: [BSONValue]) -> [String: ClusterStatistics.Share] {
        var shares: [String: ClusterStatistics.Share] = [:]
        for group in groups.compactMap(\.document) {
            guard let id = group["_id"]?.document, let shard = id["shard"]?.string else { continue }
            let count = Int(group["count"]?.integer ?? 0)
            shares[shard, default: .init()].chunks += count
            if id["jumbo"]?.bool == true { shares[shard, default: .init()].jumboChunks += count }
        }
        return shares
    }
}
