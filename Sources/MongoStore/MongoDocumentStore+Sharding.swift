import BSON
public import DocumentStore
import MongoRuntime
public import Sharding

extension MongoDocumentStore {
    /// What would have to be done for these collections; nothing is changed.
    ///
    /// - Throws: `StoreError`, of code `refused` with all that is in the way.
    public func shardingPlan(
        _ specifications: [CollectionSpecification],
        scope: ShardingPlan.Scope = .all
    ) async throws(StoreError) -> ShardingPlan {
        guard try await serverInformation().topology == .sharded else {
            return ShardingPlan(creating: specifications, existing: try await existing(specifications))
        }
        let state = try await shardingState(specifications)
        let plan = ShardingPlan(specifications, try zones(), on: state, scope: scope)
        guard plan.conflicts.isEmpty else { throw StoreError(.refused, plan.conflicts.joined(separator: "\n")) }
        return plan
    }

    /// Carries out a plan, then brings validators and indexes of all the collections to their specifications.
    ///
    /// May be repeated after a failure, with a new plan.
    public func prepare(
        _ specifications: [CollectionSpecification],
        by plan: ShardingPlan
    ) async throws(StoreError) {
        for step in plan.steps { try await run(step, specifications) }
        for specification in specifications { try await prepareUnsharded(specification) }
    }

    /// Shards a collection that is not sharded yet.
    ///
    /// A user who may not look at the configuration of the cluster finds what an operator prepared.
    func shardWhereNeeded(_ specification: CollectionSpecification) async throws(StoreError) {
        let plan: ShardingPlan
        do throws(StoreError) {
            plan = try await shardingPlan([specification], scope: .unsharded)
        } catch {
            guard error.code == .unauthorized else { throw error }
            if try await !existing([specification]).isEmpty { return }
            throw StoreError(
                .unauthorized,
                "the collection \(specification.name) is missing, and to shard it takes the roles clusterManager and "
                    + "clusterMonitor: run 'tapedesk init' once as a user who has them"
            )
        }
        for step in plan.steps { try await run(step, [specification]) }
    }

    private func run(
        _ step: ShardingStep,
        _ specifications: [CollectionSpecification]
    ) async throws(StoreError) {
        let database = self.database
        if case .create(let name) = step {
            guard let specification = specifications.first(where: { $0.name == name }) else { return }
            return try await perform { connection throws(MongoError) in
                try Self.create(specification, in: database, on: connection)
            }
        }
        guard let (command, place) = step.command(database) else { return }
        try await perform { connection throws(MongoError) in
            try connection.command(command, database: place)
            return
        }
    }
}

// MARK: - Looking

extension MongoDocumentStore {
    /// The names of those collections that are there.
    private func existing(_ specifications: [CollectionSpecification]) async throws(StoreError) -> Set<String> {
        let database = self.database
        let names = specifications.map { BSONValue.string($0.name) }
        let reply = try await perform { connection throws(MongoError) in
            try connection.command(
                ["listCollections": 1, "nameOnly": true, "filter": ["name": ["$in": .array(names)]]],
                database: database
            )
        }
        // They are fewer than a first batch has room for.
        let found = reply["cursor"]?.document?["firstBatch"]?.array ?? []
        return Set(found.compactMap { $0.document?["name"]?.string })
    }

    /// What the cluster has of these collections.
    func shardingState(_ specifications: [CollectionSpecification]) async throws(StoreError) -> ShardingState {
        let names = specifications.map(\.name)
        let namespaces = names.map { BSONValue.string(namespace($0).description) }
        let shards = try await configuration("shards", [:])
        let sharded = try await configuration("collections", ["_id": ["$in": .array(namespaces)]])
        let tags = try await configuration("tags", ["ns": ["$in": .array(namespaces)]])
        var state = ShardingState(
            database: database,
            shards: Dictionary(
                shards.compactMap { shard in
                    shard["_id"]?.string.map { ($0, Set((shard["tags"]?.array ?? []).compactMap(\.string))) }
                },
                uniquingKeysWith: { $1 }
            )
        )
        // Older servers keep those that were dropped.
        let keys = Dictionary(
            sharded.filter { $0["dropped"]?.bool != true }.compactMap { entry -> (String, BSONDocument)? in
                guard let namespace = entry["_id"]?.string, let key = entry["key"]?.document else { return nil }
                return (namespace, key)
            },
            uniquingKeysWith: { $1 }
        )
        for name in try await existing(specifications) {
            let key = keys[namespace(name).description]
            // Only what is to be sharded is asked whether it is empty.
            let isEmpty = key == nil ? try await find(DocumentQuery(name, limit: 1)).isEmpty : false
            state.collections[name] = ShardingState.Collection(key: key, isEmpty: isEmpty)
        }
        state.ranges = tags.compactMap { tag in
            guard let namespace = tag["ns"]?.string, let min = tag["min"]?.document, let max = tag["max"]?.document,
                let zone = tag["tag"]?.string
            else { return nil }
            let collection = String(namespace.dropFirst(database.count + 1))
            return ZoneRange(collection: collection, min: min, max: max, zone: zone)
        }
        return state
    }

    /// What the cluster knows about itself.
    func configuration(
        _ collection: String,
        _ filter: BSONDocument
    ) async throws(StoreError) -> [BSONDocument] {
        let options: BSONDocument = ["maxTimeMS": .int64(pool.configuration.limits.readTimeMsMax)]
        return try await perform { connection throws(MongoError) in
            try connection.find(
                MongoNamespace(database: "config", collection: collection),
                filter: filter,
                options: options,
                limits: MongoReadLimits(documentCount: 1_000_000)
            )
        }
    }
}

// MARK: - Commands

extension ShardingStep {
    /// The command of a router, with the database that it is for; nil for what is no single command.
    fileprivate func command(_ database: String) -> (command: BSONDocument, database: String)? {
        switch self {
        case .create:
            nil
        case .enableSharding:
            (["enableSharding": .string(database)], "admin")
        case .addShard(let shard, let zone):
            (["addShardToZone": .string(shard), "zone": .string(zone)], "admin")
        case .removeShard(let shard, let zone):
            (["removeShardFromZone": .string(shard), "zone": .string(zone)], "admin")
        case .assign(let range):
            (Self.update(range, in: database, zone: .string(range.zone)), "admin")
        case .release(let range):
            (Self.update(range, in: database, zone: .null), "admin")
        case .indexKey(let collection, let key):
            (
                [
                    "createIndexes": .string(collection),
                    "indexes": [["key": .document(key.document), "name": "shard_key"]],
                ], database
            )
        case .shard(let collection, let key, let chunks, let inZone):
            (
                BSONDocument { writer in
                    writer.append("shardCollection", .string("\(database).\(collection)"))
                    writer.append("key", .document(key.document))
                    if let chunks { writer.append("numInitialChunks", .int32(Int32(clamping: chunks))) }
                    if inZone { writer.append("presplitHashedZones", true) }
                }, "admin"
            )
        }
    }

    private static func update(_ range: ZoneRange, in database: String, zone: BSONValue) -> BSONDocument {
        [
            "updateZoneKeyRange": .string("\(database).\(range.collection)"), "min": .document(range.min),
            "max": .document(range.max), "zone": zone,
        ]
    }
}
