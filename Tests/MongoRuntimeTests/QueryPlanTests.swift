import BSON
import DocumentStore
import MongoStore
import TestSupport
import Testing

/// How a real server executes queries, and how its explanation is read.
@Suite(.timeLimit(.minutes(10))) struct QueryPlanTests {
    private static let collection = "things"
    private static let newestFirst: [DocumentQuery.Order] = [
        .init("created_at", ascending: false), .init(DocumentField.id, ascending: false),
    ]

    @Test func collectionScanIsFound() async throws {
        try await StoreFixture.run { fixture in
            _ = await fixture.store.attempt(Change.create(1))
            let plan = try await plan([.equals("name", "a")], order: [.init("name")], fixture)
            #expect(plan.scansCollection)
            #expect(plan.sortsInMemory)
            #expect(plan.indexNames.isEmpty)
        }
    }

    @Test func indexesOfADisjunctionAreFound() async throws {
        try await prepared(["name"], ["other"]) { fixture in
            let plan = try await plan([.anyOf([[.equals("name", "a")], [.equals("other", 1)]])], fixture)
            #expect(Set(plan.indexNames) == ["by_name", "by_other"])
            #expect(plan.stages.contains("OR"))
            #expect(!plan.scansCollection)
        }
    }

    @Test func prefixIsARangeOfAnIndex() async throws {
        try await prepared(["name"]) { fixture in
            let explained = try await fixture.store.explain(query([.startsWith("name", "a.b (c")]))
            let plan = QueryPlan(explained: explained)
            #expect(plan.indexNames == ["by_name"])
            #expect(!plan.scansCollection)
            #expect(bounds(of: "name", in: explained)?.first == "[\"a.b (c\", \"a.b (d\")")
        }
    }

    @Test func pagesAreReadInTheOrderOfAnIndex() async throws {
        try await prepared(["status", "created_at", DocumentField.id]) { fixture in
            let open = DocumentQuery.Condition.equals("status", "open")
            let time = BSONValue.datetime(5)
            let segments: [[DocumentQuery.Condition]] = [
                [], [.equals("created_at", time), .less(DocumentField.id, 9)], [.less("created_at", time)],
                [.equals("created_at", .null)], [.isNotNull("created_at")],
            ]
            for segment in segments {
                let plan = try await plan([open] + segment, order: Self.newestFirst, fixture)
                #expect(!plan.sortsInMemory, "\(segment): \(plan)")
                #expect(plan.indexNames == ["by_status"], "\(segment): \(plan)")
            }
        }
    }

    @Test func orderThatTheIndexDoesNotHaveIsSortedInMemory() async throws {
        try await prepared(["status", "created_at"]) { fixture in
            let plan = try await plan([.equals("status", "open")], order: Self.newestFirst, fixture)
            #expect(plan.sortsInMemory)
        }
    }

    @Test func shardsAndPlansWithinPlansAreRead() {
        let scan: BSONDocument = ["stage": "FETCH", "inputStage": ["stage": "IXSCAN", "indexName": "i"]]
        let shards: BSONDocument = [
            "queryPlanner": [
                "winningPlan": [
                    "stage": "SHARD_MERGE_SORT",
                    "shards": [
                        ["shardName": "a", "winningPlan": .document(scan)],
                        ["shardName": "b", "winningPlan": ["queryPlan": ["stage": "COLLSCAN"]]],
                    ],
                ]
            ]
        ]
        let plan = QueryPlan(explained: shards)
        #expect(plan.stages == ["SHARD_MERGE_SORT", "FETCH", "IXSCAN", "COLLSCAN"])
        #expect(plan.indexNames == ["i"])
        #expect(plan.scansCollection)
        #expect(!plan.sortsInMemory)
    }

    @Test func preparedIndexLetsDocumentsExpire() async throws {
        try await StoreFixture.run { fixture in
            let index = CollectionSpecification.Index(name: "by_time", fields: ["time"], expiresAfterSeconds: 90)
            let specification = CollectionSpecification(
                name: Self.collection,
                shardKey: nil,
                jsonSchema: [:],
                indexes: [index]
            )
            try await fixture.store.prepare(specification)
            try await fixture.store.prepare(specification)
            let reply = try await fixture.command(["listIndexes": .string(Self.collection)])
            let indexes = reply["cursor"]?.document?["firstBatch"]?.array?.compactMap(\.document) ?? []
            #expect(indexes.first { $0["name"] == "by_time" }?["expireAfterSeconds"]?.integer == 90)
        }
    }

    private func query(
        _ conditions: [DocumentQuery.Condition],
        order: [DocumentQuery.Order] = []
    ) -> DocumentQuery {
        DocumentQuery(Self.collection, where: conditions, order: order, limit: 30)
    }

    private func plan(
        _ conditions: [DocumentQuery.Condition],
        order: [DocumentQuery.Order] = [],
        _ fixture: StoreFixture
    ) async throws -> QueryPlan {
        QueryPlan(explained: try await fixture.store.explain(query(conditions, order: order)))
    }

    /// A store whose collection has indexes of these fields, each named after its first one.
    private func prepared(_ indexes: [String]..., body: (StoreFixture) async throws -> Void) async throws {
        try await StoreFixture.run { fixture in
            let specification = CollectionSpecification(
                name: Self.collection,
                shardKey: nil,
                jsonSchema: [:],
                indexes: indexes.map { .init(name: "by_\($0[0])", fields: $0) }
            )
            try await fixture.store.prepare(specification)
            try await body(fixture)
        }
    }

    private func bounds(of field: String, in explained: BSONDocument) -> [BSONValue]? {
        let plan = explained["queryPlanner"]?.document?["winningPlan"]?.document
        let scan = (plan?["inputStage"] ?? plan?["queryPlan"]?.document?["inputStage"])?.document
        return (scan?["indexBounds"]?.document ?? scan?["inputStage"]?.document?["indexBounds"]?.document)?[field]?
            .array
    }
}
