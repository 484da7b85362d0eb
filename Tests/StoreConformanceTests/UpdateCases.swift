import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    static let updates: [ConformanceCase] = [
        ConformanceCase("pushAppendsInOrder") { place async throws in
            await place.prepareDocuments([("a", ["list": [1]])])
            let update = DocumentUpdate(push: [("list", [2, ["x": 3]]), ("new", ["first"])])
            #expect(await place.store.attempt(place.update("a", update)) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document["list"] == [1, 2, ["x": 3]])
            #expect(document["new"] == ["first"])
        },
        ConformanceCase("pushOntoWhatIsNoArrayIsRefused") { place async throws in
            await place.prepareDocuments([("a", ["list": "text"])])
            let outcome = await place.store.attempt(place.update("a", DocumentUpdate(push: [("list", [1])])))
            #expect(outcome.isFailure(.refused))
            #expect(try await place.document("a")?[DocumentField.version] == 1)
        },
        ConformanceCase("unsetRemovesFields") { place async throws in
            await place.prepareDocuments([("a", ["one": 1, "two": 2])])
            let update = DocumentUpdate(unset: ["one", "never there"])
            #expect(await place.store.attempt(place.update("a", update)) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document["one"] == nil)
            #expect(document["two"] == 2)
            #expect(document[DocumentField.version] == 2)
        },
        ConformanceCase("setReplacesNestedValuesWhole") { place async throws in
            await place.prepareDocuments([("a", ["summary": ["open": 1, "close": 2], "list": [1, 2, 3]])])
            let summary: BSONValue = ["close": 3, "deep": ["er": [nil, true]]]
            let update = DocumentUpdate(set: [("summary", summary), ("list", []), ("price", .decimal128(price))])
            #expect(await place.store.attempt(place.update("a", update)) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document["summary"] == summary)
            #expect(document["list"] == [])
            #expect(document["price"] == .decimal128(price))
        },
        ConformanceCase("allOperatorsTogether") { place async throws in
            await place.prepareDocuments([("a", ["list": [1], "old": 1, "value": 1])])
            let update = DocumentUpdate(set: [("value", "new")], push: [("list", [2])], unset: ["old"])
            #expect(await place.store.attempt(place.update("a", update)) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document["value"] == "new")
            #expect(document["list"] == [1, 2])
            #expect(document["old"] == nil)
        },
        ConformanceCase("updateOfNoFieldsRaisesTheVersion") { place async throws in
            await place.prepareDocuments([("a", ["value": 1])])
            #expect(await place.store.attempt(place.update("a", DocumentUpdate())) == .applied(.confirmed))
            #expect(try await place.document("a")?[DocumentField.version] == 2)
        },
        ConformanceCase("fieldChangedTwiceIsRefused") { place async throws in
            await place.prepareDocuments([("a", ["value": 1])])
            let update = DocumentUpdate(set: [("value", 2)], unset: ["value"])
            #expect(await place.store.attempt(place.update("a", update)).isFailure(.refused))
            #expect(try await place.document("a")?["value"] == 1)
        },
        ConformanceCase("valuesOfAllTypesComeBack") { place async throws in
            let fields: BSONDocument = [
                "double": .double(-0.5), "string": "naïve ☃", "document": ["x": [:]], "array": [[], nil],
                "binary": .binary([0, 255]), "objectID": .objectID(Workplace.operation(3)), "bool": false,
                "datetime": .datetime(-1), "null": nil, "int32": .int32(.min), "timestamp": .timestamp(7 << 32 | 1),
                "int64": .int64(.max), "decimal": .decimal128(price), "min": .minKey, "max": .maxKey,
            ]
            await place.prepareDocuments([("a", fields)])
            let document = try #require(try await place.document("a"))
            for (key, value) in fields.fields { #expect(document[key] == value, "\(key)") }
        },
    ]

    private static let price = Decimal128(coefficient: -1_234_567, exponent: -4)
}
