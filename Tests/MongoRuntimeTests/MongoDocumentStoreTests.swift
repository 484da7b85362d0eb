import BSON
import DocumentStore
import MongoRuntime
import MongoStore
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct MongoDocumentStoreTests {
    @Test func createdDocumentHasKeyVersionAndOperation() async throws {
        try await StoreFixture.run { fixture in
            let change = Change.create(1, ["name": "a", "items": [1, 2]])
            #expect(await fixture.store.attempt(change) == .applied(.confirmed))
            let expected: BSONDocument = [
                "_id": 1, "group": "g", "name": "a", "items": [1, 2], "version": 1,
                "last_operation_id": .objectID(change.operationID),
            ]
            let found = try await fixture.document(1)
            #expect(found == expected)
            #expect(await fixture.store.attempt(Change.create(1)) == .notApplied)
        }
    }

    @Test func updateAppliesToTheExpectedVersionOnly() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1, ["name": "a", "items": [1], "old": 1]))
            let update = DocumentUpdate(set: [("name", "b")], push: [("items", [2, 3])], unset: ["old"])
            let change = VersionedChange(
                key: Change.key(1),
                action: .update(expectedVersion: 1, update),
                operationID: Change.operationID()
            )
            #expect(await fixture.store.attempt(change) == .applied(.confirmed))
            #expect(await fixture.store.attempt(change) == .notApplied)
            let document = try #require(try await fixture.document(1))
            #expect(document["name"] == "b" && document["items"] == [1, 2, 3] && document["old"] == nil)
            #expect(document["version"] == 2 && document["last_operation_id"] == .objectID(change.operationID))
            #expect(await fixture.store.attempt(Change.update(2, from: 1)) == .notApplied)
        }
    }

    @Test func deleteNeedsTheExpectedVersion() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1))
            #expect(await fixture.store.attempt(Change.delete(1, at: 2)) == .notApplied)
            #expect(await fixture.store.attempt(Change.delete(1, at: 1)) == .applied(.confirmed))
            let found = try await fixture.document(1)
            #expect(found == nil)
        }
    }

    @Test func documentAsKeyIsNotTakenForOperators() async throws {
        try await StoreFixture.run { fixture in
            let id: BSONValue = ["venue": "v", "day": 3]
            #expect(await fixture.store.attempt(Change.create(id)) == .applied(.confirmed))
            #expect(await fixture.store.attempt(Change.update(id, from: 1)) == .applied(.confirmed))
            let found = try await fixture.document(id)
            #expect(found?["version"] == 2)
        }
    }

    @Test func batchAnswersEachKindOfChange() async throws {
        try await StoreFixture.run { fixture in
            let setUp = await fixture.store.attempt((1...6).map { Change.create(.int64($0)) })
            #expect(setUp == Array(repeating: .applied(.confirmed), count: 6))
            let outcomes = await fixture.store.attempt([
                Change.update(1, from: 1), Change.create(7), Change.delete(2, at: 1), Change.create(3),
                Change.update(4, from: 1),
            ])
            #expect(
                outcomes == [
                    .applied(.confirmed), .applied(.confirmed), .applied(.confirmed), .notApplied, .applied(.confirmed),
                ]
            )
            let counted = try await fixture.store.count("things", where: [])
            #expect(counted == 6)
            #expect(
                await fixture.store.attempt([Change.update(1, from: 1), Change.update(4, from: 1)]) == [
                    .notApplied, .notApplied,
                ]
            )
            #expect(await fixture.store.attempt([]) == [])
        }
    }

    @Test func oneStaleAmongManyLeavesDoubtThatTheWriterResolves() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt((0..<500).map { Change.create(.int64($0)) })
            let changes = (0..<500).map { Change.update(.int64($0), from: $0 == 123 ? 9 : 1) }
            let outcomes = await VersionedWriter(
                store: fixture.store,
                policy: RetryPolicy(deadline: .seconds(120)),
                environment: .system
            ).apply(changes)
            for (index, outcome) in outcomes.enumerated() {
                if index == 123 {
                    // The version that it expects is not there yet: of one in doubt nobody can say that it never is.
                    guard case .unknown = outcome else {
                        Issue.record("\(outcome)")
                        continue
                    }
                } else {
                    #expect(outcome == .applied(version: 2, durability: .confirmed))
                }
            }
        }
    }

    @Test func queriesFilterOrderAndProject() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt((0..<10).map { Change.create(.int64($0), ["n": .int64($0), "x": "y"]) })
            let found = try await fixture.store.find(
                DocumentQuery(
                    "things",
                    where: [.greaterOrEqual("n", 3), .less("n", 8), .equals("group", "g")],
                    order: [.init("n", ascending: false)],
                    fields: .only(["n"]),
                    limit: 3
                )
            )
            #expect(found == [["_id": 7, "n": 7], ["_id": 6, "n": 6], ["_id": 5, "n": 5]])
            let excluded = try await fixture.store.find(
                DocumentQuery(
                    "things",
                    where: [.isIn("n", [1, 99])],
                    fields: .excluding(["x", "group", "version", "last_operation_id"]),
                    limit: 10
                )
            )
            #expect(excluded == [["_id": 1, "n": 1]])
            let counted = try await fixture.store.count("things", where: [.greater("n", 3)])
            #expect(counted == 6)
            let countedNone = try await fixture.store.count("nothing", where: [])
            #expect(countedNone == 0)
        }
    }

    @Test func schemaIsEnforcedAndPreparingIsIdempotent() async throws {
        try await StoreFixture.run { fixture in
            let schema: BSONDocument = [
                "bsonType": "object", "required": ["name"], "properties": ["name": ["bsonType": "string"]],
            ]
            let specification = CollectionSpecification(
                name: "things",
                shardKey: "group",
                jsonSchema: schema,
                indexes: [.init(name: "by_name", fields: ["group", "name"], unique: true)]
            )
            try await fixture.store.prepare(specification)
            try await fixture.store.prepare(specification)
            #expect(await fixture.store.attempt(Change.create(1)) == .applied(.confirmed))
            #expect(await fixture.store.attempt(Change.create(2, ["name": 5])).failureCode == .refused)
            #expect(await fixture.store.attempt([Change.create(3, ["x": "private"])])[0].failureCode == .refused)
            // A name that is taken is not a document that is there already.
            #expect(await fixture.store.attempt(Change.create(4)).failureCode == .duplicateKey)
            let statistics = try await fixture.store.storageStatistics("things")
            #expect(statistics.documentCount == 1)
            let missing = try await fixture.store.storageStatistics("nothing")
            #expect(missing == StorageStatistics())
        }
    }

    @Test func tooLargeDocumentsAreRefused() async throws {
        try await StoreFixture.run { fixture in
            let large = BSONValue.binary([UInt8](repeating: 7, count: 9 << 20))
            let tooLarge = Change.create(1, ["a": large, "b": large])
            #expect(await fixture.store.attempt(tooLarge).failureCode == .tooLarge)
            #expect(await fixture.store.attempt(Change.create(2, ["a": large])) == .applied(.confirmed))
            let growing = VersionedChange(
                key: Change.key(2),
                action: .update(expectedVersion: 1, DocumentUpdate(set: [("b", large)])),
                operationID: Change.operationID()
            )
            #expect(await fixture.store.attempt(growing).failureCode == .tooLarge)
            #expect(await fixture.store.attempt([growing, tooLarge]).map(\.failureCode) == [.tooLarge, .tooLarge])
        }
    }

    @Test func batchesBeyondOneMessageAreSplit() async throws {
        try await StoreFixture.run { fixture in
            let content = BSONValue.binary([UInt8](repeating: 3, count: 5 << 20))
            let outcomes = await fixture.store.attempt((0..<12).map { Change.create(.int64($0), ["a": content]) })
            #expect(outcomes == Array(repeating: .applied(.confirmed), count: 12))
            let counted = try await fixture.store.count("things", where: [])
            #expect(counted == 12)
        }
    }

    @Test func serverTellsWhatItIs() async throws {
        try await StoreFixture.run { fixture in
            let information = try await fixture.store.serverInformation()
            #expect(information.topology == .replicaSet(name: "rs0"))
            #expect(information.version.split(separator: ".").count >= 3)
            #expect(information.wireVersionMax >= 9)
        }
    }

    @Test func databaseNameComesFromTheURI() async throws {
        let server = try await LocalMongo.shared()
        let uri = server.uri().split(separator: "/?").joined(separator: "/from_path?")
        let store = try await MongoDocumentStore.connect(uri: uri)
        #expect(store.database == "from_path")
        await store.close()
        let other = try await MongoDocumentStore.connect(uri: server.uri())
        #expect(other.database == "tapedesk")
        await other.close()
    }
}
