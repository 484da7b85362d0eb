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

    struct Broadcast {
        let command: String
        let collection: String
        /// The fields that it compares; nil for any.
        let fields: Set<String>?
        let reason: String

        init(_ command: String, _ collection: String, _ fields: Set<String>?, _ reason: String) {
            self.command = command
            self.collection = collection
            self.fields = fields
            self.reason = reason
        }
    }

    static let all: [Broadcast] = []

    static func has(_ command: TracedCommand) -> Bool {
        all.contains { known in
            known.command == command.command && known.collection == command.collection
                && (known.fields ?? Set(command.filter.keys)) == Set(command.filter.keys)
        }
    }
}
