import BSON
public import DocumentStore

/// One change of a cluster.
public enum ShardingStep: Equatable, Sendable {
    case enableSharding
    case addShard(String, zone: String)
    /// A range of keys no longer belongs to a zone.
    case release(ZoneRange)
    case assign(ZoneRange)
    case create(collection: String)
    /// A collection with documents has to have an index on the key that it is to be sharded by.
    case indexKey(collection: String, ShardKey)
    /// - Parameters:
    ///   - chunks: into how many pieces the keys are split at once; nil leaves that to zones and balancer.
    ///   - inZone: whether all of them belong to one zone.
    case shard(collection: String, ShardKey, chunks: Int?, inZone: Bool)
    case removeShard(String, zone: String)
}

/// What has to be done so that collections are sharded as they are designed and as the operator wants it.
///
/// A pure value; the steps are in an order in which no document is placed outside of its zone: a zone has its shards
/// before it gets ranges, and its ranges before a collection is split among the shards.
public struct ShardingPlan: Equatable, Sendable {
    /// What a plan is for.
    public enum Scope: Sendable {
        /// Collections that are not sharded yet: what any program needs before it writes.
        case unsharded
        /// Everything, also what changed in the zones: what an operator asks for.
        case all
    }

    public private(set) var steps: [ShardingStep] = []
    /// Why nothing may be done, each with what to do instead.
    public private(set) var conflicts: [String] = []

    /// Into how many pieces a hashed collection is split, for each shard.
    ///
    /// With 8, a shard that joins others gets its share to within a quarter by moving pieces as they are. More would
    /// only be more to know for every router; what one instrument has cannot be split anyway.
    public static let chunksPerShard = 8

    /// Compares what is with what is to be.
    ///
    /// - Parameter specifications: those without a shard key are not sharded, only created.
    public init(
        _ specifications: [CollectionSpecification],
        _ layout: ZoneLayout,
        on state: ShardingState,
        scope: Scope = .all
    ) {
        let wanted = specifications.filter { scope == .all || state.collections[$0.name]?.key == nil }
            .map { Target($0, layout, database: state.database) }
        let isShardingAny = wanted.contains { $0.key != nil && state.collections[$0.name]?.key == nil }
        if scope == .all || isShardingAny {
            refuse(wanted, layout, state)
            guard conflicts.isEmpty else { return }
            if isShardingAny { steps.append(.enableSharding) }
            addZones(wanted, layout, state, scope)
        }
        for target in wanted { addSharding(target, layout, state) }
        if scope == .all { removeShards(layout, state) }
    }

    /// What has to be created on a replica set, where nothing is sharded.
    public init(creating specifications: [CollectionSpecification], existing: Set<String>) {
        steps = specifications.filter { !existing.contains($0.name) }.map { .create(collection: $0.name) }
    }

    /// What a collection is to be.
    private struct Target {
        let name: String
        let key: ShardKey?
        let ranges: [ZoneRange]
        let isInOneZone: Bool

        init(_ specification: CollectionSpecification, _ layout: ZoneLayout, database: String) {
            name = specification.name
            let placements = specification.shardKeySubject.map(layout.placements(of:)) ?? []
            let isWhole = placements.first?.range == .all
            isInOneZone = isWhole
            guard let field = specification.shardKey else {
                key = nil
                ranges = []
                return
            }
            // A zone that holds all is one of hashes, too.
            key = placements.isEmpty || isWhole ? .hashed(field) : .ranged(field)
            ranges = placements.map {
                ZoneRange(
                    collection: specification.name,
                    field: field,
                    $0.range,
                    zone: ZoneLayout.clusterName($0.zone, database: database)
                )
            }
        }
    }
}

// MARK: - Steps

extension ShardingPlan {
    private mutating func addZones(
        _ wanted: [Target],
        _ layout: ZoneLayout,
        _ state: ShardingState,
        _ scope: Scope
    ) {
        let used = Set(wanted.flatMap(\.ranges).map(\.zone))
        for zone in layout.zones {
            let name = ZoneLayout.clusterName(zone.name, database: state.database)
            guard scope == .all || used.contains(name) else { continue }
            for shard in zone.shards where state.shards[shard]?.contains(name) == false {
                steps.append(.addShard(shard, zone: name))
            }
        }
        let ranges = wanted.flatMap(\.ranges)
        let own = state.ranges.filter { ZoneLayout.isOwn($0.zone, database: state.database) }
        if scope == .all {
            // One with the same bounds gets its new zone in one step.
            let gone = own.filter { old in !ranges.contains { $0.hasBounds(of: old) } }
            steps += gone.map(ShardingStep.release)
        }
        steps += ranges.filter { !own.contains($0) }.map(ShardingStep.assign)
    }

