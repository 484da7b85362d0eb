public import BSON
public import DocumentStore
public import MongoRuntime
public import Sharding

/// Documents in a MongoDB database.
///
/// Safe to use from any task. Every wait is bounded by the limits of its configuration. Has to be closed: its
/// connections have threads.
public final class MongoDocumentStore: DocumentStore, Sendable {
    /// The database where neither the caller nor the URI names one.
    public static let databaseDefault = "tapedesk"

    /// The database that holds the collections.
    public let database: String
    let pool: ConnectionPool
    /// Which data the operator wants on which shards; asked for where a collection is to be sharded.
    let zones: @Sendable () throws(StoreError) -> ZoneLayout

    /// The longest wait for a connection.
    ///
    /// An operation then has its own bounds.
    static let leaseTimeout = Duration.seconds(30)

    init(
        pool: ConnectionPool,
        database: String,
        zones: @escaping @Sendable () throws(StoreError) -> ZoneLayout
    ) {
        self.pool = pool
        self.database = database
        self.zones = zones
    }

    /// Connects, and makes sure that a server answers and accepts the credentials.
    ///
    /// - Parameters:
    ///   - uri: a MongoDB connection string.
    ///   - database: nil takes the URI's, or `databaseDefault`.
    ///   - connections: how many operations can be under way at once; opened when needed.
    ///   - applicationName: what the server's log calls this program.
    ///   - limits: bounds of waits, where the URI gives none.
    ///   - durability: what writes are confirmed by.
    ///   - zones: which data is to be on which shards; asked for only where a collection is to be sharded.
    ///   - readPreference: which members finds ask. Asking a secondary, they wait until it has all that the primary had
    ///     when the find began: whoever wrote something sees it. Counts may be behind by the staleness.
    ///   - needsServer: whether a server must answer; if not, one may come later.
    /// - Throws: `StoreError` of code `refused` for an unusable URI, `unavailable` where no server answers, and
    ///   `unauthorized`.
    public static func connect(
        uri: String,
        database: String? = nil,
        connections: Int = 4,
        applicationName: String = "tapedesk",
        limits: MongoConfiguration.Limits = MongoConfiguration.Limits(),
        durability: MongoConfiguration.Durability = .strict,
        zones: @escaping @Sendable () throws(StoreError) -> ZoneLayout = { () throws(StoreError) in ZoneLayout() },
        readPreference: MongoConfiguration.ReadPreference = .primary,
        needsServer: Bool = true
    ) async throws(StoreError) -> MongoDocumentStore {
        let configuration: MongoConfiguration
        do throws(MongoError) {
            configuration = try MongoConfiguration(
                uri: uri,
                connectionCount: connections,
                applicationName: applicationName,
                limits: limits,
                durability: durability,
                readPreference: readPreference
            )
        } catch {
            throw StoreError(.refused, error.message)
        }
        let name = database ?? configuration.database ?? databaseDefault
        guard isValid(databaseName: name) else {
            throw StoreError(.refused, "'\(name)' is not a name for a database: 1 to 63 letters, digits, _ and -")
        }
        let store = MongoDocumentStore(pool: ConnectionPool(configuration: configuration), database: name, zones: zones)
        guard needsServer else { return store }
        do throws(StoreError) {
            try await store.ping()
        } catch {
            await store.close()
            throw error
        }
        return store
    }

    /// Asks whether a server answers.
    ///
    /// A connection that breaks says that a server went away a moment ago: the second attempt looks for another one.
    private func ping() async throws(StoreError) {
        let database = database
        do throws(MongoError) {
            try await pool.withConnection(deadline: .now + Self.leaseTimeout) { connection throws(MongoError) in
                try connection.ping(database: database)
            }
        } catch {
            guard error.code == .network else { throw storeError(error) }
            try await perform { connection throws(MongoError) in try connection.ping(database: database) }
        }
    }

    /// What writes are confirmed by.
    public var durability: MongoConfiguration.Durability { pool.configuration.durability }

    /// How busy its connections are, and were.
    public var poolStatistics: ConnectionPool.Statistics { pool.statistics }

    /// Waits for operations under way, then closes the connections.
    ///
    /// The store cannot be used afterwards.
    public func close() async {
        await pool.close()
    }

    private static func isValid(databaseName: String) -> Bool {
        (1...63).contains(databaseName.utf8.count)
            && databaseName.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    func namespace(_ collection: String) -> MongoNamespace {
        MongoNamespace(database: database, collection: collection)
    }

    /// Runs operations that are not changes: every error is the caller's.
    func perform<Result: Sendable>(
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Result
    ) async throws(StoreError) -> Result {
        do throws(MongoError) {
            return try await pool.withConnection(deadline: .now + Self.leaseTimeout, body)
        } catch {
            throw storeError(error)
        }
    }
}

// MARK: - Single changes

extension MongoDocumentStore {
    public func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        let operation = EncodedChange(change)
        if let refusal = operation.refusal { return .failed(refusal) }
        let namespace = namespace(change.key.collection)
        do throws(MongoError) {
            let result = try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                (connection: isolated MongoConnection) throws(MongoError) -> MongoFindAndModifyResult? in
                switch operation.bulkOperation {
                case .insert(let document):
                    try connection.insertOne(document, into: namespace)
                    return nil
                case .update(let filter, let update):
                    return try connection.findAndModify(
                        namespace,
                        filter: filter,
                        update: update,
                        fields: ["_id": 1]
                    )
                case .delete(let filter):
                    return try connection.findAndModify(namespace, filter: filter, update: nil, fields: ["_id": 1])
                }
            }
            // The server ignored nothing but an unfulfilled write concern if there is a document.
            if let result, result.document == nil { return .notApplied }
            return .applied(durability(result?.writeConcernError))
        } catch {
            return outcome(of: error, kind: operation.kind)
        }
    }

    func durability(_ writeConcernError: MongoError?) -> Durability {
        writeConcernError.map { .unconfirmed(reason: $0.message) } ?? .confirmed
    }
}

// MARK: - Reading

extension MongoDocumentStore {
    public func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] {
        if let moment = query.moment { return try await find(query, at: moment) }
        if pool.configuration.readPreference != .primary { return try await findNow(query) }
        let namespace = namespace(query.collection)
        let filter = query.conditions.filter
        let options = query.findOptions(maxTimeMS: pool.configuration.limits.readTimeMsMax)
        let limits = MongoReadLimits(documentCount: query.limit)
        do throws(MongoError) {
            return try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                (connection: isolated MongoConnection) throws(MongoError) in
                try connection.find(namespace, filter: filter, options: options, limits: limits)
            }
        } catch {
            throw query.isSnapshot ? storeError(ofSnapshot: error) : storeError(error)
        }
    }

    public func count(
        _ collection: String,
        where conditions: [DocumentQuery.Condition]
    ) async throws(StoreError) -> Int {
        let namespace = namespace(collection)
        let pipeline: [BSONDocument] = [
            ["$match": .document(conditions.filter)],
            ["$group": ["_id": nil, "count": ["$sum": 1]]],
        ]
        let options: BSONDocument = ["maxTimeMS": .int64(pool.configuration.limits.readTimeMsMax)]
        let documents = try await perform { connection throws(MongoError) in
            try connection.aggregate(
                namespace,
                pipeline: pipeline,
                options: options,
                limits: MongoReadLimits(documentCount: 1)
            )
        }
        return Int(documents.first?["count"]?.integer ?? 0)
    }
}
