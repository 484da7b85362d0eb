import BSON
import DocumentStore
import Testing

@testable import Sharding

/// What is to be done, from what is there and what is wanted.
@Suite struct ShardingPlanTests {
    private static let prices = specification("prices", "symbol", .instrument)
    private static let rejects = specification("rejects", "source", .source)
    private static let tickets = specification("tickets", "_id", .ticket)
    private static let alerts = specification("alerts", "subject", nil)
    private static let places = specification("places", nil, nil)
    private static let all = [prices, rejects, tickets, alerts, places]

    private static func specification(
        _ name: String,
        _ key: String?,
        _ subject: CollectionSpecification.ShardKeySubject?
    ) -> CollectionSpecification {
        CollectionSpecification(name: name, shardKey: key, of: subject, jsonSchema: [:], indexes: [])
    }

    private static let eu = Zone(name: "eu", shards: ["s1"], venues: ["KRAKEN"], hasTickets: true)
    private static let cluster = ShardingState(database: "db", shards: ["s1": [], "s2": []])

    private func range(_ collection: String, _ field: String, _ min: BSONValue, _ max: BSONValue) -> ZoneRange {
        ZoneRange(
            collection: collection,
            min: BSONDocument([(field, min)]),
            max: BSONDocument([(field, max)]),
            zone: "db.eu"
        )
    }

    private var euRanges: [ZoneRange] {
        [
            range("prices", "symbol", "KRAKEN:", "KRAKEN;"), range("rejects", "source", "KRAKEN/", "KRAKEN0"),
            range("tickets", "_id", .minKey, .maxKey),
        ]
    }

    /// A cluster where all is as `layout` wants it.
    private func finished(_ keys: [String: BSONDocument], _ ranges: [ZoneRange] = []) -> ShardingState {
        var state = Self.cluster
        for specification in Self.all {
            state.collections[specification.name] = .init(key: keys[specification.name], isEmpty: false)
        }
        state.ranges = ranges
        if !ranges.isEmpty { state.shards["s1"] = ["db.eu"] }
        return state
    }

    private static let hashedKeys: [String: BSONDocument] = [
        "prices": ["symbol": "hashed"], "rejects": ["source": "hashed"], "tickets": ["_id": "hashed"],
        "alerts": ["subject": "hashed"],
    ]
    private static let zonedKeys: [String: BSONDocument] = [
        // As mongosh types it, and as the server then keeps it.
        "prices": ["symbol": 1.0], "rejects": ["source": 1], "tickets": ["_id": "hashed"],
        "alerts": ["subject": "hashed"],
    ]

