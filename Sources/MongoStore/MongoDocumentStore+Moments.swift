import BSON
public import DocumentStore
import MongoRuntime

// Reads of the past: MongoDB keeps the history of some minutes (minSnapshotHistoryWindowInSeconds, 300 by default), and
// a find at a cluster time sees all of it as it was then.
extension MongoDocumentStore {
    /// Documents that one command asks for; fewer come where they are large.
    private static let documentsPerCommand = 10_000

    public func moment() async throws(StoreError) -> StoreMoment {
        let database = self.database
        let reply = try await perform { connection throws(MongoError) in
            try connection.command(["ping": 1], database: database)
        }
        guard case .timestamp(let time)? = reply["operationTime"] else {
            throw StoreError(.unsupported, "this MongoDB keeps no history; a replica set does")
        }
        return StoreMoment(time)
    }

    /// Reads from whom the configuration prefers what the primary has now.
    ///
    /// A member that is behind answers when it has caught up.
    func findNow(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        let now = try await moment()
        do throws(StoreError) {
            return try await find(query, at: now)
        } catch {
            // That was but a moment ago: the next one may be there.
            guard error.code == .historyLost else { throw error }
            throw StoreError(.unavailable, error.message)
        }
    }

    /// Reads with commands of its own: the driver's cursors take no cluster time.
    ///
    /// No cursor is left open, so nothing is held between them: where one reply cannot hold everything, the next
    /// command skips what was read.
    func find(_ query: DocumentQuery, at moment: StoreMoment) async throws(StoreError) -> [BSONDocument] {
        var documents: [BSONDocument] = []
        while documents.count < query.limit {
            let count = min(Self.documentsPerCommand, query.limit - documents.count)
            let command = command(query, at: moment, skip: documents.count, count: count)
            let database = self.database
            let batch: (documents: [BSONDocument], isLast: Bool)
            do throws(MongoError) {
                batch = try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                    (connection: isolated MongoConnection) throws(MongoError) in
                    let cursor = try connection.command(command, database: database, kind: .routed)["cursor"]?.document
                    let id = cursor?["id"]?.integer ?? 0
                    if id != 0 { Self.end(cursor: id, of: query.collection, connection, database) }
                    return (cursor?["firstBatch"]?.array?.compactMap(\.document) ?? [], id == 0)
                }
            } catch {
                throw storeError(ofPast: error)
            }
            documents += batch.documents
            if batch.documents.isEmpty || batch.isLast && batch.documents.count < count { break }
        }
        return documents
    }

    /// Where that fails, because the server is gone or another one was asked, the server ends it after some minutes.
    private static func end(
        cursor id: Int64,
        of collection: String,
        _ connection: isolated MongoConnection,
        _ database: String
    ) {
        let command: BSONDocument = ["killCursors": .string(collection), "cursors": [.int64(id)]]
        _ = try? connection.command(command, database: database, kind: .routed)
    }

    private func command(_ query: DocumentQuery, at moment: StoreMoment, skip: Int, count: Int) -> BSONDocument {
        let options = query.findOptions(maxTimeMS: pool.configuration.limits.readTimeMsMax)
        let replaced: Set<String> = ["limit", "readConcern", "batchSize"]
        return BSONDocument { writer in
            writer.append("find", .string(query.collection))
            writer.append("filter", .document(query.conditions.filter))
            for (key, value) in options.fields where !replaced.contains(key) { writer.append(key, value) }
            writer.append("skip", .int64(Int64(skip)))
            writer.append("limit", .int64(Int64(count)))
            // One more, so that a full page is known to be the end.
            writer.append("batchSize", .int64(Int64(count) + 1))
            writer.append("readConcern", ["level": "snapshot", "atClusterTime": .timestamp(moment.value)])
        }
    }

    private func storeError(ofPast error: MongoError) -> StoreError {
        guard error.code == .server else { return storeError(error) }
        if ServerCode.snapshotLost.contains(error.serverCode) {
            return StoreError(.historyLost, "MongoDB no longer has the state of that time; read anew")
        }
        return storeError(ofSnapshot: error)
    }
}
