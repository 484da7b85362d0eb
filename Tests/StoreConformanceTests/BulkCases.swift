import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    static let bulks: [ConformanceCase] = [
        ConformanceCase("bulkOfCreatesWithDuplicatesTellsWhich") { place async throws in
            await place.prepareDocuments([(2, ["value": 0]), (5, ["value": 0])])
            let changes = (0..<8).map { place.create(.int64($0), ["value": 1], operation: 9) }
            let outcomes = await place.store.attempt(changes)
            let expected = (0..<8).map { $0 == 2 || $0 == 5 ? AttemptOutcome.notApplied : .applied(.confirmed) }
            #expect(outcomes == expected)
            #expect(try await place.ids([.equals("value", 0)]) == [2, 5])
            #expect(try await place.ids([.equals("value", 1)]) == [0, 1, 3, 4, 6, 7])
        },
        ConformanceCase("bulkThatAppliesWholeIsCertain") { place async throws in
            let ids = (0..<50).map { BSONValue.int64($0) }
            let created = await place.store.attempt(ids.map { place.create($0) })
            #expect(created == ids.map { _ in .applied(.confirmed) })
            let updated = await place.store.attempt(ids.map { place.update($0) })
            #expect(updated == ids.map { _ in .applied(.confirmed) })
            let deleted = await place.store.attempt(ids.map { place.delete($0, expecting: 2) })
            #expect(deleted == ids.map { _ in .applied(.confirmed) })
            #expect(try await place.store.count(place.collection, where: []) == 0)
        },
        ConformanceCase("bulkThatAppliesNowhereIsCertain") { place async throws in
            await place.prepareDocuments([("a", [:]), ("b", [:])])
            let outcomes = await place.store.attempt([
                place.update("a", expecting: 7), place.update("b", expecting: 8), place.update("c"),
            ])
            #expect(outcomes == [.notApplied, .notApplied, .notApplied])
        },
        ConformanceCase("bulkWithOneStaleAndOneMissing") { place async throws in
            await place.prepareDocuments((0..<6).map { (.int64($0), ["value": 1]) })
            _ = await place.store.attempt(place.update(2, operation: 50))
            let outcomes = await place.store.attempt([0, 1, 2, 99, 3].map { place.update($0, operation: 60) })
            let expected: [AttemptOutcome] = [
                .applied(.confirmed), .applied(.confirmed), .notApplied, .notApplied, .applied(.confirmed),
            ]
            #expect(outcomes.count == 5)
            for (outcome, expected) in zip(outcomes, expected) { #expect(outcome.isOrMayBe(expected)) }
            let made = BSONValue.objectID(Workplace.operation(60))
            #expect(try await place.ids([.equals(DocumentField.lastOperationID, made)]) == [0, 1, 3])
            #expect(try await place.ids([.equals(DocumentField.version, 2)]) == [0, 1, 2, 3])
        },
        ConformanceCase("writerSettlesABulkWithOneStaleAndOneMissing") { place async throws in
            await place.prepareDocuments((0..<6).map { (.int64($0), ["value": 1]) })
            _ = await place.store.attempt(place.update(2, operation: 50))
            let stale = try #require(try await place.document(2))
            let outcomes = await place.writer.apply([0, 1, 2, 99, 3].map { place.update($0, operation: 60) })
            let applied = ChangeOutcome.applied(version: 2, durability: .confirmed)
            #expect(outcomes[0] == applied)
            #expect(outcomes[1] == applied)
            #expect(outcomes[2] == .conflict(current: stale))
            // Where a bulk leaves doubt, a missing document may have been changed before it was deleted.
            switch outcomes[3] {
            case .notFound, .unknown: break
            default: Issue.record("\(outcomes[3])")
            }
            #expect(outcomes[4] == applied)
        },
        ConformanceCase("outcomesAreInTheOrderOfTheChanges") { place async throws in
            await place.prepareDocuments([("u1", [:]), ("d1", [:]), ("u2", [:]), ("d2", [:]), ("c1", [:])])
            let outcomes = await place.store.attempt([
                place.delete("d1"), place.create("c1"), place.update("u1", operation: 31), place.create("c2"),
                place.delete("d2"), place.update("u2", operation: 32),
            ])
            let applied = AttemptOutcome.applied(.confirmed)
            #expect(outcomes == [applied, .notApplied, applied, applied, applied, applied])
            #expect(try await place.ids() == ["c1", "c2", "u1", "u2"])
        },
        ConformanceCase("bulkOverSeveralCollections") { place async throws in
            let other = Workplace(store: place.store, collection: place.collection + "_other")
            let outcomes = await place.store.attempt([place.create("a"), other.create("a"), place.create("b")])
            #expect(outcomes == [.applied(.confirmed), .applied(.confirmed), .applied(.confirmed)])
            #expect(try await place.ids() == ["a", "b"])
            #expect(try await other.ids() == ["a"])
        },
        ConformanceCase("changeThatIsRefusedLeavesTheRestOfItsBulk") { place async throws in
            await place.prepareDocuments([("a", ["list": []]), ("b", ["list": "text"]), ("c", ["list": []])])
            let push = DocumentUpdate(push: [("list", [1])])
            let outcomes = await place.store.attempt(["a", "b", "c"].map { place.update($0, push) })
            #expect(outcomes[0].isOrMayBe(.applied(.confirmed)))
            #expect(outcomes[1].isFailure(.refused))
            #expect(outcomes[2].isOrMayBe(.applied(.confirmed)))
            #expect(try await place.ids([.equals("list", 1)]) == ["a", "c"])
        },
        ConformanceCase("bulkOfNothing") { place async throws in
            #expect(await place.store.attempt([]).isEmpty)
        },
    ]
}
