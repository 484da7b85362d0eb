import BSON
import DocumentStore
import SimulatedStore
import Testing

/// Pages against the whole, over many random collections; the conformance suite has fewer cases on more stores.
@Suite struct DocumentPagesTests {
    @Test(arguments: 0..<60 as Range<UInt64>) func pagesAreTheWhole(seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let store = SimulatedStore(seed: seed)
        let values = values(&generator)
        for id in 0..<generator.nextIndex(below: 40) {
            var fields: [(String, BSONValue)] = []
            if let value = values[generator.nextIndex(below: values.count)] { fields.append(("value", value)) }
            let change = VersionedChange(
                key: Counters.key("\(generator.next())"),
                action: .create(BSONDocument(fields)),
                operationID: Counters.operation(UInt64(id))
            )
            #expect(await store.attempt(change) == .applied(.confirmed))
        }
        for _ in 0..<10 { try await check(store, &generator) }
    }

    @Test func pageThatFailedIsAskedForAgain() async throws {
        let store = SimulatedStore(seed: 1)
        for id in 0..<5 { _ = await store.attempt(Counters.create("\(id)", operation: UInt64(id), value: 1)) }
        let query = DocumentQuery(Counters.collection, order: [.init("value")], limit: 10)
        var pages = DocumentPages(reader: reader(store, deadline: .zero), query: query, pageSize: 2)
        var ids: [String?] = []
        for step in 0..<3 {
            // The second part of a page fails as well as the first.
            store.injectReads(step == 2 ? [.none, .unavailable] : [.unavailable])
            await #expect(throws: StoreError.self) { try await pages.next() }
            ids += try await pages.next().map { $0[DocumentField.id]?.string }
        }
        #expect(ids == ["0", "1", "2", "3", "4"])
        #expect(try await pages.next().isEmpty)
    }

    @Test func deletedPlaceIsStillAPlace() async throws {
        let store = SimulatedStore(seed: 1)
        for id in 0..<5 { _ = await store.attempt(Counters.create("\(id)", operation: UInt64(id), value: 1)) }
        let query = DocumentQuery(Counters.collection, order: [.init("value", ascending: false)], limit: 10)
        var pages = DocumentPages(reader: reader(store), query: query, pageSize: 2)
        #expect(try await pages.next().map { $0[DocumentField.id] } == ["4", "3"])
        _ = await store.attempt(Counters.delete("3", operation: 30))
        #expect(try await pages.next().map { $0[DocumentField.id] } == ["2", "1"])
    }

    /// One type of values, few of them; nil stands for a missing field.
    private func values(_ generator: inout SplitMix64) -> [BSONValue?] {
        var values: [BSONValue?] = (0...generator.nextIndex(below: 8)).map { .datetime(Int64($0)) }
        switch generator.nextIndex(below: 3) {
        case 0: values = [.int32(3), 3, .double(3), 4, .double(4.5)]
        case 1: values = ["", "a", "B", "ä", "b"]
        default: break
        }
        if generator.nextIndex(below: 2) == 0 { values += [BSONValue.null, nil] }
        return values
    }

    private func check(_ store: SimulatedStore, _ generator: inout SplitMix64) async throws {
        let ascending = generator.nextIndex(below: 2) == 0
        let idAscending = generator.nextIndex(below: 4) == 0 ? !ascending : ascending
        let order: [DocumentQuery.Order] = [
            .init("value", ascending: ascending), .init(DocumentField.id, ascending: idAscending),
        ]
        let limit = 1 + generator.nextIndex(below: 50)
        let query = DocumentQuery(Counters.collection, order: order, limit: limit)
        let expected = try await store.find(query)
        let pageSize = 1 + generator.nextIndex(below: 10)
        var pages = DocumentPages(reader: reader(store), query: query, pageSize: pageSize)
        var found: [BSONDocument] = []
        while case let page = try await pages.next(), !page.isEmpty {
            #expect(page.count <= pageSize)
            found += page
        }
        #expect(found == expected)
    }

    private func reader(_ store: SimulatedStore, deadline: Duration = .seconds(10)) -> VersionedWriter {
        VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: deadline),
            environment: SimulatedClock().environment
        )
    }
}
