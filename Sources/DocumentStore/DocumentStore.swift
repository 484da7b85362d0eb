public import BSON

/// What one attempt at a change did, as far as the attempt itself can tell.
public enum AttemptOutcome: Equatable, Sendable {
    case applied(Durability)
    /// Nothing changed: the filter matched no document, or a created document was there already.
    /// Which of the reasons it was takes a read.
    case notApplied
    /// The attempt certainly changed nothing.
    case failed(StoreError)
    /// The attempt may or may not have changed the document.
    case unknown(StoreError)
}

/// A store of versioned documents: the operations that differ between a server and a simulation.
///
/// Everything above single attempts (retries, unknown outcomes, conflicts) is in `apply`, once for all stores.
/// Implementations are safe to use from any task, and bound every wait by a deadline of their own.
public protocol DocumentStore: Sendable {
    /// Attempts one change with a findAndModify, or an insert where it creates.
    func attempt(_ change: VersionedChange) async -> AttemptOutcome

    /// Attempts changes of distinct documents as one unordered bulk; the outcomes are in the order of the changes.
    ///
    /// An implementation that cannot tell which changes of a batch found their version answers `unknown` for
    /// those in doubt.
    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome]

    /// Attempts changes of distinct documents that take effect together or not at all.
    ///
    /// `applied` and `unknown` are of all of them. The changes are made in their order, so that one may take a key of a
    /// unique index that an earlier one gives up; the first that cannot be made decides why none is. A store that
    /// cannot do it fails with an error of code `unsupported`.
    ///
    /// - Precondition: 1 to some hundreds of changes of one collection and one shard-key value, of up to 16 MB
    ///   together.
    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome

    /// Reads documents from the primary, as far as a majority has them: what a read shows survives a failover.
    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument]

    /// Counts documents, exactly.
    func count(_ collection: String, where conditions: [DocumentQuery.Condition]) async throws(StoreError) -> Int

    /// The time by the clock of the server that takes writes, in milliseconds since 1970-01-01 UTC.
    ///
    /// A router of a sharded cluster answers with its own. `ServerClock` asks less often.
    func serverTime() async throws(StoreError) -> Int64

    /// The present moment, to which later reads can go back for some minutes.
    ///
    /// Reads that begin afterwards, without a moment, are no older than that.
    ///
    /// - Throws: `StoreError`, of code `unsupported` where the store keeps no history.
    func moment() async throws(StoreError) -> StoreMoment

    /// Creates the collection with its validator and indexes, or brings an existing one to them.
    func prepare(_ specification: CollectionSpecification) async throws(StoreError)
}

extension DocumentStore {
    public func moment() async throws(StoreError) -> StoreMoment {
        throw StoreError(.unsupported, "this store keeps no history")
    }
}

/// A moment in the history of a store; what is in it is the store's affair.
public struct StoreMoment: Equatable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }
}
