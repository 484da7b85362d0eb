import BSON
package import DocumentStore

/// Reads and changes the documents of leases and instances, each change by its version.
package struct LeaseStore: Sendable {
    /// What became of a change of a lease.
    package enum Outcome: Equatable, Sendable {
        case applied(Lease)
        /// Somebody else changed it first, or nobody can tell: the next look does.
        case overtaken
    }

    /// What became of saying that an instance is alive.
    package enum Announcement: Equatable, Sendable {
        case made
        /// Another daemon that lives has the name.
        case nameIsTaken
    }

    private static let instancesMax = 10_000

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs

    package init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    // MARK: Leases

    /// The leases of some sources, by source; those that there never were are missing.
    ///
    /// - Throws: `StoreError`.
    package func leases(of sources: [String]) async throws(StoreError) -> [String: Lease] {
        guard !sources.isEmpty else { return [:] }
        return try await leases(where: [.isIn(DocumentField.id, sources.map(BSONValue.string))], limit: sources.count)
    }

    /// The leases of all sources, by source.
    ///
    /// - Throws: `StoreError`.
    package func allLeases() async throws(StoreError) -> [String: Lease] {
        try await leases(where: [], limit: Self.instancesMax)
    }

    private func leases(
        where conditions: [DocumentQuery.Condition],
        limit: Int
    ) async throws(StoreError) -> [String: Lease] {
        let query = DocumentQuery(LeasesCollection.name, where: conditions, limit: limit)
        var leases: [String: Lease] = [:]
        for document in try await writer.find(query) {
            let lease = try Lease(document)
            leases[lease.source] = lease
        }
        return leases
    }

    /// Makes changes of leases, each for itself; outcomes are in the order of the steps, and `overtaken` for steps that
    /// change nothing.
    ///
    /// - Parameters:
    ///   - instance: who makes them.
    ///   - time: of the server, in milliseconds since 1970; new ends count from there.
    /// - Throws: `StoreError` where the store fails; some changes may have been made then.
    package func apply(
        _ steps: [(source: String, step: LeaseStep)],
        by instance: String,
        at time: Int64,
        _ timing: LeaseTiming
    ) async throws(StoreError) -> [Outcome] {
        let wanted = steps.map { $0.step.result($0.source, instance, time, timing) }
        let changes = zip(steps, wanted).compactMap { step, lease in
            lease.map { change(to: $0, expecting: step.step.lease) }
        }
        var outcomes = (await writer.apply(changes))[...]
        var results: [Outcome] = []
        for lease in wanted {
            guard let lease, let outcome = outcomes.popFirst() else {
                results.append(.overtaken)
                continue
            }
            switch outcome {
            case .applied: results.append(.applied(lease))
            case .conflict, .notFound, .unknown: results.append(.overtaken)
            case .failed(let error): throw error
            }
        }
        return results
    }

    private func change(to lease: Lease, expecting before: Lease?) -> VersionedChange {
        VersionedChange(
            key: DocumentKey(collection: LeasesCollection.name, id: .string(lease.source)),
            action: Self.action(lease.fields, expectedVersion: before?.version),
            operationID: operationIDs.make()
        )
    }

    private static func action(
        _ fields: [(field: String, value: BSONValue)],
        expectedVersion: Int64?
    ) -> VersionedChange.Action {
        guard let expectedVersion else { return .create(BSONDocument(fields.map { ($0.field, $0.value) })) }
        return .update(expectedVersion: expectedVersion, DocumentUpdate(set: fields))
    }

    // MARK: Instances

    /// All instances, also those that are not alive.
    ///
    /// - Throws: `StoreError`.
    package func instances() async throws(StoreError) -> [Instance] {
        let query = DocumentQuery(InstancesCollection.name, limit: Self.instancesMax)
        var instances: [Instance] = []
        for document in try await writer.find(query) { instances.append(try Instance(document)) }
        return instances
    }

    /// Says that an instance is alive.
    ///
    /// - Parameter known: all instances, as they were read a moment ago.
    /// - Throws: `StoreError`.
    package func announce(
        _ name: String,
        identity: String,
        sources: Set<String>,
        startedAt: Int64,
        at time: Int64,
        _ timing: LeaseTiming,
        knowing known: [Instance]
    ) async throws(StoreError) -> Announcement {
        let before = known.first { $0.name == name }
        if let before, before.identity != identity, before.isAlive(at: time, timing) { return .nameIsTaken }
        let instance = Instance(
            name: name,
            identity: identity,
            startedAt: startedAt,
            expiresAt: time + timing.length.milliseconds,
            sources: sources,
            version: before?.version ?? 0
        )
        switch await writer.apply(change(to: instance, expecting: before)) {
        // Where another was faster, the next look tells whether it has the same name.
        case .applied, .conflict, .notFound, .unknown: return .made
        case .failed(let error): throw error
        }
    }

    /// Says that an instance ends: others need not wait until it does not count as alive any more.
    ///
    /// - Throws: `StoreError`.
    package func withdraw(_ name: String, identity: String) async throws(StoreError) {
        guard let instance = try await instances().first(where: { $0.name == name && $0.identity == identity })
        else { return }
        let change = VersionedChange(
            key: Self.key(name),
            action: .delete(expectedVersion: instance.version),
            operationID: operationIDs.make()
        )
        if case .failed(let error) = await writer.apply(change) { throw error }
    }

    private func change(to instance: Instance, expecting before: Instance?) -> VersionedChange {
        VersionedChange(
            key: Self.key(instance.name),
            action: Self.action(instance.fields, expectedVersion: before?.version),
            operationID: operationIDs.make()
        )
    }

    private static func key(_ instance: String) -> DocumentKey {
        DocumentKey(collection: InstancesCollection.name, id: .string(instance))
    }
}

