import BSON
import DocumentStore
import MongoStore
import TestSupport
import Testing

/// Reads that see one point in time; the conformance suite has what they show when nothing happens meanwhile.
@Suite(.timeLimit(.minutes(10))) struct SnapshotTests {
    private static let failPoint: BSONValue = "waitAfterPinningCursorBeforeGetMoreBatch"

    @Test(arguments: [true, false])
    func onlyASnapshotMissesWhatIsChangedBetweenItsBatches(isSnapshot: Bool) async throws {
        // Its failpoint stops the reads of everybody.
        let server = try await LocalMongo.start()
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            // Two fit into a batch.
            let content = BSONValue.binary([UInt8](repeating: 7, count: 7 << 20))
            let created = await fixture.store.attempt(
                (1...5).map { Change.create(.int64($0), ["name": "a", "content": content]) }
            )
            #expect(created == Array(repeating: .applied(.confirmed), count: 5))
            try await server.adminCommand(["configureFailPoint": Self.failPoint, "mode": "alwaysOn"])
            var query = DocumentQuery("things", order: [DocumentQuery.Order("_id")], limit: 5)
            query.isSnapshot = isSnapshot
            async let found = fixture.store.find(query)
            try await server.adminCommand([
                "waitForFailPoint": Self.failPoint, "timesEntered": 1, "maxTimeMS": 60_000,
            ])
            let updated = await fixture.store.attempt((1...5).map { Change.update(.int64($0), from: 1) })
            #expect(updated == Array(repeating: .applied(.confirmed), count: 5))
            try await server.adminCommand(["configureFailPoint": Self.failPoint, "mode": "off"])
            let names = try await found.map { $0["name"] }
            #expect(names.count == 5 && names.first == "a")
            #expect(names.last == (isSnapshot ? "a" : "b"))
        }
    }

    @Test func standaloneServerHasNoSnapshots() async throws {
        let server = try await LocalMongo.start(isReplicaSet: false)
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            var query = DocumentQuery("things", limit: 1)
            let plain = try await fixture.store.find(query)
            #expect(plain.count == 1)
            query.isSnapshot = true
            do throws(StoreError) {
                _ = try await fixture.store.find(query)
                Issue.record("no error")
            } catch {
                #expect(error.code == .unsupported)
            }
        }
    }
}
