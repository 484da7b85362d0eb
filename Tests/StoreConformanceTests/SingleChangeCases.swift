import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    static let singleChanges: [ConformanceCase] = [
        ConformanceCase("createMakesVersionOne") { place async throws in
            let change = place.create("a", ["value": 7, "text": "x"], operation: 9)
            #expect(await place.store.attempt(change) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document[DocumentField.version] == 1)
            #expect(document[DocumentField.lastOperationID] == .objectID(Workplace.operation(9)))
            #expect(document["value"] == 7)
            #expect(document["text"] == "x")
            #expect(document.fields.count == 5)
        },
        ConformanceCase("createTwiceIsNotApplied") { place async throws in
            _ = await place.store.attempt(place.create("a", ["value": 1]))
            #expect(await place.store.attempt(place.create("a", ["value": 2], operation: 2)) == .notApplied)
            #expect(try await place.document("a")?["value"] == 1)
        },
        ConformanceCase("updateOfTheRightVersionIsApplied") { place async throws in
            await place.prepareDocuments([("a", ["value": 1, "other": "kept"])])
            #expect(await place.store.attempt(place.update("a", operation: 5)) == .applied(.confirmed))
            let document = try #require(try await place.document("a"))
            #expect(document[DocumentField.version] == 2)
            #expect(document[DocumentField.version]?.integer != nil)
            #expect(document[DocumentField.lastOperationID] == .objectID(Workplace.operation(5)))
            #expect(document["value"] == 2)
            #expect(document["other"] == "kept")
        },
        ConformanceCase("staleVersionIsNotApplied") { place async throws in
            await place.prepareDocuments([("a", ["value": 1])])
            _ = await place.store.attempt(place.update("a"))
            let before = try await place.document("a")
            #expect(await place.store.attempt(place.update("a", operation: 5)) == .notApplied)
            #expect(await place.store.attempt(place.update("a", expecting: 3, operation: 5)) == .notApplied)
            #expect(try await place.document("a") == before)
        },
        ConformanceCase("missingDocumentIsNotApplied") { place async throws in
            #expect(await place.store.attempt(place.update("a")) == .notApplied)
            #expect(await place.store.attempt(place.delete("a")) == .notApplied)
            #expect(try await place.document("a") == nil)
        },
        ConformanceCase("deleteTakesTheRightVersionOnly") { place async throws in
            await place.prepareDocuments([("a", [:])])
            #expect(await place.store.attempt(place.delete("a", expecting: 2)) == .notApplied)
            #expect(await place.store.attempt(place.delete("a")) == .applied(.confirmed))
            #expect(try await place.document("a") == nil)
            #expect(await place.store.attempt(place.create("a")) == .applied(.confirmed))
        },
        ConformanceCase("shardKeyIsPartOfTheFilter") { place async throws in
            let right = DocumentKey.ShardKey(field: "symbol", value: "BINANCE:BTCUSDT")
            let wrong = DocumentKey.ShardKey(field: "symbol", value: "BINANCE:ETHUSDT")
            func change(_ shardKey: DocumentKey.ShardKey, _ action: VersionedChange.Action) -> VersionedChange {
                VersionedChange(
                    key: place.key("a", shardKey: shardKey),
                    action: action,
                    operationID: Workplace.operation(1)
                )
            }
            let update = VersionedChange.Action.update(expectedVersion: 1, DocumentUpdate(set: [("value", 2)]))
            #expect(await place.store.attempt(change(right, .create(["value": 1]))) == .applied(.confirmed))
            #expect(try await place.document("a")?["symbol"] == right.value)
            #expect(await place.store.attempt(change(wrong, update)) == .notApplied)
            #expect(await place.store.attempt(change(wrong, .delete(expectedVersion: 1))) == .notApplied)
            #expect(await place.store.attempt(change(right, update)) == .applied(.confirmed))
            #expect(await place.store.attempt(change(right, .delete(expectedVersion: 2))) == .applied(.confirmed))
        },
        ConformanceCase("idsOfAllTypesNameDocuments") { place async throws in
            let ids: [BSONValue] = [
                "text", 1, .objectID(ObjectID(high: 1, low: 2)), ["venue": "X", "day": 3], .datetime(5),
                .binary([1, 2]), true,
            ]
            await place.prepareDocuments(ids.map { ($0, [:]) })
            for id in ids {
                #expect(await place.store.attempt(place.update(id)) == .applied(.confirmed))
                #expect(try await place.document(id)?["value"] == 2)
            }
            // Numbers of equal value are one id, whatever their type.
            #expect(await place.store.attempt(place.create(.int32(1))) == .notApplied)
            #expect(await place.store.attempt(place.create(.double(1))) == .notApplied)
        },
        ConformanceCase("oneOfManyAtOnceIsApplied") { place async throws in
            await place.prepareDocuments([("a", [:])])
            let outcomes = await withTaskGroup(of: AttemptOutcome.self) { group in
                for index in 0..<8 {
                    group.addTask { await place.store.attempt(place.update("a", operation: UInt64(100 + index))) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .applied(.confirmed) } == 1)
            // A server may refuse writers that collide; that is a failure for a passing reason.
            #expect(outcomes.count { $0 == .notApplied || $0.isFailure(.unavailable) } == 7)
            #expect(try await place.document("a")?[DocumentField.version] == 2)
        },
        ConformanceCase("writerTellsConflictFromMissing") { place async throws in
            await place.prepareDocuments([("a", ["value": 1])])
            #expect(await place.writer.apply(place.update("a")) == .applied(version: 2, durability: .confirmed))
            let current = try #require(try await place.document("a"))
            #expect(await place.writer.apply(place.update("a", operation: 8)) == .conflict(current: current))
            #expect(await place.writer.apply(place.create("a", operation: 8)) == .conflict(current: current))
            #expect(await place.writer.apply(place.update("b", operation: 8)) == .notFound)
            // The same operation once more is the change that was made.
            #expect(await place.writer.apply(place.update("a")) == .applied(version: 2, durability: .confirmed))
        },
    ]
}
