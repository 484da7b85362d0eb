import BSON
import Console
import DocumentStore
import JSONOutput
import MongoStore
import Sharding
import TickStore

/// How the data of a sharded cluster lies on its shards, for `status`.
struct ClusterReport {
    let cluster: ClusterStatistics
    /// The bytes of each collection on each shard, uncompressed.
    let bytes: [String: [String: Int]]
    /// The instruments with the most events lately, those with most first.
    let hottest: [InstrumentOverview]
    /// The events of all instruments lately.
    let recentEvents: Int

    private static let hottestMax = 5

    /// Asks the cluster; nil where the user may not look at it.
    static func load(
        _ database: Database,
        _ statistics: [(name: String, statistics: StorageStatistics)],
        _ instruments: [InstrumentOverview]
    ) async throws -> ClusterReport? {
        let cluster: ClusterStatistics
        do throws(StoreError) {
            cluster = try await database.store.clusterStatistics()
        } catch {
            guard error.code == .unauthorized else { throw error }
            return nil
        }
        let busy = instruments.filter { $0.recentEvents > 0 }.sorted {
            ($1.recentEvents, $0.instrument) < ($0.recentEvents, $1.instrument)
        }
        return ClusterReport(
            cluster: cluster,
            bytes: Dictionary(statistics.map { ($0.name, $0.statistics.shardBytes) }) { $1 },
            hottest: Array(busy.prefix(hottestMax)),
            recentEvents: busy.reduce(0) { $0 + $1.recentEvents }
        )
    }

    var json: JSONText {
        .object([
            (
                "shards",
                .array(
                    cluster.shards.map { shard in
                        .object([
                            ("name", .string(shard.name)), ("host", .string(shard.host)),
                            ("zones", .array(shard.zones.map(JSONText.string))), ("draining", .bool(shard.isDraining)),
                        ])
                    }
                )
            ),
            ("collections", .object(cluster.collections.map { ($0.name, json($0)) })),
            ("balancer", .object([("mode", .string(cluster.balancerMode)), ("moving", .bool(cluster.isBalancing))])),
            (
                "hottest",
                .array(
                    hottest.map { one in
                        .object([("instrument", .string(one.instrument)), ("events", .integer(one.recentEvents))])
                    }
                )
            ),
            ("recent_events", .integer(recentEvents)),
        ])
    }

    private func json(_ collection: ClusterStatistics.Collection) -> JSONText {
        .object([
            ("key", .string(collection.key.shellText)), ("jumbo_chunks", .integer(collection.jumboChunks)),
            (
                "shards",
                .object(
                    places(collection).map { place in
                        (
                            place.shard,
                            .object([("chunks", .integer(place.chunks)), ("data_bytes", .integer(place.bytes))])
                        )
                    }
                )
            ),
        ])
    }

    /// What is where, by the name of the shard.
    private func places(_ collection: ClusterStatistics.Collection) -> [(shard: String, chunks: Int, bytes: Int)] {
        cluster.shards.map { shard in
            let chunks = collection.shares[shard.name]?.chunks ?? 0
            return (shard.name, chunks, bytes[collection.name]?[shard.name] ?? 0)
        }
    }

    /// Lines for people.
    var lines: [String] {
        let mode = cluster.balancerMode == "full" ? "on" : cluster.balancerMode
        var lines = ["", "shards (balancer \(mode)\(cluster.isBalancing ? ", moving chunks now" : ""))"]
        for shard in cluster.shards {
            let zones = shard.zones.isEmpty ? "" : ", zones \(shard.zones.joined(separator: " "))"
            lines.append("  \(shard.name): \(shard.host)\(zones)\(shard.isDraining ? ", draining" : "")")
        }
        lines += ["", "chunks and share of the data by shard"]
        for collection in cluster.collections {
            let places = places(collection)
            let total = max(1, places.reduce(0) { $0 + $1.bytes })
            let parts = places.map { "\($0.shard) \($0.chunks.grouped) (\($0.bytes * 100 / total)%)" }
            let jumbo = collection.jumboChunks == 0 ? "" : ", \(collection.jumboChunks.grouped) jumbo"
            lines.append("  \(collection.name.padded(to: 16))  \(parts.joined(separator: ", "))\(jumbo)")
        }
        guard recentEvents > 0 else { return lines }
        lines += ["", "hottest instruments: share of the events of the last day that is stored"]
        for one in hottest {
            let share = Double(one.recentEvents) * 100 / Double(recentEvents)
            lines.append("  \(one.instrument.padded(to: 24))  \(share.fixed(1))% (\(one.recentEvents.grouped) events)")
        }
        return lines
    }
}
