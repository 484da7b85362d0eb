public import BSON
import CLibMongoC
import CMongoShims

/// A collection within a database.
public struct MongoNamespace: Hashable, Sendable, CustomStringConvertible {
    public let database: String
    public let collection: String

    public init(database: String, collection: String) {
        self.database = database
        self.collection = collection
    }

    public var description: String { "\(database).\(collection)" }
}

/// One client of libmongoc, on a thread of its own.
///
/// Every method runs from start to end without giving up the thread, so no other caller sees a half-done operation,
/// and no object of the library lives longer than one call. A call under way cannot be cancelled; the bounds of
/// `MongoConfiguration.Limits` end it. Leased from a `ConnectionPool`.
public actor MongoConnection {
    let worker: WorkerThread
    let clients: ClientPool
    private var client: OpaquePointer?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { worker.asUnownedSerialExecutor() }

    init(clients: ClientPool, name: String) throws(MongoError) {
        worker = try WorkerThread(name: name)
        self.clients = clients
    }

    /// Gives the client back.
    ///
    /// The next operation would take another one.
    func giveBack() {
        if let client { clients.push(client) }
        client = nil
    }

    /// Destroys the pool of clients, from the thread of one of its connections.
    func destroyClients() {
        precondition(client == nil, "the clients go back before their pool is destroyed")
        clients.destroy()
    }

    /// The client, taken out of the pool where that was not done yet.
    func popped() throws(MongoError) -> OpaquePointer {
        if let client { return client }
        let client = try clients.pop()
        self.client = client
        return client
    }
}

// MARK: - Commands

/// How a command treats the connection's settings.
public enum MongoCommandKind: Sendable {
    /// Sent to the primary as it is.
    case plain
    /// Sent as it is to a member that reads may ask.
    case routed
    /// With the read concern; repeated once after a network error.
    case read
    /// With the write concern. Not repeated.
    case write
}

extension MongoConnection {
    /// Runs a command and returns its reply.
    ///
    /// - Throws: `MongoError`; also of code `writeConcern`, when the command was executed but not confirmed.
    @discardableResult
    public func command(
        _ command: BSONDocument,
        database: String,
        kind: MongoCommandKind = .plain
    ) throws(MongoError) -> BSONDocument {
        try self.command(command, database: database, kind: kind, options: nil)
    }

    /// Runs a command with options of libmongoc.
    @discardableResult
    func command(
        _ command: BSONDocument,
        database: String,
        kind: MongoCommandKind,
        options: BSONDocument?
    ) throws(MongoError) -> BSONDocument {
        let client = try popped()
        let raw =
            switch kind {
            case .plain: TD_COMMAND_PLAIN
            case .routed: TD_COMMAND_ROUTED
            case .read: TD_COMMAND_READ
            case .write: TD_COMMAND_WRITE
            }
        let (success, reply, error) = try call { reply, error in
            command.withDocument { command in
                let run = { (options: td_document) in td_command(client, database, raw, command, options, reply, error)
                }
                return options?.withDocument(run) ?? run(td_document())
            }
        }
        guard success else { throw MongoError(error, reply: reply) }
        // Generic commands report an unfulfilled write concern in the reply only.
        if let failure = MongoError(writeConcernErrorIn: reply) { throw failure }
        return reply
    }

    /// Asks the server for a sign of life, so that reachability and credentials are known to be good.
    public func ping(database: String) throws(MongoError) {
        try command(["ping": 1], database: database)
    }

    /// One call of a shim, with its reply copied out and freed.
    func call(
        _ body: (OpaquePointer, UnsafeMutablePointer<td_error>) -> Bool
    ) throws(MongoError) -> (success: Bool, reply: BSONDocument, error: td_error) {
        let reply = td_reply_new()
        defer { td_reply_free(reply) }
        var error = td_error()
        let success = body(reply, &error)
        let bytes = td_reply_document(reply)
        do throws(BSONError) {
            let document = try BSONDocument(
                validating: Array(UnsafeBufferPointer(start: bytes.bytes, count: bytes.length))
            )
            return (success, document, error)
        } catch {
            throw MongoError(.invalidReply, "the answer of MongoDB cannot be read: \(error)")
        }
    }
}

// MARK: - Single documents

/// What a findAndModify did.
public struct MongoFindAndModifyResult: Equatable, Sendable {
    /// The document, as it was changed or before it was removed; nil where none matched.
    public let document: BSONDocument?
    /// Why the change is not confirmed, although it was made.
    public let writeConcernError: MongoError?
}

extension MongoConnection {
    /// Inserts a document.
    ///
    /// The driver repeats it once after a network error.
    ///
    /// - Throws: `MongoError`, of code `writeConcern` where the document was inserted but is not confirmed.
    public func insertOne(_ document: BSONDocument, into namespace: MongoNamespace) throws(MongoError) {
        let client = try popped()
        let (success, reply, error) = try call { reply, error in
            document.withDocument {
                td_insert_one(client, namespace.database, namespace.collection, $0, reply, error)
            }
        }
        if !success { throw MongoError(error, reply: reply) }
    }

