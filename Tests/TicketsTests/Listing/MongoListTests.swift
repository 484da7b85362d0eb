import BSON
import DocumentStore
import MongoStore
import SimulatedStore
import TestSupport
import Testing

@testable import Tickets

/// Lists against a real server: the same answers, and none by reading the whole collection.
@Suite(.timeLimit(.minutes(10))) struct MongoListTests {
    private func withPopulation(
        _ body: (MongoDocumentStore, SimulatedStore) async throws -> Void
    ) async throws {
        let server = try await LocalMongo.shared()
        let mongo = try await MongoDocumentStore.connect(uri: server.uri(), database: LocalMongo.uniqueDatabaseName())
        do {
            let simulated = SimulatedStore(seed: 1)
            try await mongo.prepare(SupportRequestsCollection.specification)
            var population = TicketPopulation(seed: 1)
            let changes = population.creations()
            try await TicketPopulation.store(changes, in: mongo)
            try await TicketPopulation.store(changes, in: simulated)
            try await body(mongo, simulated)
        } catch {
            Issue.record(error)
        }
        try? await mongo.dropDatabaseForTesting()
        await mongo.close()
    }

    @Test func listsAreThoseOfTheSimulatedStore() async throws {
        try await withPopulation { mongo, simulated in
            let stand = DeskStand(store: simulated)
            let (here, there) = (stand.desk(), stand.desk(over: mongo))
            for seed in Seeds.list(1...80) {
                var random = TicketPopulation(seed: seed)
                let query = random.query()
                let expected = try await here.ids(query)
                #expect(try await there.ids(query) == expected, "seed \(seed): \(query)")
                let count = try await here.count(query)
                #expect(try await there.count(query) == count, "seed \(seed): \(query)")
            }
        }
    }

    /// Every filter with every order, and no filter at all; the first page and one behind another.
    @Test func everyFilterAndOrderUsesAnIndex() async throws {
        try await withPopulation { mongo, _ in
            let none = TicketPopulation.Filter(name: "none") { _, _ in }
            for filter in TicketPopulation.filters + [none] {
                for order in TicketQuery.Order.allCases {
                    for isAscending in [false, true] {
                        var random = SplitMix64(seed: 1)
                        var query = TicketQuery(limit: 100)
                        query.order = order
                        query.isAscending = isAscending
                        filter.add(&query, &random)
                        try await expectIndex(query, mongo, "\(filter.name) by \(order), ascending: \(isAscending)")
                    }
                }
            }
        }
    }

    /// Filter and order come from one index: a page costs what it shows, however many tickets there are.
    @Test func filtersHaveIndexesInTheOrderOfCreation() async throws {
        try await withPopulation { mongo, _ in
            for filter in TicketPopulation.filters {
                guard let index = filter.index else { continue }
                var random = SplitMix64(seed: 1)
                var query = TicketQuery(limit: 100)
                filter.add(&query, &random)
                let recorder = RecordingStore(mongo)
                var pages = DocumentPages(
                    reader: DeskStand().desk(over: recorder).environment.writer,
                    query: query.documentQuery,
                    pageSize: 100
                )
                _ = try await pages.next()
                #expect(recorder.queries.count == 1)
                for read in recorder.queries {
                    let plan = try await QueryPlan(explained: mongo.explain(read))
                    #expect(Set(plan.indexNames) == [index], "\(filter.name): \(plan)")
                    #expect(!plan.sortsInMemory, "\(filter.name): \(plan)")
                }
            }
        }
    }

    private func expectIndex(_ query: TicketQuery, _ store: MongoDocumentStore, _ name: String) async throws {
        let recorder = RecordingStore(store)
        let desk = DeskStand().desk(over: recorder)
        var small = query
        small.limit = 6
        // As a program reads it, page by page; the pages are small, so that there are several.
        var pages = DocumentPages(reader: desk.environment.writer, query: small.documentQuery, pageSize: 2)
        while try await !pages.next().isEmpty {}
        for read in recorder.queries {
            var asked = read
            asked.limit = 100
            let plan = try await QueryPlan(explained: store.explain(asked))
            #expect(!plan.scansCollection, "\(name): \(plan)")
            #expect(!plan.indexNames.isEmpty, "\(name): \(plan)")
        }
        #expect(!recorder.queries.isEmpty)
    }

    /// What the desk asks beside lists.
    @Test func otherReadsUseAnIndex() async throws {
        try await withPopulation { mongo, _ in
            for specification in TicketCollections.all { try await mongo.prepare(specification) }
            let recorder = RecordingStore(mongo)
            let desk = DeskStand().desk(over: recorder)
            var watch = try await TicketWatch(desk)
            _ = try await watch.poll()
            _ = try? await desk.resolve("no such ticket")
            _ = try await desk.ticketWithHistory("1")
            _ = try await desk.save(.claim(by: "zoe"), on: "1", by: "zoe")
            _ = try await desk.presences(of: ["1", "2"])
            _ = try await desk.presences()
            _ = try await desk.find(TicketDesk.tickets(of: TicketPopulation.requesters[0]))
            for read in recorder.queries {
                let plan = try await QueryPlan(explained: mongo.explain(read))
                #expect(!plan.scansCollection, "\(read): \(plan)")
            }
            #expect(recorder.queries.count > 6)
        }
    }
}

extension TicketDesk {
    fileprivate func find(_ query: DocumentQuery) async throws -> [BSONDocument] {
        var query = query
        query.limit = 100
        return try await environment.writer.find(query)
    }
}