extension LeaseStep {
    /// The lease that the step changes; nil where it makes the first one, or changes none.
    fileprivate var lease: Lease? {
        switch self {
        case .take(let lease), .renew(let lease, _), .release(let lease): lease
        case .create, .lose, .wait: nil
        }
    }

    /// What the lease is after the step; nil where the step changes nothing.
    fileprivate func result(_ source: String, _ instance: String, _ time: Int64, _ timing: LeaseTiming) -> Lease? {
        let end = time + timing.length.milliseconds
        switch self {
        case .create:
            let term = Lease.Term(epoch: 1, owner: instance, since: time, followsRelease: true)
            return Lease(source: source, version: 1, terms: [term], expiresAt: end, isReleased: false)
        case .take(let lease):
            let term = Lease.Term(
                epoch: lease.epoch + 1,
                owner: instance,
                // The lease may have been given back after the server told its time.
                since: max(time, lease.expiresAt),
                followsRelease: lease.isReleased
            )
            let terms = Array((lease.terms + [term]).suffix(Lease.termsMax))
            return lease.changed(terms: terms, expiresAt: end, isReleased: false)
        case .renew(let lease, _):
            return lease.changed(terms: lease.terms, expiresAt: end, isReleased: false)
        case .release(let lease):
            return lease.changed(terms: lease.terms, expiresAt: time, isReleased: true)
        case .lose, .wait:
            return nil
        }
    }
}

// MARK: - Documents

extension Lease {
    private typealias Field = LeasesCollection.Field

    fileprivate func changed(terms: [Term], expiresAt: Int64, isReleased: Bool) -> Lease {
        Lease(source: source, version: version + 1, terms: terms, expiresAt: expiresAt, isReleased: isReleased)
    }

    /// - Throws: `StoreError` with code `unreadable`.
    fileprivate init(_ document: BSONDocument) throws(StoreError) {
        let source = document[DocumentField.id]?.string ?? ""
        let terms = (document[Field.terms]?.array ?? []).compactMap { $0.document.flatMap(Term.init) }
        guard document[DocumentField.schemaVersion]?.integer == LeasesCollection.schemaVersion,
            let version = document[DocumentField.version]?.integer, !terms.isEmpty,
            let expiresAt = document[Field.expiresAt]?.integer, let isReleased = document[Field.isReleased]?.bool
        else {
            throw StoreError(
                .unreadable,
                "the lease of source '\(source)' cannot be read: a newer version of Tapedesk may have written it"
            )
        }
        self.init(source: source, version: version, terms: terms, expiresAt: expiresAt, isReleased: isReleased)
    }

    fileprivate var fields: [(field: String, value: BSONValue)] {
        [
            (DocumentField.schemaVersion, .int64(LeasesCollection.schemaVersion)),
            (DocumentField.epoch, .int64(epoch)),
            (Field.owner, .string(owner)),
            (Field.expiresAt, .int64(expiresAt)),
            (Field.isReleased, .bool(isReleased)),
            (Field.terms, .array(terms.map(\.value))),
        ]
    }
}

extension Lease.Term {
    private typealias Field = LeasesCollection.Field

    fileprivate init?(_ document: BSONDocument) {
        guard let epoch = document[DocumentField.epoch]?.integer, let owner = document[Field.owner]?.string,
            let since = document[Field.since]?.integer, let followsRelease = document[Field.followsRelease]?.bool
        else { return nil }
        self.init(epoch: epoch, owner: owner, since: since, followsRelease: followsRelease)
    }

    fileprivate var value: BSONValue {
        [
            DocumentField.epoch: .int64(epoch), Field.owner: .string(owner), Field.since: .int64(since),
            Field.followsRelease: .bool(followsRelease),
        ]
    }
}

extension Instance {
    private typealias Field = InstancesCollection.Field

    /// - Throws: `StoreError` with code `unreadable`.
    fileprivate init(_ document: BSONDocument) throws(StoreError) {
        guard let name = document[DocumentField.id]?.string, let identity = document[Field.identity]?.string,
            let startedAt = document[Field.startedAt]?.integer, let expiresAt = document[Field.expiresAt]?.integer,
            let sources = document[Field.sources]?.array, let version = document[DocumentField.version]?.integer
        else {
            throw StoreError(.unreadable, "an instance cannot be read: a newer version of Tapedesk may have written it")
        }
        self.init(
            name: name,
            identity: identity,
            startedAt: startedAt,
            expiresAt: expiresAt,
            sources: Set(sources.compactMap(\.string)),
            version: version
        )
    }

    fileprivate var fields: [(field: String, value: BSONValue)] {
        [
            (DocumentField.schemaVersion, .int64(InstancesCollection.schemaVersion)),
            (Field.identity, .string(identity)),
            (Field.startedAt, .int64(startedAt)),
            (Field.expiresAt, .int64(expiresAt)),
            (Field.sources, .array(sources.sorted().map(BSONValue.string))),
        ]
    }
}
