import BSON
import CMongoShims

/// What became of a transaction.
public enum MongoTransactionResult: Equatable, Sendable {
    /// All of it took effect; the error says why that is not confirmed.
    case committed(writeConcernError: MongoError?)
    /// An update or delete found no document: nothing took effect.
    case unmatched
    /// All of it or nothing took effect; which of the two could not be found out.
    case uncertain(MongoError)
}

extension MongoConnection {
    /// Makes writes of distinct documents in one transaction, in their order.
    ///
    /// Each filter matches one document at most. The transaction is committed only if all of them did; the session
    /// lives within the call. libmongoc's own loop around transactions would hold the thread for two minutes.
    ///
    /// - Parameter commitTimeout: after this much time no further commit is tried where the first ones got no answer;
    ///   each try has the bounds of any command.
    /// - Throws: `MongoError`, and then nothing took effect: what is wrong with one of the writes, or with the way to
    ///   the server, or, of a code in `ServerCode.noTransactions`, with a server that has none.
    public func transaction(
        _ operations: [MongoBulkOperation],
        in namespace: MongoNamespace,
        commitTimeout: Duration
    ) throws(MongoError) -> MongoTransactionResult {
        let client = try popped()
        var session: OpaquePointer?
        let (_, _, error) = try call { reply, error in
            session = td_session_new(client, reply, error)
            return session != nil
        }
        guard let session else { throw MongoError(error, reply: [:]) }
        defer { td_session_free(session) }
        var startError = td_error()
        guard td_transaction_start(session, &startError) else { throw MongoError(startError, reply: [:]) }
        do throws(MongoError) {
            guard try write(operations, in: namespace, transaction: session) else {
                td_transaction_abort(session)
                return .unmatched
            }
        } catch {
            // Else what it wrote would be locked for a minute.
            td_transaction_abort(session)
            throw error
        }
        return try commit(session, until: .now + commitTimeout)
    }

    /// Whether every write found its document.
    private func write(
        _ operations: [MongoBulkOperation],
        in namespace: MongoNamespace,
        transaction session: OpaquePointer
    ) throws(MongoError) -> Bool {
        let result = try bulk(operations, in: namespace, transaction: session)
        if let failure = result.failure { throw failure }
        let error = result.writeErrors.first
        // What did not find its document before an error is why the transaction cannot be, whatever came behind it.
        let executedCount = error?.index ?? operations.count
        let isWhole = result.insertedCount + result.matchedCount + result.deletedCount == executedCount
        if isWhole, let error { throw error.error }
        return isWhole
    }

    private func commit(
        _ session: OpaquePointer,
        until deadline: ContinuousClock.Instant
    ) throws(MongoError) -> MongoTransactionResult {
        while true {
            let result = tryCommit(session)
            switch result {
            case .failure(let error) where error.has(label: MongoError.Label.transientTransaction):
                // The server says that the transaction is gone, and that no majority has it.
                throw error
            case .failure(let error):
                let mayHelp = error.has(label: MongoError.Label.unknownTransactionCommitResult)
                guard mayHelp, ContinuousClock.now < deadline else { return .uncertain(error) }
            case .success(let writeConcernError):
                return .committed(writeConcernError: writeConcernError)
            }
        }
    }

    /// One commit, which libmongoc repeats once itself.
    private func tryCommit(_ session: OpaquePointer) -> Result<MongoError?, MongoError> {
        do throws(MongoError) {
            let (success, reply, error) = try call { reply, error in td_transaction_commit(session, reply, error) }
            let writeConcernError = MongoError(writeConcernErrorIn: reply)
            if success || writeConcernError != nil && reply["ok"]?.isTrue == true { return .success(writeConcernError) }
            return .failure(MongoError(error, reply: reply))
        } catch {
            return .failure(error)
        }
    }
}
