import BSON
import DocumentStore
import SimulatedStore
import Testing

extension ConformanceCase {
    /// Large results in pages.
    static let pages: [ConformanceCase] = [
        ConformanceCase("pagesAreTheWholeInOrder") { place async throws in
            var generator = SplitMix64(seed: 20)
            await place.prepareDocuments(documents(count: 60, &generator))
            for direction in [true, false] {
                for order in orders(direction) {
                    for conditions in [[], [.equals("group", 1)], [.greater("at", .datetime(2))]] as [Conditions] {
                        let pageSize = 1 + generator.nextIndex(below: 9)
                        let limit = generator.nextIndex(below: 2) == 0 ? 1_000 : 1 + generator.nextIndex(below: 60)
                        let query = DocumentQuery(place.collection, where: conditions, order: order, limit: limit)
                        try await check(place, query, pageSize)
                    }
                }
            }
        },
        ConformanceCase("pagesFollowTheFieldsThatWereAskedFor") { place async throws in
            await place.prepareDocuments((0..<5).map { (.int64($0), ["n": .int64(-$0), "x": 1, "list": [1, 2]]) })
            let order = [DocumentQuery.Order("n")]
            let only = DocumentQuery(place.collection, order: order, fields: .only(["x"]), limit: 10)
            let chosen = try await all(place, only, 2).joined()
            #expect(chosen.map { $0[DocumentField.id] } == [4, 3, 2, 1, 0])
            #expect(chosen.allSatisfy { Set($0.fields.map(\.key)) == [DocumentField.id, "n", "x"] })
            let tail = DocumentQuery(
                place.collection,
                order: order,
                fields: .tail(of: "list", count: 1, excluding: ["x"]),
                limit: 10
            )
            #expect(try await all(place, tail, 2).joined().map { $0["list"] } == Array(repeating: [2], count: 5))
        },
        ConformanceCase("pagesOfArraysAreRefused") { place async throws in
            await place.prepareDocuments([(1, ["n": [1, 2]]), (2, ["n": [1]])])
            let query = DocumentQuery(place.collection, order: [.init("n")], limit: 10)
            await #expect(throws: StoreError.self) { try await all(place, query, 1) }
        },
        ConformanceCase("pagesOfNothing") { place async throws in
            let query = DocumentQuery(place.collection, order: [.init("n")], limit: 10)
            var pages = DocumentPages(reader: place.writer, query: query, pageSize: 3)
            #expect(try await pages.next().isEmpty)
            #expect(try await pages.next().isEmpty)
        },
    ]

    private typealias Conditions = [DocumentQuery.Condition]

    private static func orders(_ ascending: Bool) -> [[DocumentQuery.Order]] {
        [
            [], [.init("at", ascending: ascending)], [.init("group", ascending: ascending)],
            [.init(DocumentField.id, ascending: ascending)],
            [.init("at", ascending: ascending), .init(DocumentField.id, ascending: !ascending)],
        ]
    }

    /// Few values for many documents, so that most are tied; some null, some missing.
    private static func documents(
        count: Int64,
        _ generator: inout SplitMix64
    ) -> [(id: BSONValue, fields: BSONDocument)] {
        (0..<count).map { id in
            var fields: [(String, BSONValue)] = [("group", .int64(Int64(generator.nextIndex(below: 3))))]
            switch generator.nextIndex(below: 6) {
            case 0: fields.append(("at", .null))
            case 1: break
            case let number: fields.append(("at", .datetime(Int64(number))))
            }
            return (.int64(id &* 37 % count), BSONDocument(fields))
        }
    }

    private static func check(_ place: Workplace, _ query: DocumentQuery, _ pageSize: Int) async throws {
        var whole = query
        if !query.order.contains(where: { $0.field == DocumentField.id }) {
            whole.order.append(.init(DocumentField.id, ascending: query.order.first?.ascending ?? true))
        }
        let expected = try await place.store.find(whole)
        let pages = try await all(place, query, pageSize)
        #expect(Array(pages.joined()) == expected, "\(query), pages of \(pageSize)")
        #expect(pages.dropLast().allSatisfy { $0.count == pageSize })
    }

    /// All pages but the empty one at the end.
    private static func all(_ place: Workplace, _ query: DocumentQuery, _ size: Int) async throws -> [[BSONDocument]] {
        var pages = DocumentPages(reader: place.writer, query: query, pageSize: size)
        var result: [[BSONDocument]] = []
        while case let page = try await pages.next(), !page.isEmpty { result.append(page) }
        return result
    }
}
