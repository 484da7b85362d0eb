import BSON
public import DocumentStore
import MongoRuntime

extension MongoDocumentStore {
    /// The most changes that one notice tells of.
    private static let changeCountMax = 1_000

    /// Waits until documents of a collection are created, changed or deleted, and tells which.
    ///
    /// To miss nothing, take a token first, with nil and no wait, then read the documents, then ask again and again
    /// with the token of the notice before. A change that has happened may be told of once more after an error.
    /// The call occupies one connection while it waits, and cannot be cancelled then.
    ///
    /// - Parameters:
    ///   - token: where to begin; nil begins now.
    ///   - duration: how long to wait for the first change; a notice without any ids says that there was none. At most
    ///     half of the time in which an answer of the server is expected, which is 22 s unless the URI says otherwise.
    /// - Throws: `StoreError`, of code `unsupported` where the server has no change streams, as a standalone server,
    ///   and `historyLost` where it no longer has the place of the token. After `unavailable` the same token is good.
    public func changedDocuments(
        in collection: String,
        after token: ChangeToken?,
        waiting duration: Duration
    ) async throws(StoreError) -> ChangeNotice {
        let namespace = namespace(collection)
        let pipeline: [BSONDocument] = [
            ["$match": ["operationType": ["$in": ["insert", "update", "replace", "delete"]]]],
            ["$project": ["documentKey": 1]],
        ]
        let changes: MongoChanges
        do throws(MongoError) {
            changes = try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                (connection: isolated MongoConnection) throws(MongoError) in
                try connection.changes(
                    in: namespace,
                    pipeline: pipeline,
                    resumeAfter: token?.value,
                    waitMs: duration.milliseconds,
                    eventCountMax: Self.changeCountMax
                )
            }
        } catch {
            throw storeError(ofChanges: error)
        }
        guard let next = changes.resumeToken else { throw Self.noChangeStreams }
        var seen = Set<BSONDocument>()
        let keys = changes.events.compactMap { $0["documentKey"]?.document?[DocumentField.id] }
        let ids = keys.filter { seen.insert([DocumentField.id: $0]).inserted }
        return ChangeNotice(ids: ids, token: ChangeToken(next))
    }

    private static let noChangeStreams = StoreError(
        .unsupported,
        "this MongoDB server has no change streams; a replica set has them"
    )

    private func storeError(ofChanges error: MongoError) -> StoreError {
        guard error.code == .server else { return storeError(error) }
        if ServerCode.noChangeStreams.contains(error.serverCode) { return Self.noChangeStreams }
        if ServerCode.changesLost.contains(error.serverCode) {
            return StoreError(.historyLost, "MongoDB no longer has all changes since then; read the documents anew")
        }
        let isPassing =
            error.has(label: MongoError.Label.resumableChangeStream) || error.serverCode == ServerCode.cursorNotFound
        return isPassing ? StoreError(.unavailable, storeError(error).message) : storeError(error)
    }
}
