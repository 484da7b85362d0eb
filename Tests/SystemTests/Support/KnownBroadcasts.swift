import TestSupport

/// The commands that go to all shards of a cluster, each with the reason why it may.
///
/// None of them is on the way of what comes in: neither ingest, nor a change of a ticket, nor a checkpoint waits for
/// more shards than have the documents.
enum KnownBroadcasts {
    /// The field that each sharded collection is placed by; `ShardingTests` holds it to what `init` does.
    static let shardKeys = [
        "market_data": "instrument_symbol", "candles": "instrument_symbol", "rejects": "source", "gaps": "source",
        "deletions": "source", "support_requests": "_id", "support_history": "ticket", "presence": "ticket",
        "alerts": "subject",
    ]

    /// Commands of one kind.
    private struct Broadcast {
        let command: String
        /// Nil for every collection.
        let collection: String?
        /// The fields that it compares, apart from `_id`, by which pages continue; nil for any.
        let fields: Set<String>?
        let reason: String

        init(_ command: String, _ collection: String?, _ fields: Set<String>?, _ reason: String) {
            self.command = command
            self.collection = collection
            self.fields = fields
            self.reason = reason
        }

        func matches(_ traced: TracedCommand) -> Bool {
            command == traced.command && collection ?? traced.collection == traced.collection
                && fields ?? traced.fields == traced.fields
        }
    }

    private static let all: [Broadcast] = reading + migrating

    private static let migrating = [
        "alerts", "candles", "deletions", "gaps", "presence", "rejects", "support_history",
    ]
    .map { Broadcast("find", $0, [], "migrate: all documents of the collection, page by page") }

    private static let reading: [Broadcast] = [
        Broadcast("$collStats", nil, [], "status: the room that a collection takes on each shard"),
        Broadcast("find", "gaps", ["is_open"], "status: open gaps of all sources"),
        Broadcast("aggregate", "gaps", ["is_open"], "status: how many open gaps there are"),
        Broadcast(
            "find",
            "market_data",
            ["replaced_by", "event_count"],
            "status: an overview of all instruments"
        ),
        Broadcast(
            "find",
            "market_data",
            ["replaced_by", "event_count", "source"],
            "replay, at its end: an overview of the instruments of the source"
        ),
        Broadcast("find", "market_data", ["quarantined"], "status: damaged documents, wherever they are"),
        Broadcast("find", "market_data", [], "compact, verify: the first instrument"),
        Broadcast("find", "market_data", ["instrument_symbol"], "compact, verify: the next instrument, by its name"),
        Broadcast("find", "market_data", ["kind"], "verify --candles: the instruments that have bars of feeds"),
        Broadcast("find", "candles", ["interval"], "verify --candles: the instruments that have bars"),
        Broadcast(
            "find",
            "deletions",
            ["instrument_symbol", "completed_at"],
            "compact: deletions that a killed program left half done, whatever source the data is of"
        ),
        Broadcast("find", "support_requests", nil, "lists, searches, watching, erasing and verifying of tickets"),
        Broadcast("aggregate", "support_requests", nil, "list, stats: how many tickets there are"),
        Broadcast("$changeStream", "support_requests", [], "watch: changes of all tickets"),
        Broadcast("find", "presence", ["expires_at"], "list: who has a ticket open"),
        Broadcast("find", "support_history", ["requesters"], "erase: archives with text of a person"),
        Broadcast("find", "rejects", ["ticket", "source", "erased"], "erase: rejected records about a ticket"),
        Broadcast(
            "find",
            "rejects",
            ["ticket", "source", "erased", "kind"],
            "erase: rejected records that could not be read far enough to name their ticket"
        ),
        Broadcast("find", "rejects", ["kind", "erased"], "erase: rejected records that mention a person"),
    ]

    /// Whether a broadcast has a reason.
    static func has(_ command: TracedCommand) -> Bool {
        all.contains { $0.matches(command) }
    }
}

extension TracedCommand {
    fileprivate var fields: Set<String> { Set(filter.keys).subtracting(["_id"]) }
}
