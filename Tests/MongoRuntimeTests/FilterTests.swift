import BSON
import DocumentStore
import Testing

@testable import MongoStore

/// Conditions as MongoDB takes them: no key twice in one document, whatever a server would make of that.
@Suite struct FilterTests {
    private typealias Conditions = [DocumentQuery.Condition]

    @Test func conditionsOfOneFieldAreJoined() {
        let range: Conditions = [.greaterOrEqual("n", 1), .equals("a", "x"), .less("n", 5)]
        #expect(range.filter == ["n": ["$gte": 1, "$lt": 5], "a": "x"])
        #expect((Conditions()).filter == [:])
    }

    @Test func conditionsOfOneKindAreApart() {
        let tags: Conditions = [.equals("tags", "a"), .equals("tags", "b"), .equals("n", 1)]
        #expect(tags.filter == ["$and": [["tags": "a"], ["tags": "b"], ["n": 1]]])
        let either: Conditions = [.anyOf([[.equals("a", 1)]]), .anyOf([[.equals("b", 1)], []])]
        #expect(either.filter == ["$and": [["$or": [["a": 1]]], ["$or": [["b": 1], [:]]]]])
    }

    @Test func documentsAreNotTakenForOperators() {
        #expect(([.equals("key", ["$gt": 1])] as Conditions).filter == ["key": ["$eq": ["$gt": 1]]])
    }

    @Test func prefixIsQuoted() {
        #expect(([.startsWith("t", "a.é_1\0")] as Conditions).filter == ["t": ["$regex": "^a\\.é\\_1\\x00"]])
    }
}
