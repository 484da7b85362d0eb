import DocumentStore
import MongoRuntime

extension MongoDocumentStore {
    /// What an error says about the change that was attempted.
    func outcome(of error: MongoError, kind: ChangeKind) -> AttemptOutcome {
        switch error.code {
        case .writeConcern:
            // The primary has made the change; only the majority's confirmation is missing.
            return .applied(.unconfirmed(reason: error.message))
        case .network, .invalidReply, .resultTooLarge:
            return .unknown(storeError(error))
        case .configuration, .serverSelection, .authentication, .invalidOperation, .poolExhausted, .closed:
            return .failed(storeError(error))
        case .server:
            return outcome(ofServerError: error, kind: kind)
        }
    }

    /// What the server refuses for good, it has not done.
    ///
    /// What it refuses for a passing reason may have been done nevertheless: the driver repeats a write whose
    /// connection broke, and hands on what the second server said. That one is no primary yet, or says that it wrote
    /// nothing (`NoWritesPerformed`), and speaks for itself only.
    private func outcome(ofServerError error: MongoError, kind: ChangeKind) -> AttemptOutcome {
        if kind == .create, error.isOfExistingDocument { return .notApplied }
        let isUncertain = error.isTransient || error.serverCode == ServerCode.timeLimit
        return isUncertain ? .unknown(storeError(error)) : .failed(storeError(error))
    }

    /// The error for whoever uses the store, with what to do about it.
    func storeError(_ error: MongoError) -> StoreError {
        let hosts = pool.configuration.hosts
        switch error.code {
        case .configuration, .invalidOperation:
            return StoreError(.refused, error.message)
        case .serverSelection:
            return StoreError(
                .unavailable,
                "no MongoDB server at \(hosts) takes the operation; check that it runs and can be reached"
                    + " (\(error.message))"
            )
        case .authentication:
            return StoreError(
                .unauthorized,
                "MongoDB at \(hosts) did not accept the credentials; check user, password and authSource"
            )
        case .network:
            return StoreError(.unavailable, "the connection to MongoDB at \(hosts) broke (\(error.message))")
        case .poolExhausted, .writeConcern:
            return StoreError(.unavailable, error.message)
        case .invalidReply:
            return StoreError(.unreadable, error.message)
        case .resultTooLarge:
            return StoreError(.tooLarge, error.message)
        case .closed:
            return StoreError(.closed, error.message)
        case .server:
            return storeError(ofServerError: error)
        }
    }

    /// The error of a read that was to see one point in time.
    func storeError(ofSnapshot error: MongoError) -> StoreError {
        switch error.serverCode {
        case let code where ServerCode.noSnapshots.contains(code):
            StoreError(
                .unsupported,
                "this MongoDB server cannot read as of one time; a replica set of version 5.0 or newer can"
            )
        case let code where ServerCode.snapshotLost.contains(code):
            StoreError(.unavailable, storeError(error).message)
        default:
            storeError(error)
        }
    }

    private func storeError(ofServerError error: MongoError) -> StoreError {
        let text = "MongoDB answered with error \(error.serverCode): \(error.message)"
        switch error.serverCode {
        case ServerCode.unauthorized, ServerCode.authenticationFailed:
            return StoreError(.unauthorized, "\(text); check the rights of the user on database \(database)")
        case let code where ServerCode.tooLarge.contains(code):
            return StoreError(.tooLarge, text)
        case ServerCode.documentValidationFailure:
            return StoreError(.refused, "a document does not satisfy the schema of its collection (\(text))")
        case ServerCode.duplicateKey:
            return .duplicateKey(inIndex: error.duplicateKeyIndex ?? "unknown")
        case ServerCode.timeLimit:
            return StoreError(.unavailable, text)
        default:
            return StoreError(error.isTransient ? .unavailable : .refused, text)
        }
    }
}

extension MongoError {
    /// Whether a document was to be created that is there already.
    var isOfExistingDocument: Bool {
        serverCode == ServerCode.duplicateKey && duplicateKeyIndex ?? "_id_" == "_id_"
    }
}
