import BSON
import DocumentStore
import Testing

@testable import MongoStore

/// In which order the changes of a bulk are sent.
@Suite struct BatchOrderTests {
    @Test func changesOfOneShardKeyStandTogetherAndKeepTheirOrder() {
        let keys = ["B:2", "A:1", "B:2", "A:10", "A:1", nil]
        let changes = keys.enumerated().map { number, key in
            VersionedChange(
                key: DocumentKey(
                    collection: "things",
                    id: .int64(Int64(number)),
                    shardKey: key.map { .init(field: "group", value: .string($0)) }
                ),
                action: .create([:]),
                operationID: Change.operationID()
            )
        }
        #expect(MongoDocumentStore.grouped(Array(changes.indices), changes) == [5, 1, 4, 3, 0, 2])
        #expect(MongoDocumentStore.grouped([0, 2, 3], changes) == [3, 0, 2])
    }
}
