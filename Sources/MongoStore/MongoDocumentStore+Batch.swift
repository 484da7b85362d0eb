import BSON
public import DocumentStore
import MongoRuntime

/// Bounds of one message to MongoDB.
///
/// What stays within them is one command, so that its counts are unambiguous.
enum BatchLimit {
    /// The server takes 48,000,000 bytes with headers.
    static let bytesMax = 44_000_000
    /// The server takes this many operations.
    static let operationCountMax = 100_000
}

extension MongoDocumentStore {
    /// One bulk: changes of one kind in one collection.
    private struct Chunk: Sendable {
        let collection: String
        let kind: ChangeKind
        var operations: [MongoBulkOperation] = []
        /// The places of the operations among the changes.
        var indexes: [Int] = []
        var bytes = 0

        func hasRoom(for change: EncodedChange) -> Bool {
            operations.count < BatchLimit.operationCountMax && bytes + change.bytes <= BatchLimit.bytesMax
        }
    }

    private struct Group: Hashable {
        let kind: ChangeKind
        let collection: String
    }

    public func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        var outcomes = [AttemptOutcome?](repeating: nil, count: changes.count)
        let groups = Dictionary(grouping: changes.indices) { index in
            Group(kind: changes[index].kind, collection: changes[index].key.collection)
        }
        let ordered = groups.sorted { left, right in
            (left.key.kind.rawValue, left.value[0]) < (right.key.kind.rawValue, right.value[0])
        }
        for (group, indexes) in ordered {
            await attempt(group, indexes, changes, &outcomes)
        }
        return outcomes.map { $0 ?? .failed(StoreError(.closed, "the change was not attempted")) }
    }

    /// Encodes the changes of a group as they are sent, so that memory holds one message at a time.
    private func attempt(
        _ group: Group,
        _ indexes: [Int],
        _ changes: [VersionedChange],
        _ outcomes: inout [AttemptOutcome?]
    ) async {
        var chunk = Chunk(collection: group.collection, kind: group.kind)
        for index in Self.grouped(indexes, changes) {
            let encoded = EncodedChange(changes[index])
            if let refusal = encoded.refusal {
                outcomes[index] = .failed(refusal)
                continue
            }
            if !chunk.hasRoom(for: encoded) {
                await send(chunk, &outcomes)
                chunk = Chunk(collection: group.collection, kind: group.kind)
            }
            chunk.operations.append(encoded.bulkOperation)
            chunk.indexes.append(index)
            chunk.bytes += encoded.bytes
        }
        await send(chunk, &outcomes)
    }

    /// The changes in the order of their shard keys, otherwise in their own.
    ///
    /// What goes to one shard, and there to neighbouring places of the indexes, then stands together; the bulk is
    /// unordered, so that the router can send all shards their part at once.
    static func grouped(_ indexes: [Int], _ changes: [VersionedChange]) -> [Int] {
        let keys = indexes.map { (key: changes[$0].key.shardKey?.value.string ?? "", index: $0) }
        return keys.sorted { ($0.key, $0.index) < ($1.key, $1.index) }.map(\.index)
    }

    private func send(_ chunk: Chunk, _ outcomes: inout [AttemptOutcome?]) async {
        guard !chunk.operations.isEmpty else { return }
        // Where nothing could be sent before, the rest would only wait for the same failure once more.
        for case .failed(let error)? in outcomes where error.isTransient || error.code == .unauthorized {
            for index in chunk.indexes { outcomes[index] = .failed(error) }
            return
        }
        let namespace = namespace(chunk.collection)
        var result: MongoBulkResult
        do throws(MongoError) {
            result = try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                (connection: isolated MongoConnection) throws(MongoError) in
                try connection.bulk(chunk.operations, in: namespace)
            }
        } catch {
            result = MongoBulkResult()
            result.failure = error
        }
        for (position, outcome) in outcomesByPosition(result, chunk).enumerated() {
            outcomes[chunk.indexes[position]] = outcome
        }
    }

    private func outcomesByPosition(_ result: MongoBulkResult, _ chunk: Chunk) -> [AttemptOutcome] {
        var outcomes = [AttemptOutcome](repeating: common(result, chunk), count: chunk.operations.count)
        for writeError in result.writeErrors where outcomes.indices.contains(writeError.index) {
            outcomes[writeError.index] = outcome(of: writeError.error, kind: chunk.kind)
        }
        return outcomes
    }

    /// The outcome of those operations of a bulk that have no error of their own.
    ///
    /// The server only counts how many found their document. All or none is an answer for each of them;
    /// anything between leaves each in doubt.
    private func common(_ result: MongoBulkResult, _ chunk: Chunk) -> AttemptOutcome {
        if let failure = result.failure {
            return outcome(of: failure, kind: chunk.kind)
        }
        let executedCount = chunk.operations.count - result.writeErrors.count
        let foundCount =
            switch chunk.kind {
            case .create: result.insertedCount
            case .update: result.matchedCount
            case .delete: result.deletedCount
            }
        if foundCount == executedCount { return .applied(durability(result.writeConcernError)) }
        if foundCount == 0 { return .notApplied }
        return .unknown(
            StoreError(.unavailable, "\(foundCount) of \(executedCount) changes of a batch found their version")
        )
    }
}
