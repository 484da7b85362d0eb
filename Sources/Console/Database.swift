package import DocumentStore
import MongoRuntime
package import MongoStore

/// A connected database with the rules of versioned changes.
package struct Database: Sendable {
    /// The collections themselves.
    package let store: MongoDocumentStore
    /// Changes and patient reads.
    package let writer: VersionedWriter
    /// How long a change or a read is repeated while MongoDB is away.
    package let policy: RetryPolicy
    /// The clock and the chance that `writer` uses.
    package let environment: RetryEnvironment
    /// Ids of operations that no other process gives out.
    package let operationIDs: OperationIDs

    /// Puts the rules around a store.
    ///
    /// - Parameter wait: how long a change or a read is repeated while MongoDB is away.
    package init(store: MongoDocumentStore, wait: Duration) {
        self.store = store
        environment = .system
        policy = RetryPolicy(deadline: wait)
        writer = VersionedWriter(store: store, policy: policy, environment: environment)
        var random = SystemRandomNumberGenerator()
        operationIDs = OperationIDs(process: random.next(), start: random.next())
    }

    /// Creates what is missing of the collections, or refuses a server that cannot keep the promises.
    ///
    /// - Throws: `StoreError`.
    package func prepare(_ specifications: [CollectionSpecification]) async throws(StoreError) {
        try await refuseStandalone()
        for specification in specifications {
            try await writer.patiently { () throws(StoreError) in try await store.prepare(specification) }
        }
    }

    /// What kind of deployment this is, unless it is one that cannot keep the promises.
    ///
    /// - Throws: `StoreError`.
    @discardableResult
    package func refuseStandalone() async throws(StoreError) -> ServerTopology {
        let server = try await writer.patiently { () throws(StoreError) in try await store.serverInformation() }
        if server.topology == .standalone, store.durability != .development {
            throw StoreError(
                .refused,
                "this MongoDB is a standalone server: it has no retryable writes and no transactions, and confirms "
                    + "nothing durably. Start it as a replica set of one member (--replSet, then rs.initiate()); only "
                    + "a daemon whose sources all have 'durability: development' takes it as it is"
            )
        }
        return server.topology
    }
}

extension RetryEnvironment {
    /// The real clock and real chance.
    package static let system: RetryEnvironment = {
        let start = ContinuousClock.now
        return RetryEnvironment(
            now: { ContinuousClock.now - start },
            sleep: { try await Task.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
    }()
}
