public import BSON
import CMongoShims

/// What a change stream told within one call.
public struct MongoChanges: Sendable {
    /// In the order of the changes, as the pipeline left them.
    public let events: [BSONDocument]
    /// Names the place behind the events, also where there were none; nil where the server names no such place.
    public let resumeToken: BSONDocument?
}

extension MongoConnection {
    /// Waits for changes in a collection.
    ///
    /// The change stream lives within the call; the next one continues it with the token of this one. The connection
    /// serves nobody else meanwhile.
    ///
    /// - Parameters:
    ///   - pipeline: stages behind `$changeStream`; they leave `_id` in the events.
    ///   - resumeAfter: the token of an earlier call; nil begins now.
    ///   - waitMs: how long the server waits for the first change, in milliseconds. Cut to half of the time in which
    ///     the driver expects an answer.
    ///   - eventCountMax: the most events that are returned.
    /// - Throws: `MongoError`, of a code in `ServerCode.noChangeStreams` or `ServerCode.changesLost` for what a
    ///   repetition cannot help.
    public func changes(
        in namespace: MongoNamespace,
        pipeline: [BSONDocument],
        resumeAfter: BSONDocument?,
        waitMs: Int64,
        eventCountMax: Int
    ) throws(MongoError) -> MongoChanges {
        let client = try popped()
        var session: OpaquePointer?
        // Cursors belong to a session and a server, which the driver would otherwise choose anew for each command.
        let (_, options, error) = try call { reply, error in
            session = td_session_new(client, reply, error)
            return session != nil
        }
        guard let session else { throw MongoError(error, reply: [:]) }
        defer { td_session_free(session) }
        let run = { (command: BSONDocument) throws(MongoError) in
            try self.command(command, database: namespace.database, kind: .plain, options: options)
        }
        let source: BSONDocument = [
            "$changeStream": .document(resumeAfter.map { ["resumeAfter": .document($0)] } ?? [:])
        ]
        let opened = try Self.cursor(
            run([
                "aggregate": .string(namespace.collection),
                "pipeline": .array(([source] + pipeline).map(BSONValue.document)),
                "cursor": ["batchSize": 0],
                "readConcern": ["level": "majority"],
            ])
        )
        let read = try Self.cursor(
            run([
                "getMore": .int64(opened.id),
                "collection": .string(namespace.collection),
                "batchSize": .int64(Int64(eventCountMax)),
                "maxTimeMS": .int64(max(1, min(waitMs, Int64(clients.configuration.socketTimeoutMs) / 2))),
            ])
        )
        if read.id != 0 {
            // The result is there already; a cursor that stays ends by itself.
            _ = try? run(["killCursors": .string(namespace.collection), "cursors": [.int64(read.id)]])
        }
        let token = read.token ?? read.events.last?["_id"]?.document ?? opened.token ?? resumeAfter
        return MongoChanges(events: read.events, resumeToken: token)
    }

    private static func cursor(
        _ reply: BSONDocument
    ) throws(MongoError) -> (id: Int64, events: [BSONDocument], token: BSONDocument?) {
        guard let cursor = reply["cursor"]?.document, let id = cursor["id"]?.integer else {
            throw MongoError(.invalidReply, "MongoDB opened no cursor for changes")
        }
        let events = cursor["nextBatch"]?.array ?? []
        return (id, events.compactMap(\.document), cursor["postBatchResumeToken"]?.document)
    }
}
