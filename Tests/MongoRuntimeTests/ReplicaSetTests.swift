import BSON
import DocumentStore
import MongoRuntime
import MongoStore
import TestSupport
import Testing

/// What becomes of changes when the members of a replica set fail, one way or another.
///
/// One at a time: three servers and their elections need the machine.
@Suite(.serialized, .timeLimit(.minutes(15))) struct ReplicaSetTests {
    private static func connect(
        _ set: ReplicaSet,
        connections: Int = 6,
        durability: MongoConfiguration.Durability = .strict,
        socketTimeoutMs: Int32 = 45_000
    ) async throws -> MongoDocumentStore {
        var limits = StoreFixture.quickLimits
        limits.socketTimeoutMs = socketTimeoutMs
        return try await MongoDocumentStore.connect(
            uri: set.uri(),
            database: LocalMongo.uniqueDatabaseName(),
            connections: connections,
            limits: limits,
            durability: durability
        )
    }

    @Test func killedPrimariesLeaveALinearizableHistory() async throws {
        try await ReplicaSet.run { set in
            let store = try await Self.connect(set)
            let load = RecordedLoad()
            try await load.run(store) {
                for _ in 0..<3 {
                    try await set.waitUntilWhole()
                    try await load.waitForProgress()
                    let primary = try await set.primary()
                    primary.kill()
                    try await load.waitForProgress()
                    try primary.start()
                }
            }
            expectLinearizable(load)
            await store.close()
        }
    }

    @Test func aPrimaryThatFallsSilentIsReplaced() async throws {
        try await ReplicaSet.run { set in
            let store = try await Self.connect(set, socketTimeoutMs: 4_000)
            let load = RecordedLoad()
            try await load.run(store) {
                try await set.waitUntilWhole()
                try await load.waitForProgress()
                let primary = try await set.primary()
                primary.pause()
                try await load.waitForProgress()
                // It still takes itself for the primary, until it hears of the other one.
                primary.resume()
                try await load.waitForProgress()
            }
            expectLinearizable(load)
            await store.close()
        }
    }

    @Test func electionAfterElectionLeavesALinearizableHistory() async throws {
        try await ReplicaSet.run { set in
            let store = try await Self.connect(set)
            let load = RecordedLoad()
            try await load.run(store) {
                for _ in 0..<8 {
                    // Where none can take over yet, it stays.
                    _ = try? await set.primary().command(
                        ["replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1, "force": false]
                    )
                    try await load.waitForProgress()
                }
            }
            expectLinearizable(load)
            await store.close()
        }
    }

    @Test func aMajorityGoesOnWithoutASlowMember() async throws {
        try await ReplicaSet.run { set in
            try await set.waitUntilWhole()
            let primary = try await set.primary()
            let slow = try #require(set.members.first { $0.index != primary.index })
            try await slow.failPoint("rsSyncApplyStop", isOn: true)
            let store = try await Self.connect(set)
            let load = RecordedLoad()
            try await load.run(store) { try await load.waitForProgress() }
            try await slow.failPoint("rsSyncApplyStop", isOn: false)
            expectLinearizable(load)
            await store.close()
        }
    }

    /// What `development` confirms is in the memory of one server: the documentation says that it can be lost.
    @Test(arguments: [MongoConfiguration.Durability.development, .strict])
    func whatOnlyThePrimaryHasIsRolledBack(durability: MongoConfiguration.Durability) async throws {
        try await ReplicaSet.run { set in
            try await set.waitUntilWhole()
            let primary = try await set.primary()
            let others = set.members.filter { $0.index != primary.index }
            let store = try await Self.connect(set, durability: durability)
            #expect(await store.attempt(Change.create(1)) == .applied(.confirmed))
            try await Self.waitUntilReplicated(1, store.database, others)
            for member in others { try await member.failPoint("stopReplProducer", isOn: true) }
            let writer = VersionedWriter(
                store: store,
                policy: RetryPolicy(deadline: .seconds(60)),
                environment: .system
            )
            let change = Task { await writer.apply(Change.update(1, from: 1)) }
            try await Self.waitUntilWritten(version: 2, store.database, primary)
            if durability == .development {
                #expect(await change.value == .applied(version: 2, durability: .confirmed), "it says so")
            }
            // What only its memory has is lost without any rollback.
            try await primary.command(["fsync": 1])
            primary.kill()
            for member in others { try await member.failPoint("stopReplProducer", isOn: false) }
            _ = try await set.primary()
            try primary.start()
            try await set.waitUntilWhole()
            let answer = await change.value
            #expect(answer == .applied(version: 2, durability: .confirmed))
            let found = try await writer.find(
                DocumentQuery(RecordedLoad.collection, where: [.equals("_id", 1)], limit: 1)
            )
            // The strict writer did not take it for made, and made it again.
            #expect(found.first?["version"] == (durability == .development ? 1 : 2))
            await store.close()
        }
    }

    private static func waitUntilReplicated(
        _ version: Int64,
        _ database: String,
        _ members: [ReplicaSetMember]
    ) async throws {
        for member in members { try await waitUntilWritten(version: version, database, member) }
    }

    /// Waits until one member has a version of the document, whatever the others have.
    private static func waitUntilWritten(
        version: Int64,
        _ database: String,
        _ member: ReplicaSetMember
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        let find: BSONDocument = [
            "find": .string(RecordedLoad.collection), "filter": ["_id": 1, "version": .int64(version)],
            "readConcern": ["level": "local"],
        ]
        while ContinuousClock.now < deadline {
            let reply = try await member.command(find, database: database)
            if reply["cursor"]?.document?["firstBatch"]?.array?.isEmpty == false { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw StoreError(.unavailable, "version \(version) did not come to member \(member.index)")
    }
}
