import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    /// What unique indexes allow: for single values, for arrays, and for documents that have the field.
    static let uniqueIndexes: [ConformanceCase] = [
        ConformanceCase("uniqueIndexRefusesASecondDocument") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": 1, "venue": "X"])])
            #expect(await place.store.attempt(place.create("b", ["code": 1, "venue": "X"])).isFailure(.duplicateKey))
            let double = place.create("b", ["code": .double(1), "venue": "X"])
            #expect(await place.store.attempt(double).isFailure(.duplicateKey))
            #expect(await place.store.attempt(place.create("c", ["code": 1, "venue": "Y"])) == .applied(.confirmed))
            // A document that is there already is told from one with the same key.
            #expect(await place.store.attempt(place.create("a", ["code": 5, "venue": "X"])) == .notApplied)
            #expect(try await place.ids() == ["a", "c"])
        },
        ConformanceCase("uniqueIndexHoldsForUpdatesAndFreesWithDeletes") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": 1]), ("b", ["code": 2])])
            let clash = place.update("b", DocumentUpdate(set: [("code", 1)]))
            #expect(await place.store.attempt(clash).isFailure(.duplicateKey))
            let same = place.update("b", DocumentUpdate(set: [("code", 2), ("value", 1)]))
            #expect(await place.store.attempt(same) == .applied(.confirmed))
            #expect(await place.store.attempt(place.delete("a")) == .applied(.confirmed))
            let freed = place.update("b", expecting: 2, DocumentUpdate(set: [("code", 1)]), operation: 7)
            #expect(await place.store.attempt(freed) == .applied(.confirmed))
        },
        ConformanceCase("uniqueIndexRefusesInABulkByPlace") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": 1])])
            let outcomes = await place.store.attempt([
                place.create("b", ["code": 2]), place.create("c", ["code": 1]), place.create("a", ["code": 3]),
            ])
            #expect(outcomes[0] == .applied(.confirmed))
            #expect(outcomes[1].isFailure(.duplicateKey))
            #expect(outcomes[2] == .notApplied)
        },
        ConformanceCase("writerPassesOnADuplicateKey") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": 1])])
            let outcome = await place.writer.apply(place.create("b", ["code": 1]))
            guard case .failed(let error) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(error.code == .duplicateKey)
            #expect(error.message.contains("'by_code'"))
            #expect(!error.isTransient)
        },
        ConformanceCase("uniqueIndexOfDocumentsThatClashIsNotPrepared") { place async throws in
            await place.prepareDocuments([("a", ["code": 1]), ("b", ["code": 1])])
            await #expect { try await place.store.prepare(codes(place.collection)) } throws: { error in
                (error as? StoreError)?.code == .duplicateKey
            }
        },
        ConformanceCase("uniqueIndexHasAKeyForEachElement") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": [1, 2, 2], "venue": "X"])])
            #expect(
                await place.store.attempt(place.create("b", ["code": [3, 2], "venue": "X"])).isFailure(.duplicateKey)
            )
            #expect(await place.store.attempt(place.create("b", ["code": 1, "venue": "X"])).isFailure(.duplicateKey))
            let double = place.create("b", ["code": [.double(1)], "venue": "X"])
            #expect(await place.store.attempt(double).isFailure(.duplicateKey))
            await place.prepareDocuments([
                ("b", ["code": [3, 2], "venue": "Y"]), ("c", ["code": [3, 4], "venue": "X"]),
            ])
            #expect(try await place.ids() == ["a", "b", "c"])
        },
        ConformanceCase("uniqueIndexFreesElementsThatGo") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": [1, 2, 3]]), ("b", ["code": [4]])])
            let push = DocumentUpdate(push: [("code", [3])])
            #expect(await place.store.attempt(place.update("b", push)).isFailure(.duplicateKey))
            let fewer = place.update("a", DocumentUpdate(set: [("code", [1, 2])]))
            #expect(await place.store.attempt(fewer) == .applied(.confirmed))
            #expect(await place.store.attempt(place.update("b", push)) == .applied(.confirmed))
            #expect(await place.store.attempt(place.delete("a", expecting: 2)) == .applied(.confirmed))
            await place.prepareDocuments([("c", ["code": [1, 2]])])
        },
        ConformanceCase("emptyArrayIsNoNullKey") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": []]), ("b", ["code": nil])])
            #expect(await place.store.attempt(place.create("c")).isFailure(.duplicateKey))
        },
        ConformanceCase("arraysInTwoFieldsOfAnIndexAreRefused") { place async throws in
            try await place.store.prepare(codes(place.collection))
            #expect(await place.store.attempt(place.create("a", ["code": [1], "venue": ["X"]])).isFailure(.refused))
            await place.prepareDocuments([("a", ["code": 1, "venue": ["X", "Y"]])])
            #expect(await place.store.attempt(place.create("b", ["code": 1, "venue": "Y"])).isFailure(.duplicateKey))
        },
        ConformanceCase("presentOnlyIndexLeavesOutDocumentsWithoutTheField") { place async throws in
            try await place.store.prepare(parts(place.collection))
            try await place.store.prepare(parts(place.collection))
            await place.prepareDocuments([("a", ["day": 1]), ("b", ["day": 1]), ("c", ["day": 1, "parts": [1, 2]])])
            #expect(await place.store.attempt(place.create("d", ["day": 1, "parts": [2]])).isFailure(.duplicateKey))
            await place.prepareDocuments([("d", ["day": 2, "parts": [2]]), ("e", ["parts": nil])])
            // Null is there: it is in the index.
            #expect(await place.store.attempt(place.create("f", ["parts": nil])).isFailure(.duplicateKey))
            let enters = place.update("a", DocumentUpdate(set: [("parts", [1])]))
            #expect(await place.store.attempt(enters).isFailure(.duplicateKey))
            let leaves = place.update("c", DocumentUpdate(unset: ["parts"]))
            #expect(await place.store.attempt(leaves) == .applied(.confirmed))
            #expect(await place.store.attempt(enters) == .applied(.confirmed))
        },
    ]

    /// A collection in which code and venue together name a document.
    static func codes(_ collection: String) -> CollectionSpecification {
        specification(collection, .init(name: "by_code", fields: ["code", "venue"], unique: true))
    }

    /// A collection in which documents that have parts share none within a day.
    private static func parts(_ collection: String) -> CollectionSpecification {
        specification(collection, .init(name: "by_part", fields: ["day", "parts"], unique: true, presentOnly: true))
    }

    private static func specification(
        _ collection: String,
        _ index: CollectionSpecification.Index
    ) -> CollectionSpecification {
        CollectionSpecification(name: collection, shardKey: nil, jsonSchema: [:], indexes: [index])
    }
}
