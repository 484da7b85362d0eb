import BSON
import MongoRuntime

/// A time without writes around the election of a primary; times are in milliseconds since 1970.
public struct WritePause: Sendable {
    /// The last write of the primary before, as far as it survived.
    public let lastWrite: Int64
    public let election: Int64
    /// The first write of the new primary.
    public let firstWrite: Int64
}

extension ReplicaSet {
    /// The pauses in the writes to a collection, as the set's own history (the oplog) tells them.
    ///
    /// An election after which nothing was written belongs to the next pause.
    public func pauses(in namespace: String) async throws -> [WritePause] {
        let isElection: BSONDocument = ["op": "n", "o.msg": "new primary"]
        let pipeline: [BSONDocument] = [
            ["$match": ["$or": [["ns": .string(namespace)], .document(isElection)]]],
            [
                "$group": [
                    "_id": "$t",
                    "election": ["$max": ["$cond": [["$eq": ["$op", "n"]], "$wall", nil]]],
                    "first": ["$min": ["$cond": [["$eq": ["$op", "n"]], nil, "$wall"]]],
                    "last": ["$max": ["$cond": [["$eq": ["$op", "n"]], nil, "$wall"]]],
                ]
            ],
            ["$sort": ["_id": 1]],
        ]
        let reply = try await primary().command(
            [
                "aggregate": "oplog.rs", "pipeline": .array(pipeline.map { .document($0) }),
                "cursor": ["batchSize": 10_000],
            ],
            database: "local",
            patienceMs: 60_000
        )
        let terms = (reply["cursor"]?.document?["firstBatch"]?.array ?? []).compactMap(\.document)
        var pauses: [WritePause] = []
        var lastWrite: Int64?
        for term in terms {
            guard case .datetime(let first)? = term["first"], case .datetime(let last)? = term["last"] else { continue }
            if let lastWrite, case .datetime(let election)? = term["election"] {
                pauses.append(WritePause(lastWrite: lastWrite, election: election, firstWrite: first))
            }
            lastWrite = last
        }
        return pauses
    }
}
