import BSON
public import DocumentStore
import MongoRuntime

extension MongoDocumentStore {
    /// Attempts the changes in a transaction on one shard, confirmed by a majority's journal.
    public func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        VersionedChange.checkTogether(changes)
        let encoded = changes.map(EncodedChange.init)
        if let refusal = encoded.lazy.compactMap(\.refusal).first { return .failed(refusal) }
        let operations = encoded.map(\.bulkOperation)
        let namespace = namespace(changes[0].key.collection)
        let commitTimeout = Duration.milliseconds(pool.configuration.limits.commitTimeoutMs)
        do throws(MongoError) {
            let result = try await pool.withConnection(deadline: .now + Self.leaseTimeout) {
                (connection: isolated MongoConnection) throws(MongoError) in
                try connection.transaction(operations, in: namespace, commitTimeout: commitTimeout)
            }
            switch result {
            case .committed(let writeConcernError): return .applied(durability(writeConcernError))
            case .unmatched: return .notApplied
            case .uncertain(let error): return .unknown(storeError(error))
            }
        } catch {
            return outcome(ofTransaction: error)
        }
    }

    /// What an error says that came before a commit could take effect.
    private func outcome(ofTransaction error: MongoError) -> AttemptOutcome {
        if error.isOfExistingDocument { return .notApplied }
        if error.serverCode == ServerCode.noTransactions {
            return .failed(
                StoreError(.unsupported, "this MongoDB server has no transactions; a replica set has them")
            )
        }
        return .failed(storeError(error))
    }
}
