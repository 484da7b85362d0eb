import BSON

extension VersionedWriter {
    /// Applies changes of distinct documents that take effect together or not at all, with the patience of `apply`.
    ///
    /// One document of the set, the witness, tells what became of an attempt without an answer: if it has the
    /// operation id of its change, all changes were made. As long as it has the expected version, or is absent where
    /// it is to be created, no attempt took effect, and another one is safe: all expect the same versions, so at most
    /// one of them, however late it arrives, takes effect. A document that is updated is a better witness than one that
    /// is created, which others may have deleted again; ids of deleted documents are not used anew.
    ///
    /// - Precondition: As for `DocumentStore.attemptTogether`; at least one change creates or updates a document.
    public func applyTogether(_ changes: [VersionedChange]) async -> TogetherOutcome {
        VersionedChange.checkTogether(changes)
        guard let witness = Self.witness(of: changes) else {
            preconditionFailure("a document that is deleted tells nobody by whom")
        }
        let deadline = environment.now() + policy.deadline
        var isInDoubt = false
        var round = 0
        while true {
            round += 1
            var failure = StoreError(.unavailable, "MongoDB did not answer within the deadline")
            var mayHelpToWait = true
            count { $0.attempts += 1 }
            switch await store.attemptTogether(changes) {
            case .applied(.confirmed):
                return .applied(.confirmed)
            case .applied(.unconfirmed(let reason)):
                isInDoubt = true
                failure = StoreError(.unavailable, reason)
            case .notApplied where !isInDoubt:
                count { $0.conflicts += 1 }
                return .conflict
            case .notApplied:
                // By another change or by an attempt before this one.
                break
            case .failed(let error) where !isInDoubt && !error.isTransient:
                return .failed(error)
            case .failed(let error):
                failure = error
                mayHelpToWait = error.isTransient
            case .unknown(let error):
                isInDoubt = true
                failure = error
                mayHelpToWait = error.code != .closed
            }
            if isInDoubt {
                switch await look(at: witness) {
                case .success(let outcome?): return outcome
                case .success(nil): break
                case .failure(let error):
                    failure = error
                    if error.code == .closed { mayHelpToWait = false }
                }
            }
            guard mayHelpToWait, await pause(beforeAttempt: round, until: deadline) else {
                return isInDoubt ? .unknown(failure) : .failed(failure)
            }
            count { $0.retries += 1 }
        }
    }

    private static func witness(of changes: [VersionedChange]) -> VersionedChange? {
        var created: VersionedChange?
        for change in changes {
            switch change.action {
            case .update: return change
            case .create: created = created ?? change
            case .delete: break
            }
        }
        return created
    }

    /// What the witness says about attempts that are in doubt; nil where the changes may be attempted again.
    private func look(at witness: VersionedChange) async -> Result<TogetherOutcome?, StoreError> {
        var query = witness.currentDocumentQuery
        query.fields = .only([DocumentField.version, DocumentField.lastOperationID])
        let current: BSONDocument?
        do throws(StoreError) {
            current = try await store.find(query).first
        } catch {
            return .failure(error)
        }
        switch witness.outcome(seeing: current, afterDoubt: true) {
        case nil:
            return .success(nil)
        case .applied(_, let durability):
            count { $0.resolved += 1 }
            return .success(.applied(durability))
        case .conflict, .notFound:
            count { counts in
                counts.conflicts += 1
                counts.resolved += 1
            }
            return .success(.conflict)
        case .failed(let error), .unknown(let error):
            return .success(.unknown(error))
        }
    }
}
