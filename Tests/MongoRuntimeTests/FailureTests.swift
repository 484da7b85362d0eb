import BSON
import DocumentStore
import MongoStore
import TestSupport
import Testing

@testable import MongoRuntime

/// What becomes of changes when the server, or the way to it, fails.
///
/// One at a time: a server has one such failpoint.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FailureTests {
    private static let writeConcernError: BSONDocument = [
        "writeConcernError": ["code": .int32(64), "errmsg": "waiting for replication timed out"]
    ]

    @Test func unfulfilledWriteConcernMeansAppliedButUnconfirmed() async throws {
        try await StoreFixture.run { fixture in
            let commands = ["insert", "findAndModify", "update"]
            let expected = AttemptOutcome.applied(.unconfirmed(reason: "waiting for replication timed out"))
            try await fixture.fail(commands, times: 3, Self.writeConcernError)
            #expect(await fixture.store.attempt(Change.create(1)) == expected)
            #expect(await fixture.store.attempt(Change.update(1, from: 1)) == expected)
            #expect(await fixture.store.attempt([Change.update(1, from: 2)]) == [expected])
            try await fixture.fail(commands, times: 1, Self.writeConcernError)
            #expect(await fixture.store.attempt(Change.update(1, from: 1)) == .notApplied)
            let found = try await fixture.document(1)
            #expect(found?["version"] == 3)
        }
    }

    @Test func oneBrokenConnectionIsMadeGoodByTheDriver() async throws {
        try await StoreFixture.run { fixture in
            try await fixture.fail(["insert", "findAndModify", "update"], times: 1, ["closeConnection": true])
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            try await fixture.fail(["findAndModify"], times: 1, ["closeConnection": true])
            #expect(await fixture.store.attempt(Change.update(1, from: 1)) == .applied(.confirmed))
            try await fixture.fail(["update"], times: 1, ["closeConnection": true])
            #expect(await fixture.store.attempt([Change.update(1, from: 2)]) == [.applied(.confirmed)])
        }
    }

    @Test func twoBrokenConnectionsLeaveTheOutcomeUnknown() async throws {
        try await StoreFixture.run { fixture in
            try await fixture.fail(["insert"], times: 2, ["closeConnection": true])
            #expect(await fixture.store.attempt(Change.create(1)).isUnknown)
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            try await fixture.fail(["findAndModify"], times: 2, ["closeConnection": true])
            #expect(await fixture.store.attempt(Change.update(1, from: 1)).isUnknown)
            try await fixture.fail(["update"], times: 2, ["closeConnection": true])
            let outcomes = await fixture.store.attempt([Change.update(1, from: 1), Change.create(2)])
            #expect(outcomes[0].isUnknown && outcomes[1] == .applied(.confirmed))
        }
    }

    @Test func writerResolvesWhatIsUnknown() async throws {
        try await StoreFixture.run { fixture in
            let writer = VersionedWriter(
                store: fixture.store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            )
            try await fixture.fail(["insert"], times: 2, ["closeConnection": true])
            #expect(await writer.apply(Change.create(1)) == .applied(version: 1, durability: .confirmed))
            try await fixture.fail(["findAndModify"], times: 2, ["closeConnection": true])
            #expect(await writer.apply(Change.update(1, from: 1)) == .applied(version: 2, durability: .confirmed))
        }
    }

    @Test(arguments: [10_107, 11_600, 91] as [Int32])
    func stateChangesOfTheServerLeaveTheOutcomeUnknown(code: Int32) async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1))
            try await fixture.fail(["findAndModify"], times: 2, ["errorCode": .int32(code)])
            #expect(await fixture.store.attempt(Change.update(1, from: 1)).isUnknown)
        }
    }

    /// No primary of a shard, a shard that a router does not know yet; a document moves, and a router gives up.
    @Test(arguments: [133, 70, 63] as [Int32])
    func whatARouterGivesUpOnMayHaveHappenedAndIsTriedAgain(code: Int32) async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1))
            try await fixture.fail(["findAndModify"], times: 1, ["errorCode": .int32(code)])
            #expect(await fixture.store.attempt(Change.update(1, from: 1)).isUnknown)
            let writer = VersionedWriter(
                store: fixture.store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            )
            try await fixture.fail(["findAndModify"], times: 1, ["errorCode": .int32(code)])
            #expect(
                await writer.apply(Change.update(1, from: 1)) == .applied(version: 2, durability: .confirmed)
            )
            try await fixture.fail(["find"], times: 1, ["errorCode": .int32(code)])
            #expect(try await writer.find(DocumentQuery("things", limit: 1)).count == 1)
        }
    }

    /// It speaks for the second server only: the first one may have made the change before its connection broke.
    @Test func aLabelThatNothingWasWrittenSettlesNothing() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1))
            try await fixture.fail(
                ["findAndModify"],
                times: 2,
                ["errorCode": .int32(10_107), "errorLabels": ["RetryableWriteError", "NoWritesPerformed"]]
            )
            #expect(await fixture.store.attempt(Change.update(1, from: 1)).isUnknown)
        }
    }

    @Test func refusedCommandsAreNotUncertain() async throws {
        try await StoreFixture.run { fixture in
            try await fixture.fail(["insert", "update"], times: 1, ["errorCode": .int32(13)])
            #expect(await fixture.store.attempt(Change.create(1)).failureCode == .unauthorized)
            try await fixture.fail(["update"], times: 1, ["errorCode": .int32(2)])
            #expect(await fixture.store.attempt([Change.update(1, from: 1)])[0].failureCode == .refused)
        }
    }

    @Test func killedServerIsUnavailableUntilItIsBack() async throws {
        let server = try await LocalMongo.start()
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            server.kill()
            let clock = ContinuousClock()
            let start = clock.now
            // The first attempts may still find the connections that were open.
            var outcome = await fixture.store.attempt(Change.update(1, from: 1))
            while outcome.isUnknown && start.duration(to: clock.now) < .seconds(60) {
                outcome = await fixture.store.attempt(Change.update(1, from: 1))
            }
            #expect(outcome.failureCode == .unavailable)
            await #expect(throws: StoreError.self) { try await fixture.document(1) }
            let batch = await fixture.store.attempt([Change.update(1, from: 1), Change.create(2)])
            #expect(batch.map(\.failureCode) == [.unavailable, .unavailable])
            try await server.restart()
            let writer = VersionedWriter(
                store: fixture.store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            )
            #expect(await writer.apply(Change.update(1, from: 1)) == .applied(version: 2, durability: .confirmed))
        }
    }

    @Test func unreachableServerIsNamed() async throws {
        await #expect {
            _ = try await MongoDocumentStore.connect(
                uri: "mongodb://u:secret@127.0.0.1:1/",
                limits: StoreFixture.quickLimits
            )
        } throws: { error in
            guard let error = error as? StoreError else { return false }
            return error.code == .unavailable && error.message.contains("127.0.0.1:1")
                && !error.message.contains("secret")
        }
    }

    @Test func wrongPasswordIsUnauthorized() async throws {
        let server = try await LocalMongo.shared()
        await #expect {
            _ = try await MongoDocumentStore.connect(
                uri: "mongodb://nobody:secret@127.0.0.1:\(server.port)/?replicaSet=rs0",
                limits: StoreFixture.quickLimits
            )
        } throws: { error in
            guard let error = error as? StoreError else { return false }
            return error.code == .unauthorized && !error.message.contains("secret")
        }
    }

    @Test func closedStoreRefusesAtOnce() async throws {
        try await StoreFixture.run { fixture in
            await fixture.store.close()
            await fixture.store.close()
            #expect(await fixture.store.attempt(Change.create(1)).failureCode == .closed)
        }
    }
}
