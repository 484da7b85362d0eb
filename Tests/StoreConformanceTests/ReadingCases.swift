import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    static let reading: [ConformanceCase] = [
        ConformanceCase("conditionsCompareByValue") { place async throws in
            await place.prepareDocuments([
                (1, ["n": .int32(1), "s": "a"]), (2, ["n": 2, "s": "b"]), (3, ["n": .double(2.5), "s": "B"]),
                (4, ["n": 3, "s": "é"]), (5, ["n": .decimal128(Decimal128(coefficient: 35, exponent: -1)), "s": "ab"]),
            ])
            #expect(try await place.ids([.equals("n", 1)]) == [1])
            #expect(try await place.ids([.equals("n", .double(3))]) == [4])
            #expect(try await place.ids([.greater("n", 2)]) == [3, 4, 5])
            #expect(try await place.ids([.greaterOrEqual("n", 2)]) == [2, 3, 4, 5])
            #expect(try await place.ids([.less("n", .int32(3))]) == [1, 2, 3])
            #expect(try await place.ids([.greaterOrEqual("n", 2), .less("n", 3)]) == [2, 3])
            #expect(try await place.ids([.greater("n", 1), .equals("s", "b")]) == [2])
            #expect(try await place.ids([.isIn("s", ["b", "é", "nowhere"])]) == [2, 4])
            #expect(try await place.ids([.isIn("s", [])]).isEmpty)
            #expect(try await place.ids([.greater("s", "a")]) == [2, 4, 5])
            #expect(try await place.ids([.less("s", "a")]) == [3])
        },
        ConformanceCase("conditionsOfTimesAndObjectIDs") { place async throws in
            let operations = [
                ObjectID(high: 1, low: .max), ObjectID(high: 2, low: 0), ObjectID(high: 0x8000_0000, low: 1),
            ]
            await place.prepareDocuments(
                operations.enumerated().map { index, id in
                    (.int64(Int64(index)), ["id": .objectID(id), "time": .datetime(Int64(index - 1) * 1_000)])
                }
            )
            #expect(try await place.ids([.greater("id", .objectID(operations[0]))]) == [1, 2])
            #expect(try await place.ids([.less("id", .objectID(operations[2]))]) == [0, 1])
            #expect(try await place.ids([.greaterOrEqual("time", .datetime(0))]) == [1, 2])
            #expect(try await place.ids([.less("time", .datetime(0))]) == [0])
            // A time and a number are not comparable.
            #expect(try await place.ids([.greaterOrEqual("time", 0)]).isEmpty)
        },
        ConformanceCase("missingFieldIsNullAndArraysMatchByElement") { place async throws in
            await place.prepareDocuments([
                (1, [:]), (2, ["x": nil]), (3, ["x": 1]), (4, ["x": [1, 5]]), (5, ["x": "text"]),
            ])
            #expect(try await place.ids([.equals("x", nil)]) == [1, 2])
            #expect(try await place.ids([.equals("x", 1)]) == [3, 4])
            #expect(try await place.ids([.equals("x", [1, 5])]) == [4])
            #expect(try await place.ids([.greater("x", 1)]) == [4])
            #expect(try await place.ids([.isIn("x", [nil, "text"])]) == [1, 2, 5])
        },
        ConformanceCase("aMomentStaysAsItWas") { place async throws in
            await place.prepareDocuments([(1, ["n": 1]), (2, ["n": 2]), (3, ["n": 3])])
            let before = try await place.store.moment()
            await place.prepareDocuments([(4, ["n": 4])])
            let key = DocumentKey(collection: place.collection, id: 2)
            let id = ObjectID(high: 77, low: 77)
            let delete = VersionedChange(key: key, action: .delete(expectedVersion: 1), operationID: id)
            #expect(await place.store.attempt(delete) == .applied(.confirmed))
            let after = try await place.store.moment()
            for (moment, expected) in [(before, [1, 2, 3]), (after, [1, 3, 4])] as [(StoreMoment, [BSONValue])] {
                var query = DocumentQuery(
                    place.collection,
                    order: [.init(DocumentField.id)],
                    fields: .only(["n"]),
                    limit: 100
                )
                query.moment = moment
                #expect(try await place.store.find(query).compactMap { $0["n"] } == expected)
                query.limit = 2
                #expect(try await place.store.find(query).compactMap { $0["n"] } == Array(expected.prefix(2)))
                query.conditions = [.equals("n", 2)]
                #expect(try await place.store.find(query).count == (moment == before ? 1 : 0))
            }
        },
        ConformanceCase("orderIsByAllItsFields") { place async throws in
            await place.prepareDocuments([
                (1, ["a": 1, "b": "x"]), (2, ["a": 2, "b": "x"]), (3, ["a": 1, "b": "y"]),
                (4, ["a": .int32(2), "b": "y"]),
            ])
            typealias Order = DocumentQuery.Order
            #expect(try await place.ids(order: [Order("a"), Order("b")]) == [1, 3, 2, 4])
            #expect(try await place.ids(order: [Order("a", ascending: false), Order("b")]) == [2, 4, 1, 3])
            #expect(try await place.ids(order: [Order("b", ascending: false), Order("a")]) == [3, 4, 1, 2])
            #expect(try await place.ids(order: [Order(DocumentField.id, ascending: false)]) == [4, 3, 2, 1])
        },
        ConformanceCase("orderGoesAcrossTypes") { place async throws in
            let values: [BSONValue] = [
                .minKey, nil, .double(-.infinity), .int32(-1), .decimal128(Decimal128(coefficient: 5, exponent: -1)), 1,
                .decimal128(Decimal128(coefficient: 1_000_000_000_000_000_001, exponent: -18)), .double(1.5),
                .int64(9_007_199_254_740_992), .int64(9_007_199_254_740_993), .int64(.max),
                .decimal128(Decimal128(coefficient: 1, exponent: 19)), .double(1e300),
                "A", "a", "aa", ["k": 1], ["k": 2], .binary([9]), .binary([0, 0]),
                .objectID(ObjectID(high: 0, low: 1)), .objectID(ObjectID(high: 1, low: 0)), false, true,
                .datetime(-5), .datetime(5), .timestamp(1 << 33), .maxKey,
            ]
            // Created in another order than the one that is asked for.
            let ids = values.indices.map { BSONValue.int64(Int64($0)) }
            await place.prepareDocuments(values.indices.reversed().map { (ids[$0], ["v": values[$0]]) })
            #expect(try await place.ids(order: [DocumentQuery.Order("v")]) == ids)
            let reversed = try await place.ids(order: [DocumentQuery.Order("v", ascending: false)])
            #expect(reversed == ids.reversed())
        },
        ConformanceCase("limitTakesTheFirstOfTheOrder") { place async throws in
            await place.prepareDocuments((0..<9).map { (.int64($0), ["n": .int64(-$0)]) })
            #expect(try await place.ids(order: [DocumentQuery.Order("n")], limit: 2) == [8, 7])
            #expect(try await place.ids([.greater("n", -5)], order: [DocumentQuery.Order("n")], limit: 3) == [4, 3, 2])
            #expect(try await place.find(limit: 4).count == 4)
            #expect(try await place.find(limit: 100).count == 9)
        },
        ConformanceCase("fieldsAreChosenOrLeftOut") { place async throws in
            await place.prepareDocuments([("a", ["one": 1, "two": 2, "three": ["x": 3]])])
            func keys(_ fields: DocumentQuery.Fields) async throws -> Set<String> {
                Set(try await place.find(fields: fields).flatMap { $0.fields.map(\.key) })
            }
            let own: Set<String> = [DocumentField.id, DocumentField.version, DocumentField.lastOperationID]
            #expect(try await keys(.all) == own.union(["one", "two", "three"]))
            #expect(try await keys(.only(["two", "absent"])) == [DocumentField.id, "two"])
            #expect(try await keys(.only([DocumentField.id])) == [DocumentField.id])
            #expect(try await keys(.excluding(["one", "three", "absent"])) == own.union(["two"]))
            let withoutID = own.subtracting([DocumentField.id])
            #expect(try await keys(.excluding([DocumentField.id])) == withoutID.union(["one", "two", "three"]))
        },
        ConformanceCase("conditionsMayNameFieldsThatAreLeftOut") { place async throws in
            await place.prepareDocuments([("a", ["n": 2]), ("b", ["n": 1]), ("c", ["n": 0])])
            let found = try await place.find(
                [.greater("n", 0)],
                order: [DocumentQuery.Order("n")],
                fields: .only([DocumentField.version])
            )
            #expect(found.map { $0[DocumentField.id] } == ["b", "a"])
            #expect(found.allSatisfy { $0["n"] == nil })
        },
        ConformanceCase("countIsExact") { place async throws in
            #expect(try await place.store.count(place.collection, where: []) == 0)
            await place.prepareDocuments((0..<7).map { (.int64($0), ["n": .int64($0)]) })
            _ = await place.store.attempt(place.delete(6))
            #expect(try await place.store.count(place.collection, where: []) == 6)
            #expect(try await place.store.count(place.collection, where: [.less("n", 4)]) == 4)
            #expect(try await place.store.count(place.collection, where: [.equals("n", 40)]) == 0)
        },
        ConformanceCase("tailTakesTheLastElements") { place async throws in
            await place.prepareDocuments([
                ("a", ["list": [1, 2, 3], "big": "x", "n": 1]), ("b", ["list": [4]]), ("c", ["list": "text"]),
                ("d", [:]),
            ])
            func lists(_ count: Int) async throws -> [BSONValue?] {
                let found = try await place.find(
                    order: [DocumentQuery.Order(DocumentField.id)],
                    fields: .tail(of: "list", count: count, excluding: ["big", "absent"])
                )
                #expect(found.allSatisfy { $0["big"] == nil && $0[DocumentField.version] == 1 })
                #expect(found.first?["n"] == 1)
                return found.map { $0["list"] }
            }
            #expect(try await lists(2) == [[2, 3], [4], "text", nil])
            #expect(try await lists(0) == [[], [], "text", nil])
            let whole = try await place.find([.equals("n", 1)], fields: .tail(of: "list", count: 1, excluding: []))
            #expect(whole.map { $0["list"] } == [[3]])
            #expect(whole.map { $0["big"] } == ["x"])
        },
        ConformanceCase("sliceTakesElementsFromAPlaceOn") { place async throws in
            await place.prepareDocuments([
                ("a", ["list": [1, 2, 3], "big": "x", "n": 1]), ("b", ["list": [4]]), ("c", ["list": "text"]),
                ("d", [:]),
            ])
            func lists(_ skip: Int, _ count: Int) async throws -> [BSONValue?] {
                let found = try await place.find(
                    order: [DocumentQuery.Order(DocumentField.id)],
                    fields: .slice(of: "list", skip: skip, count: count, excluding: ["big", "absent"])
                )
                #expect(found.allSatisfy { $0["big"] == nil && $0[DocumentField.version] == 1 })
                #expect(found.first?["n"] == 1)
                return found.map { $0["list"] }
            }
            #expect(try await lists(0, 2) == [[1, 2], [4], "text", nil])
            #expect(try await lists(1, 1) == [[2], [], "text", nil])
            #expect(try await lists(2, 10) == [[3], [], "text", nil])
            #expect(try await lists(5, 1) == [[], [], "text", nil])
        },
        ConformanceCase("snapshotShowsWhatAPlainReadShows") { place async throws in
            await place.prepareDocuments((0..<30).map { (.int64($0), ["n": .int64($0 % 3)]) })
            _ = await place.store.attempt(place.update(4, operation: 7))
            _ = await place.store.attempt(place.delete(7))
            var query = DocumentQuery(
                place.collection,
                where: [.equals("n", 1)],
                order: [DocumentQuery.Order(DocumentField.id, ascending: false)],
                fields: .excluding(["value"]),
                limit: 20
            )
            let plain = try await place.store.find(query)
            query.isSnapshot = true
            #expect(plain.count == 9)
            #expect(try await place.store.find(query) == plain)
            var nowhere = DocumentQuery(place.collection + "_nowhere", limit: 1)
            nowhere.isSnapshot = true
            #expect(try await place.store.find(nowhere).isEmpty)
        },
        ConformanceCase("serverTimeGoesOn") { place async throws in
            let first = try await place.store.serverTime()
            let second = try await place.store.serverTime()
            // Later than this was written, and not some other unit of time.
            #expect((1_700_000_000_000..<4_000_000_000_000).contains(first))
            #expect(second >= first)
        },
        ConformanceCase("collectionThatIsNotThereIsEmpty") { place async throws in
            #expect(try await place.find().isEmpty)
        },
    ]
}