    /// Updates, or removes where `update` is nil, the first document that matches.
    ///
    /// The driver repeats it once after a network error.
    public func findAndModify(
        _ namespace: MongoNamespace,
        filter: BSONDocument,
        update: BSONDocument?,
        fields: BSONDocument
    ) throws(MongoError) -> MongoFindAndModifyResult {
        let client = try popped()
        let (success, reply, error) = try call { reply, error in
            filter.withDocument { filter in
                fields.withDocument { fields in
                    let run = { (update: td_document) in
                        td_find_and_modify(
                            client,
                            namespace.database,
                            namespace.collection,
                            filter,
                            update,
                            fields,
                            reply,
                            error
                        )
                    }
                    return update?.withDocument(run) ?? run(td_document())
                }
            }
        }
        let writeConcernError = MongoError(writeConcernErrorIn: reply)
        // libmongoc reports an unfulfilled write concern as a failure, although the document was changed.
        guard success || writeConcernError != nil && reply["ok"]?.isTrue == true else {
            throw MongoError(error, reply: reply)
        }
        return MongoFindAndModifyResult(document: reply["value"]?.document, writeConcernError: writeConcernError)
    }
}

// MARK: - Many documents

/// One write of a bulk.
public enum MongoBulkOperation: Sendable {
    case insert(BSONDocument)
    case update(filter: BSONDocument, update: BSONDocument)
    case delete(filter: BSONDocument)
}

/// What a bulk did, as far as it could be found out.
public struct MongoBulkResult: Sendable {
    /// An operation that the server refused.
    public struct WriteError: Sendable {
        /// The place of the operation in the bulk.
        public let index: Int
        public let error: MongoError
    }

    public var insertedCount = 0
    /// Updates that found their document.
    public var matchedCount = 0
    public var modifiedCount = 0
    public var deletedCount = 0
    public var writeErrors: [WriteError] = []
    /// Why what was done is not confirmed.
    public var writeConcernError: MongoError?
    /// Why the bulk as a whole failed; what the counts and errors do not say is uncertain then, unless the error
    /// says that nothing was sent.
    public var failure: MongoError?

    /// A result that says that nothing is known to have been done.
    public init() {}
}

extension MongoConnection {
    /// Executes an unordered bulk.
    ///
    /// The driver repeats each of its commands once after a network error.
    ///
    /// - Throws: `MongoError` of code `invalidOperation` for what cannot be sent; nothing was sent then.
    public func bulk(
        _ operations: [MongoBulkOperation],
        in namespace: MongoNamespace
    ) throws(MongoError) -> MongoBulkResult {
        try bulk(operations, in: namespace, transaction: nil)
    }

    /// Executes a bulk, ordered and as part of the transaction where there is one.
    func bulk(
        _ operations: [MongoBulkOperation],
        in namespace: MongoNamespace,
        transaction: OpaquePointer?
    ) throws(MongoError) -> MongoBulkResult {
        guard !operations.isEmpty else { return MongoBulkResult() }
        let client = try popped()
        var error = td_error()
        guard let bulk = td_bulk_new(client, namespace.database, namespace.collection, transaction, &error) else {
            throw MongoError(error, reply: [:])
        }
        defer { td_bulk_free(bulk) }
        for operation in operations {
            guard Self.add(operation, to: bulk, &error) else { throw MongoError(error, reply: [:]) }
        }
        do throws(MongoError) {
            let (success, reply, error) = try call { reply, error in td_bulk_execute(bulk, reply, error) }
            return MongoBulkResult(reply: reply, error: success ? nil : MongoError(error, reply: reply))
        } catch {
            var result = MongoBulkResult()
            result.failure = error
            return result
        }
    }

    private static func add(
        _ operation: MongoBulkOperation,
        to bulk: OpaquePointer,
        _ error: UnsafeMutablePointer<td_error>
    ) -> Bool {
        switch operation {
        case .insert(let document):
            document.withDocument { td_bulk_insert(bulk, $0, error) }
        case .update(let filter, let update):
            filter.withDocument { filter in update.withDocument { td_bulk_update_one(bulk, filter, $0, error) } }
        case .delete(let filter):
            filter.withDocument { td_bulk_delete_one(bulk, $0, error) }
        }
    }
}

extension MongoBulkResult {
    init(reply: BSONDocument, error: MongoError?) {
        insertedCount = Int(reply["nInserted"]?.integer ?? 0)
        matchedCount = Int(reply["nMatched"]?.integer ?? 0)
        modifiedCount = Int(reply["nModified"]?.integer ?? 0)
        deletedCount = Int(reply["nRemoved"]?.integer ?? 0)
        for case .document(let entry) in reply["writeErrors"]?.array ?? [] {
            let index = Int(entry["index"]?.integer ?? -1)
            writeErrors.append(WriteError(index: index, error: MongoError(entry: entry, .server, labels: [])))
        }
        writeConcernError = MongoError(writeConcernErrorIn: reply)
        guard let error else { return }
        if error.code == .writeConcern {
            writeConcernError = writeConcernError ?? error
        } else if error.code != .server || writeErrors.isEmpty {
            failure = error
        }
    }
}

