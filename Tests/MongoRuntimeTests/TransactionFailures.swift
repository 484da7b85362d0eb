import BSON
import DocumentStore
import MongoRuntime
import MongoStore
import TestSupport
import Testing

/// What goes wrong with changes that take effect together.
extension FailureTests {
    /// Replaces document 1 by document 2.
    private static func changes() -> [VersionedChange] {
        [Change.delete(1, at: 1), Change.create(2, ["name": "segment"])]
    }

    /// Runs a test with document 1.
    private static func withDocument(
        on server: LocalMongo? = nil,
        _ body: (StoreFixture) async throws -> Void
    ) async throws {
        try await StoreFixture.run(on: server) { fixture in
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            try await body(fixture)
        }
    }

    /// Runs a test that leaves transactions open, with a server that gives them up after a second instead of a minute.
    private static func withOpenTransactions(_ body: (StoreFixture) async throws -> Void) async throws {
        let server = try await LocalMongo.start()
        defer { server.stop() }
        try await server.adminCommand(["setParameter": 1, "transactionLifetimeLimitSeconds": 1])
        try await withDocument(on: server, body)
    }

    private static func ids(_ fixture: StoreFixture) async throws -> [BSONValue] {
        let query = DocumentQuery("things", order: [DocumentQuery.Order("_id")], limit: 10)
        return try await fixture.store.find(query).compactMap { $0["_id"] }
    }

    private static func expect(
        _ ids: [BSONValue],
        _ fixture: StoreFixture,
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await Self.ids(fixture)
        #expect(found == ids, sourceLocation: location)
    }

    @Test func commitWithoutAnswerIsRepeated() async throws {
        // Two by the driver, one by the loop around it.
        for times: Int32 in 1...3 {
            try await Self.withDocument { fixture in
                try await fixture.fail(["commitTransaction"], times: times, ["closeConnection": true])
                #expect(await fixture.store.attemptTogether(Self.changes()) == .applied(.confirmed))
                try await Self.expect([2], fixture)
            }
        }
    }

    /// A store that does not repeat a commit.
    private static func impatient(_ fixture: StoreFixture) async throws -> MongoDocumentStore {
        var limits = StoreFixture.quickLimits
        limits.commitTimeoutMs = 0
        return try await MongoDocumentStore.connect(
            uri: fixture.server.uri(),
            database: fixture.store.database,
            applicationName: fixture.applicationName,
            limits: limits
        )
    }

    @Test func commitThatStaysWithoutAnswerIsUnknown() async throws {
        try await Self.withOpenTransactions { fixture in
            let store = try await Self.impatient(fixture)
            try await fixture.fail(["commitTransaction"], times: 2, ["closeConnection": true])
            #expect(await store.attemptTogether(Self.changes()).isUnknown)
            await store.close()
        }
    }

    @Test func writerSettlesACommitThatStayedWithoutAnswer() async throws {
        try await Self.withOpenTransactions { fixture in
            let store = try await Self.impatient(fixture)
            let writer = VersionedWriter(
                store: store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            )
            try await fixture.fail(["commitTransaction"], times: 2, ["closeConnection": true])
            guard case .applied = await writer.applyTogether(Self.changes()) else {
                Issue.record("not applied")
                return
            }
            try await Self.expect([2], fixture)
            #expect(writer.statistics.attempts > 1)
            await store.close()
        }
    }

    @Test func commitThatIsNotConfirmedIsAppliedAllTheSame() async throws {
        try await Self.withDocument { fixture in
            try await fixture.fail(
                ["commitTransaction"],
                times: 1,
                ["writeConcernError": ["code": .int32(64), "errmsg": "waiting for replication timed out"]]
            )
            let expected = AttemptOutcome.applied(.unconfirmed(reason: "waiting for replication timed out"))
            #expect(await fixture.store.attemptTogether(Self.changes()) == expected)
            // Whose confirmation is that of what came before as well.
            #expect(await fixture.store.attempt(Change.create(3)) == .applied(.confirmed))
            try await Self.expect([2, 3], fixture)
        }
    }

    @Test func brokenConnectionBeforeTheCommitChangesNothing() async throws {
        try await Self.withDocument { fixture in
            for command in ["delete", "insert"] {
                try await fixture.fail([command], times: 1, ["closeConnection": true])
                #expect(await fixture.store.attemptTogether(Self.changes()).failureCode == .unavailable)
                try await Self.expect([1], fixture)
            }
            // What the attempts had written is given up, or this would wait for it.
            #expect(await fixture.store.attemptTogether(Self.changes()) == .applied(.confirmed))
        }
    }

    @Test(arguments: [112, 251, 10_107] as [Int32])
    func passingErrorsBeforeTheCommitChangeNothing(code: Int32) async throws {
        try await Self.withOpenTransactions { fixture in
            let how: BSONDocument = ["errorCode": .int32(code), "errorLabels": ["TransientTransactionError"]]
            try await fixture.fail(["insert"], times: 1, how)
            #expect(await fixture.store.attemptTogether(Self.changes()).failureCode == .unavailable)
            try await fixture.fail(["commitTransaction"], times: 1, how)
            #expect(await fixture.store.attemptTogether(Self.changes()).failureCode == .unavailable)
            try await Self.expect([1], fixture)
        }
    }

    @Test func twoThatExpectTheSameVersionDoNotBothTakeEffect() async throws {
        try await Self.withDocument { fixture in
            async let one = fixture.store.attemptTogether(Self.changes())
            async let other = fixture.store.attemptTogether([Change.update(1, from: 1), Change.create(3)])
            let outcomes = await [one, other]
            #expect(outcomes.count { $0 == .applied(.confirmed) } == 1)
            #expect(outcomes.count { $0 == .notApplied || $0.failureCode == .unavailable } == 1)
            let ids = try await Self.ids(fixture)
            #expect(ids == [2] || ids == [1, 3])
        }
    }

    @Test func standaloneServerHasNoTransactions() async throws {
        let server = try await LocalMongo.start(isReplicaSet: false)
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            let outcome = await fixture.store.attemptTogether(Self.changes())
            guard case .failed(let error) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(error.code == .unsupported)
            #expect(error.message.contains("replica set"))
            try await Self.expect([1], fixture)
        }
    }

    @Test func killedServerIsUnavailableForChangesTogether() async throws {
        let server = try await LocalMongo.start()
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            server.kill()
            #expect(await fixture.store.attemptTogether(Self.changes()).failureCode == .unavailable)
            try await server.restart()
            let writer = VersionedWriter(
                store: fixture.store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            )
            guard case .applied = await writer.applyTogether(Self.changes()) else {
                Issue.record("not applied")
                return
            }
            try await Self.expect([2], fixture)
        }
    }
}
