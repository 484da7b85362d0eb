import BSON
import DocumentStore
import MongoRuntime
import MongoStore
import TestSupport
import Testing

/// Being told of changes by a real server; `FailureTests` has what goes wrong.
@Suite(.timeLimit(.minutes(10))) struct ChangeStreamTests {
    private static let collection = "things"
    /// Far longer than a change takes to be seen: only a notice that never comes waits that long.
    private static let patience = Duration.seconds(20)

    @Test func changesSinceATokenAreToldOnceEach() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(0))
            let start = try await fixture.store.changedDocuments(in: Self.collection, after: nil, waiting: .zero)
            #expect(start.ids.isEmpty)
            _ = await fixture.store.attempt((1...3).map { Change.create(.int64($0)) })
            _ = await fixture.store.attempt(Change.update(1, from: 1))
            _ = await fixture.store.attempt(Change.delete(3, at: 1))
            let elsewhere = VersionedChange(
                key: DocumentKey(collection: "elsewhere", id: 7),
                action: .create([:]),
                operationID: Change.operationID()
            )
            _ = await fixture.store.attempt(elsewhere)
            _ = await fixture.store.attempt(Change.update(0, from: 1))
            var seen: [BSONValue] = []
            var token = start.token
            while !seen.contains(0) {
                let notice = try await fixture.store.changedDocuments(
                    in: Self.collection,
                    after: token,
                    waiting: Self.patience
                )
                seen += notice.ids.filter { !seen.contains($0) }
                token = notice.token
            }
            #expect(seen == [1, 2, 3, 0])
            // From the same place once more: the whole again, so a notice that was lost is not.
            let again = try await fixture.store.changedDocuments(
                in: Self.collection,
                after: start.token,
                waiting: Self.patience
            )
            #expect(again.ids.first == 1)
        }
    }

    @Test func waitEndsWithTheFirstChange() async throws {
        try await StoreFixture.run { fixture in
            let start = try await fixture.store.changedDocuments(in: Self.collection, after: nil, waiting: .zero)
            async let notice = fixture.store.changedDocuments(
                in: Self.collection,
                after: start.token,
                waiting: Self.patience
            )
            #expect(await fixture.store.attempt(Change.create(5)) == .applied(.confirmed))
            #expect(try await notice.ids == [5])
        }
    }

    @Test func noticeWithoutChangesHasAPlaceToContinueFrom() async throws {
        try await StoreFixture.run { fixture in
            var token: ChangeToken?
            for _ in 0..<3 {
                let notice = try await fixture.store.changedDocuments(
                    in: Self.collection,
                    after: token,
                    waiting: .milliseconds(50)
                )
                #expect(notice.ids.isEmpty)
                token = notice.token
            }
            _ = await fixture.store.attempt(Change.create(1))
            let notice = try await fixture.store.changedDocuments(
                in: Self.collection,
                after: token,
                waiting: Self.patience
            )
            #expect(notice.ids == [1])
        }
    }

    @Test func manyChangesComeInSeveralNotices() async throws {
        try await StoreFixture.run { fixture in
            let start = try await fixture.store.changedDocuments(in: Self.collection, after: nil, waiting: .zero)
            let ids = (0..<2_500).map { BSONValue.int64($0) }
            _ = await fixture.store.attempt(ids.map { Change.create($0) })
            var seen: [BSONValue] = []
            var token = start.token
            while seen.count < ids.count {
                let notice = try await fixture.store.changedDocuments(
                    in: Self.collection,
                    after: token,
                    waiting: Self.patience
                )
                #expect((1...1_000).contains(notice.ids.count))
                seen += notice.ids
                token = notice.token
            }
            #expect(seen == ids)
        }
    }

    @Test func waitIsShorterThanTheTimeForAnAnswer() async throws {
        let server = try await LocalMongo.shared()
        let store = try await MongoDocumentStore.connect(
            uri: server.uri(options: "socketTimeoutMS=10000"),
            database: LocalMongo.uniqueDatabaseName()
        )
        let notice = try? await store.changedDocuments(in: Self.collection, after: nil, waiting: .seconds(60))
        #expect(notice?.ids == [])
        await store.close()
    }

    @Test func noCursorStaysBehind() async throws {
        // A server of its own: the cursors of other tests count as well.
        let server = try await LocalMongo.start()
        defer { server.stop() }
        try await StoreFixture.run(on: server) { fixture in
            for _ in 0..<3 {
                _ = try await fixture.store.changedDocuments(in: Self.collection, after: nil, waiting: .zero)
            }
            let status = try await fixture.command(["serverStatus": 1])
            let cursors = status["metrics"]?.document?["cursor"]?.document?["open"]?.document
            #expect(cursors?["total"]?.integer == 0)
        }
    }

    @Test func connectionServesOthersBetweenNotices() async throws {
        try await StoreFixture.run(connections: 1) { fixture in
            var token: ChangeToken?
            for id in 0..<5 {
                let notice = try await fixture.store.changedDocuments(
                    in: Self.collection,
                    after: token,
                    waiting: .zero
                )
                token = notice.token
                #expect(await fixture.store.attempt(Change.create(.int64(Int64(id)))) == .applied(.confirmed))
            }
        }
    }

    @Test func listenersSideBySideDoNotDisturbEachOther() async throws {
        try await StoreFixture.run(connections: 8) { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var token: ChangeToken?
                        for _ in 0..<20 {
                            let notice = try await fixture.store.changedDocuments(
                                in: Self.collection,
                                after: token,
                                waiting: .zero
                            )
                            token = notice.token
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func tokenThatIsNoneIsRefused() async throws {
        try await StoreFixture.run { fixture in
            let token = ChangeToken(["_data": "no token"])
            await #expect(throws: StoreError.self) {
                try await fixture.store.changedDocuments(in: Self.collection, after: token, waiting: .zero)
            }
        }
    }
}