// MARK: - Reading

/// How much one read may return.
public struct MongoReadLimits: Sendable {
    public var documentCount: Int
    public var bytes: Int

    public init(documentCount: Int, bytes: Int = 256 << 20) {
        self.documentCount = documentCount
        self.bytes = bytes
    }
}

extension MongoConnection {
    /// Reads the documents that match, in one go: not older than anything that was read or confirmed through this
    /// pool before.
    ///
    /// - Parameter options: of the find command; should bound the server's time by `maxTimeMS`.
    /// - Throws: `MongoError`, of code `resultTooLarge` where there is more than `limits` allows.
    public func find(
        _ namespace: MongoNamespace,
        filter: BSONDocument,
        options: BSONDocument,
        limits: MongoReadLimits
    ) throws(MongoError) -> [BSONDocument] {
        let client = try popped()
        let after = clients.operationTime
        return try collect(limits) { limits, documents, reply, error in
            filter.withDocument { filter in
                options.withDocument { options in
                    td_find(
                        client,
                        namespace.database,
                        namespace.collection,
                        filter,
                        options,
                        after,
                        limits,
                        documents,
                        reply,
                        error
                    )
                }
            }
        }
    }

    /// Runs an aggregation and reads all that it yields.
    ///
    /// - Throws: `MongoError`, of code `resultTooLarge` where there is more than `limits` allows.
    public func aggregate(
        _ namespace: MongoNamespace,
        pipeline: [BSONDocument],
        options: BSONDocument,
        limits: MongoReadLimits
    ) throws(MongoError) -> [BSONDocument] {
        let client = try popped()
        let after = clients.operationTime
        let wrapped: BSONDocument = ["pipeline": .array(pipeline.map(BSONValue.document))]
        return try collect(limits) { limits, documents, reply, error in
            wrapped.withDocument { pipeline in
                options.withDocument { options in
                    td_aggregate(
                        client,
                        namespace.database,
                        namespace.collection,
                        pipeline,
                        options,
                        after,
                        limits,
                        documents,
                        reply,
                        error
                    )
                }
            }
        }
    }

    private func collect(
        _ limits: MongoReadLimits,
        _ body: (
            td_limits, UnsafeMutablePointer<td_documents>, OpaquePointer, UnsafeMutablePointer<td_error>
        ) -> Bool
    ) throws(MongoError) -> [BSONDocument] {
        var documents = td_documents()
        defer { td_documents_free(&documents) }
        let (success, reply, error) = try call { reply, error in
            body(td_limits(documents: limits.documentCount, bytes: limits.bytes), &documents, reply, error)
        }
        guard success else { throw MongoError(error, reply: reply) }
        guard !documents.truncated else {
            let bounds = "\(limits.documentCount) documents or \(limits.bytes) bytes"
            throw MongoError(.resultTooLarge, "the answer of MongoDB exceeds \(bounds)")
        }
        return try Self.split(UnsafeRawBufferPointer(start: documents.bytes, count: documents.length))
    }

    private static func split(_ bytes: UnsafeRawBufferPointer) throws(MongoError) -> [BSONDocument] {
        var result: [BSONDocument] = []
        var rest = bytes[...]
        while rest.count >= 4 {
            let length = Int(Int32(littleEndian: UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: Int32.self)))
            precondition(length >= 5 && length <= rest.count, "libmongoc yields whole documents")
            do throws(BSONError) {
                result.append(try BSONDocument(validating: Array(rest.prefix(length))))
            } catch {
                throw MongoError(.invalidReply, "a document in MongoDB cannot be read: \(error)")
            }
            rest = rest.dropFirst(length)
        }
        return result
    }
}

// MARK: - Conversions

extension BSONDocument {
    /// Lends the bytes to a shim, for the time of one call.
    fileprivate func withDocument<Result>(_ body: (td_document) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body(td_document(bytes: $0.baseAddress, length: $0.count)) }
    }
}

extension BSONValue {
    /// Whether a server's `ok` says so: it comes as a double, an integer or a Boolean.
    var isTrue: Bool { bool ?? (integer == 1) }
}

extension MongoError {
    /// The write-concern error of a reply: of a command's, or the first of a bulk's.
    init?(writeConcernErrorIn reply: BSONDocument) {
        let entry = reply["writeConcernError"]?.document ?? reply["writeConcernErrors"]?.array?.first?.document
        guard let entry else { return nil }
        self.init(entry: entry, .writeConcern, labels: Self.labels(in: reply))
    }

    fileprivate init(entry: BSONDocument, _ code: Code, labels: [String]) {
        let serverCode = Int(entry["code"]?.integer ?? 0)
        let text = entry["errmsg"]?.string ?? "error \(serverCode)"
        self.init(
            code,
            Self.withoutContents(text),
            serverCode: serverCode,
            labels: labels,
            duplicateKeyIndex: serverCode == ServerCode.duplicateKey ? Self.duplicateKeyIndex(in: text) : nil
        )
    }
}
