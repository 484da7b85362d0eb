import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    /// Changes that take effect together or not at all.
    static let together: [ConformanceCase] = [
        ConformanceCase("changesOfAllKindsTakeEffectTogether") { place async throws in
            await place.prepareDocuments([("a", ["value": 1]), ("b", ["value": 1]), ("c", [:])])
            let outcome = await place.store.attemptTogether([
                place.delete("a", operation: 11), place.create("d", ["value": 5], operation: 12),
                place.update("b", operation: 13), place.delete("c", operation: 14),
            ])
            #expect(outcome == .applied(.confirmed))
            #expect(try await place.ids() == ["b", "d"])
            let updated = try await place.document("b")
            #expect(updated?["value"] == 2 && updated?[DocumentField.version] == 2)
            #expect(updated?[DocumentField.lastOperationID] == .objectID(Workplace.operation(13)))
            #expect(try await place.document("d")?[DocumentField.lastOperationID]?.objectID == Workplace.operation(12))
        },
        ConformanceCase("oneChangeTogether") { place async throws in
            #expect(await place.store.attemptTogether([place.create("a")]) == .applied(.confirmed))
            #expect(await place.store.attemptTogether([place.create("a")]) == .notApplied)
            #expect(await place.store.attemptTogether([place.update("a", expecting: 2)]) == .notApplied)
            #expect(await place.store.attemptTogether([place.delete("a")]) == .applied(.confirmed))
        },
        ConformanceCase("oneStaleChangeKeepsTheOthersFromTakingEffect") { place async throws in
            await place.prepareDocuments([("a", [:]), ("b", [:]), ("c", [:])])
            _ = await place.store.attempt(place.update("b", operation: 50))
            let before = try await place.find(order: [DocumentQuery.Order(DocumentField.id)])
            let good = [place.delete("a"), place.update("c", operation: 60), place.create("d", operation: 61)]
            let bad = [
                place.update("b"), place.delete("b"), place.delete("nowhere"), place.update("nowhere"),
                place.create("b"),
            ]
            for stale in bad {
                for position in 0...good.count {
                    var changes = good
                    changes.insert(stale, at: position)
                    #expect(await place.store.attemptTogether(changes) == .notApplied)
                }
            }
            #expect(try await place.find(order: [DocumentQuery.Order(DocumentField.id)]) == before)
            #expect(await place.store.attemptTogether(good) == .applied(.confirmed))
        },
        ConformanceCase("oneRefusedChangeKeepsTheOthersFromTakingEffect") { place async throws in
            await place.prepareDocuments([("a", ["list": "text"]), ("b", [:])])
            let refused = place.update("a", DocumentUpdate(push: [("list", [1])]))
            for changes in [[place.update("b"), refused], [refused, place.update("b")]] {
                #expect(await place.store.attemptTogether(changes).isFailure(.refused))
            }
            // What is stale is why nothing can be, even where something behind it is refused.
            #expect(await place.store.attemptTogether([place.update("b", expecting: 7), refused]) == .notApplied)
            #expect(try await place.ids([.equals(DocumentField.version, 1)]) == ["a", "b"])
        },
        ConformanceCase("keysPassFromDeletedDocumentsToCreatedOnes") { place async throws in
            try await place.store.prepare(codes(place.collection))
            await place.prepareDocuments([("a", ["code": 1]), ("b", ["code": 2]), ("c", ["code": 3])])
            let segment = place.create("s", ["code": [1, 2]], operation: 9)
            let changes = [place.delete("a"), place.delete("b"), segment]
            #expect(await place.store.attemptTogether([segment]).isFailure(.duplicateKey))
            #expect(await place.store.attemptTogether([place.delete("a"), segment]).isFailure(.duplicateKey))
            #expect(await place.store.attemptTogether(changes) == .applied(.confirmed))
            #expect(await place.store.attemptTogether(changes) == .notApplied)
            // The deletes did not find their documents, so this is a conflict, not a clash of keys.
            let other = place.create("t", ["code": [1, 2]], operation: 10)
            #expect(await place.store.attemptTogether([place.delete("a"), place.delete("b"), other]) == .notApplied)
            #expect(try await place.ids() == ["c", "s"])
        },
        ConformanceCase("hundredsOfDeletesAndOneLargeDocument") { place async throws in
            let ids = (0..<400).map { BSONValue.int64($0) }
            _ = await place.store.attempt(ids.map { place.create($0) })
            let content = [UInt8](repeating: 7, count: 4 << 20)
            let segment = place.create("s", ["content": .binary(content)], operation: 9)
            let outcome = await place.store.attemptTogether(ids.map { place.delete($0) } + [segment])
            #expect(outcome == .applied(.confirmed))
            let left = try await place.find()
            #expect(left.count == 1 && left.first?["content"]?.binary == content)
        },
        ConformanceCase("changesTogetherUpToWhatMongoDBStores") { place async throws in
            let half = BSONValue.binary([UInt8](repeating: 7, count: (8 << 20) - 200))
            let outcome = await place.store.attemptTogether([
                place.create("a", ["content": half], operation: 1), place.create("b", ["content": half], operation: 2),
            ])
            #expect(outcome == .applied(.confirmed))
            let tooLarge = place.create(
                "c",
                ["content": half, "more": half, "rest": .string(.init(repeating: "x", count: 1000))]
            )
            #expect(await place.store.attemptTogether([place.update("a"), tooLarge]).isFailure(.tooLarge, .refused))
            #expect(try await place.ids([.equals(DocumentField.version, 1)]) == ["a", "b"])
        },
        ConformanceCase("togetherWithAShardKey") { place async throws in
            let place = place
            func key(_ id: BSONValue) -> DocumentKey { place.key(id, shardKey: .init(field: "group", value: "g")) }
            func change(_ id: BSONValue, _ action: VersionedChange.Action, _ operation: UInt64) -> VersionedChange {
                VersionedChange(key: key(id), action: action, operationID: Workplace.operation(operation))
            }
            let created = [change("a", .create([:]), 1), change("b", .create([:]), 2)]
            #expect(await place.store.attemptTogether(created) == .applied(.confirmed))
            let replaced = [change("a", .delete(expectedVersion: 1), 3), change("c", .create([:]), 4)]
            #expect(await place.store.attemptTogether(replaced) == .applied(.confirmed))
            #expect(try await place.ids([.equals("group", "g")]) == ["b", "c"])
        },
        ConformanceCase("writerAppliesTogetherOrTellsOfTheConflict") { place async throws in
            await place.prepareDocuments([("a", [:]), ("b", [:])])
            let changes = [place.delete("a"), place.update("b")]
            #expect(await place.writer.applyTogether(changes) == .applied(.confirmed))
            #expect(await place.writer.applyTogether(changes) == .conflict)
        },
    ]
}