    @Test func withoutZonesEverythingIsHashedAndSplit() {
        let plan = ShardingPlan(Self.all, ZoneLayout(), on: Self.cluster)
        #expect(plan.conflicts.isEmpty)
        #expect(
            plan.steps == [
                .enableSharding,
                .create(collection: "prices"),
                .shard(collection: "prices", .hashed("symbol"), chunks: 16, inZone: false),
                .create(collection: "rejects"),
                .shard(collection: "rejects", .hashed("source"), chunks: 16, inZone: false),
                .create(collection: "tickets"),
                .shard(collection: "tickets", .hashed("_id"), chunks: 16, inZone: false),
                .create(collection: "alerts"),
                .shard(collection: "alerts", .hashed("subject"), chunks: 16, inZone: false),
                .create(collection: "places"),
            ]
        )
    }

    @Test func zonesComeBeforeTheCollectionsThatAreSplitByThem() {
        let plan = ShardingPlan(Self.all, ZoneLayout([Self.eu]), on: Self.cluster)
        #expect(
            plan.steps == [.enableSharding, .addShard("s1", zone: "db.eu")] + euRanges.map(ShardingStep.assign) + [
                .create(collection: "prices"),
                .shard(collection: "prices", .ranged("symbol"), chunks: nil, inZone: false),
                .create(collection: "rejects"),
                .shard(collection: "rejects", .ranged("source"), chunks: nil, inZone: false),
                .create(collection: "tickets"),
                // All tickets are on one shard of two.
                .shard(collection: "tickets", .hashed("_id"), chunks: 8, inZone: true),
                .create(collection: "alerts"),
                .shard(collection: "alerts", .hashed("subject"), chunks: 16, inZone: false),
                .create(collection: "places"),
            ]
        )
    }

    @Test func whereAllIsDoneThereIsNothingToDo() {
        #expect(ShardingPlan(Self.all, ZoneLayout(), on: finished(Self.hashedKeys)).steps.isEmpty)
        let zoned = finished(Self.zonedKeys, euRanges)
        let plan = ShardingPlan(Self.all, ZoneLayout([Self.eu]), on: zoned)
        #expect(plan.steps.isEmpty && plan.conflicts.isEmpty)
    }

    @Test func documentsThatAreThereAreIndexedFirstAndNotSplit() {
        var state = Self.cluster
        state.collections["prices"] = .init(key: nil, isEmpty: false)
        state.collections["rejects"] = .init(key: nil, isEmpty: true)
        #expect(
            ShardingPlan([Self.prices, Self.rejects], ZoneLayout(), on: state).steps == [
                .enableSharding,
                .indexKey(collection: "prices", .hashed("symbol")),
                .shard(collection: "prices", .hashed("symbol"), chunks: nil, inZone: false),
                .shard(collection: "rejects", .hashed("source"), chunks: 16, inZone: false),
            ]
        )
    }

    @Test func whatIsNoLongerWantedGoesBeforeAndShardsOfAZoneGoLast() {
        var state = finished(Self.zonedKeys, euRanges)
        state.shards["s2"] = ["db.eu", "db.gone", "other.eu", "EU"]
        let asia = Zone(name: "asia", shards: ["s2"], instruments: ["KRAKEN:BTC/JPY"])
        let plan = ShardingPlan(Self.all, ZoneLayout([Self.eu, asia]), on: state)
        var cut = range("prices", "symbol", "KRAKEN:BTC/JPY", "KRAKEN:BTC/JPY\0")
        cut = ZoneRange(collection: cut.collection, min: cut.min, max: cut.max, zone: "db.asia")
        #expect(
            plan.steps == [
                .addShard("s2", zone: "db.asia"),
                .release(range("prices", "symbol", "KRAKEN:", "KRAKEN;")),
                .assign(range("prices", "symbol", "KRAKEN:", "KRAKEN:BTC/JPY")),
                .assign(cut),
                .assign(range("prices", "symbol", "KRAKEN:BTC/JPY\0", "KRAKEN;")),
                .removeShard("s2", zone: "db.eu"), .removeShard("s2", zone: "db.gone"),
            ]
        )
    }

    @Test func aRangeThatOnlyChangesItsZoneIsNeverWithoutOne() {
        let state = finished(Self.zonedKeys, euRanges)
        let west = Zone(name: "west", shards: ["s2"], venues: ["KRAKEN"], hasTickets: true)
        let steps = ShardingPlan(Self.all, ZoneLayout([west]), on: state).steps
        #expect(!steps.contains { if case .release = $0 { true } else { false } })
        #expect(steps.last == .removeShard("s1", zone: "db.eu"))
        #expect(steps.count == 5)
    }

    @Test func zonesThatAnOperatorMadeByHandStay() {
        var state = finished(Self.hashedKeys)
        state.shards["s1"] = ["EU"]
        state.ranges = [
            ZoneRange(collection: "prices", min: ["symbol": .minKey], max: ["symbol": 0], zone: "EU")
        ]
        let plan = ShardingPlan(Self.all, ZoneLayout(), on: state)
        #expect(plan.steps.isEmpty && plan.conflicts.isEmpty)
    }

    @Test func anotherKeyIsRefusedWithTheCommandThatChangesIt() {
        var state = finished(Self.hashedKeys)
        state.collections["alerts"]?.key = nil
        let plan = ShardingPlan([Self.prices, Self.alerts], ZoneLayout([Self.eu]), on: state)
        #expect(plan.steps.isEmpty)
        #expect(
            plan.conflicts == [
                """
                db.prices is sharded by { symbol: "hashed" }, and is to be sharded by { symbol: 1 }: run in mongosh \
                (MongoDB 5.0 or newer; it rewrites the collection while it is in use) \
                sh.addShardToZone("s1", "db.eu"); \
                db.adminCommand({ reshardCollection: "db.prices", key: { symbol: 1 }, zones: \
                [{ min: { symbol: "KRAKEN:" }, max: { symbol: "KRAKEN;" }, zone: "db.eu" }] }); \
                or change 'zones' of the configuration so that they fit; nothing was changed
                """
            ]
        )
    }

    @Test func whereZonesAreNoLongerWantedTheCommandRemovesThem() throws {
        let plan = ShardingPlan([Self.prices], ZoneLayout(), on: finished(Self.zonedKeys, euRanges))
        let conflict = try #require(plan.conflicts.first)
        #expect(
            conflict.contains("{ reshardCollection: \"db.prices\", key: { symbol: \"hashed\" }, zones: [] }")
        )
    }

    @Test func aKeyOfSeveralFieldsIsAnotherKey() {
        var state = finished(Self.hashedKeys)
        state.collections["prices"]?.key = ["symbol": "hashed", "time": 1]
        #expect(ShardingPlan([Self.prices], ZoneLayout(), on: state).conflicts.count == 1)
    }

    @Test func aShardThatIsNotThereIsRefused() {
        let zone = Zone(name: "eu", shards: ["s1", "s9"], venues: ["KRAKEN"])
        #expect(
            ShardingPlan(Self.all, ZoneLayout([zone]), on: Self.cluster).conflicts == [
                "zone 'eu' names the shard 's9', which the cluster does not have; it has s1, s2"
            ]
        )
    }

    @Test func aRangeThatOverlapsOneOfAnOperatorIsRefused() throws {
        var state = Self.cluster
        state.ranges = [
            ZoneRange(collection: "prices", min: ["symbol": "A"], max: ["symbol": "KRAKEN:M"], zone: "EU"),
            ZoneRange(collection: "prices", min: ["symbol": "KRAKEN;"], max: ["symbol": "Z"], zone: "EU"),
        ]
        let plan = ShardingPlan([Self.prices], ZoneLayout([Self.eu]), on: state)
        #expect(plan.steps.isEmpty && plan.conflicts.count == 1)
        #expect(
            try #require(plan.conflicts.first).contains(
                "sh.removeRangeFromZone(\"db.prices\", { symbol: \"A\" }, { symbol: \"KRAKEN:M\" })"
            )
        )
    }

    // MARK: What any program needs before it writes

    @Test func whatIsShardedAlreadyIsTakenAsItIs() {
        var state = finished(Self.hashedKeys)
        state.shards["s2"] = ["db.gone"]
        let plan = ShardingPlan([Self.prices], ZoneLayout([Self.eu]), on: state, scope: .unsharded)
        #expect(plan.steps.isEmpty && plan.conflicts.isEmpty)
    }

    @Test func whatIsMissingGetsItsZonesAndNothingElseIsTouched() {
        var state = finished(Self.zonedKeys, Array(euRanges.dropFirst()))
        state.collections["prices"] = nil
        state.shards["s2"] = ["db.gone"]
        let plan = ShardingPlan([Self.prices], ZoneLayout([Self.eu]), on: state, scope: .unsharded)
        #expect(
            plan.steps == [
                .enableSharding, .assign(euRanges[0]), .create(collection: "prices"),
                .shard(collection: "prices", .ranged("symbol"), chunks: nil, inZone: false),
            ]
        )
    }

    @Test func onAReplicaSetCollectionsAreCreated() {
        #expect(
            ShardingPlan(creating: Self.all, existing: ["prices", "alerts", "places"]).steps == [
                .create(collection: "rejects"), .create(collection: "tickets"),
            ]
        )
    }

    @Test func textsAreWrittenAsMongoshReadsThem() {
        let document: BSONDocument = ["a_b": "x\"\\\0\u{1B}é", "a.b": ["n": 5], "list": [1.5, .null, true]]
        #expect(
            document.shellText
                == "{ a_b: \"x\\\"\\\\\\u0000\\u001bé\", \"a.b\": { n: NumberLong(\"5\") }, list: [1.5, null, true] }"
        )
    }
}