    private mutating func addSharding(_ target: Target, _ layout: ZoneLayout, _ state: ShardingState) {
        let existing = state.collections[target.name]
        if existing == nil { steps.append(.create(collection: target.name)) }
        guard let key = target.key, existing?.key == nil else { return }
        let isEmpty = existing?.isEmpty ?? true
        if !isEmpty { steps.append(.indexKey(collection: target.name, key)) }
        var chunks: Int?
        if case .hashed = key, isEmpty {
            let holders = layout.zones.filter(\.hasTickets).flatMap(\.shards).count
            chunks = Self.chunksPerShard * (target.isInOneZone ? holders : state.shards.count)
        }
        steps.append(
            .shard(collection: target.name, key, chunks: chunks, inZone: target.isInOneZone && isEmpty)
        )
    }

    private mutating func removeShards(_ layout: ZoneLayout, _ state: ShardingState) {
        let kept = Dictionary(
            layout.zones.map { (ZoneLayout.clusterName($0.name, database: state.database), Set($0.shards)) },
            uniquingKeysWith: { $0.union($1) }
        )
        for (shard, zones) in state.shards.sorted(by: { $0.key < $1.key }) {
            for zone in zones.sorted() where ZoneLayout.isOwn(zone, database: state.database) {
                if kept[zone]?.contains(shard) != true { steps.append(.removeShard(shard, zone: zone)) }
            }
        }
    }
}

// MARK: - Conflicts

extension ShardingPlan {
    private mutating func refuse(
        _ wanted: [Target],
        _ layout: ZoneLayout,
        _ state: ShardingState
    ) {
        let known = state.shards.keys.sorted().joined(separator: ", ")
        for zone in layout.zones {
            for shard in zone.shards where state.shards[shard] == nil {
                conflicts.append(
                    "zone '\(zone.name)' names the shard '\(shard)', which the cluster does not have; it has \(known)"
                )
            }
        }
        guard conflicts.isEmpty else { return }
        let foreign = state.ranges.filter { !ZoneLayout.isOwn($0.zone, database: state.database) }
        for target in wanted {
            if let key = target.key, let stored = state.collections[target.name]?.key, !key.matches(stored) {
                conflicts.append(Self.otherKey(target, key, stored, layout, state))
            }
            for range in target.ranges {
                guard let other = foreign.first(where: { $0.overlaps(range) }) else { continue }
                conflicts.append(
                    "\(state.database).\(target.name): the range from \(range.min.shellText) to \(range.max.shellText) "
                        + "of zone '\(range.zone)' overlaps one of the zone '\(other.zone)', which Tapedesk did not "
                        + "make; remove that with sh.removeRangeFromZone(\"\(state.database).\(target.name)\", "
                        + "\(other.min.shellText), \(other.max.shellText)), or the zone from the configuration"
                )
            }
        }
    }

    /// Says how a collection gets another key.
    private static func otherKey(
        _ target: Target,
        _ key: ShardKey,
        _ stored: BSONDocument,
        _ layout: ZoneLayout,
        _ state: ShardingState
    ) -> String {
        let namespace = "\(state.database).\(target.name)"
        var commands: [String] = []
        for zone in layout.zones {
            let name = ZoneLayout.clusterName(zone.name, database: state.database)
            guard target.ranges.contains(where: { $0.zone == name }) else { continue }
            for shard in zone.shards where state.shards[shard]?.contains(name) == false {
                commands.append(
                    "sh.addShardToZone(\(BSONValue.string(shard).shellText), \(BSONValue.string(name).shellText))"
                )
            }
        }
        var reshard: [(String, BSONValue)] = [
            ("reshardCollection", .string(namespace)), ("key", .document(key.document)),
        ]
        // MongoDB wants to be told what becomes of zones where there are, or were, any.
        if !target.ranges.isEmpty || state.ranges.contains(where: { $0.collection == target.name }) {
            let zones = target.ranges.map {
                BSONValue.document(["min": .document($0.min), "max": .document($0.max), "zone": .string($0.zone)])
            }
            reshard.append(("zones", .array(zones)))
        }
        commands.append("db.adminCommand(\(BSONDocument(reshard).shellText))")
        return "\(namespace) is sharded by \(stored.shellText), and is to be sharded by \(key.document.shellText): run "
            + "in mongosh (MongoDB 5.0 or newer; it rewrites the collection while it is in use) "
            + commands.joined(separator: "; ")
            + "; or change 'zones' of the configuration so that they fit; nothing was changed"
    }
}

extension ZoneLayout {
    /// The name of a zone in the cluster, where databases share the names.
    static func clusterName(_ zone: String, database: String) -> String { "\(database).\(zone)" }

    /// Whether a zone of the cluster was made for this database.
    static func isOwn(_ zone: String, database: String) -> Bool { zone.hasPrefix("\(database).") }
}
