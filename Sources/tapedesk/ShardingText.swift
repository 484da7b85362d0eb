import Console
import JSONOutput
import Sharding

extension ShardingStep {
    /// One line for people.
    func text(_ database: String) -> String {
        switch self {
        case .enableSharding:
            "enable sharding of the database \(database)"
        case .create(let collection):
            "create the collection \(collection)"
        case .addShard(let shard, let zone):
            "add the shard \(shard) to the zone \(zone)"
        case .removeShard(let shard, let zone):
            "remove the shard \(shard) from the zone \(zone)"
        case .assign(let range):
            "keep \(range.text) in the zone \(range.zone)"
        case .release(let range):
            "no longer keep \(range.text) in the zone \(range.zone)"
        case .indexKey(let collection, let key):
            "index \(collection) by \(key.document.shellText)"
        case .shard(let collection, let key, let chunks, let inZone):
            "shard \(collection) by \(key.document.shellText)"
                + (chunks.map { ", split into \($0.grouped)" } ?? "") + (inZone ? ", all in its zone" : "")
        }
    }

    /// The same for programs.
    var json: JSONText {
        switch self {
        case .enableSharding:
            .step("enable_sharding")
        case .create(let collection):
            .step("create", ("collection", .string(collection)))
        case .addShard(let shard, let zone):
            .step("add_shard_to_zone", ("shard", .string(shard)), ("zone", .string(zone)))
        case .removeShard(let shard, let zone):
            .step("remove_shard_from_zone", ("shard", .string(shard)), ("zone", .string(zone)))
        case .assign(let range):
            .step("assign_range", range)
        case .release(let range):
            .step("release_range", range)
        case .indexKey(let collection, let key):
            .step("index_key", ("collection", .string(collection)), ("key", .string(key.document.shellText)))
        case .shard(let collection, let key, let chunks, let inZone):
            .step(
                "shard",
                ("collection", .string(collection)),
                ("key", .string(key.document.shellText)),
                ("chunks", chunks.map(JSONText.integer) ?? .null),
                ("in_zone", .bool(inZone))
            )
        }
    }
}

extension JSONText {
    fileprivate static func step(_ name: String, _ fields: (String, JSONText)...) -> JSONText {
        .object([("step", .string(name))] + fields)
    }

    fileprivate static func step(_ name: String, _ range: ZoneRange) -> JSONText {
        .step(
            name,
            ("collection", .string(range.collection)),
            ("zone", .string(range.zone)),
            ("min", .string(range.min.shellText)),
            ("max", .string(range.max.shellText))
        )
    }
}

extension ZoneRange {
    fileprivate var text: String { "\(collection) from \(min.shellText) to \(max.shellText)" }
}
