import BSON
import DocumentStore
import SimulatedStore
import Testing

/// Documents of three versions: 2 renamed `value` to `amount`, 3 added `double`.
enum Versions {
    static let schema = SchemaHistory(
        of: Counters.collection,
        [
            Upcaster(reading: ["value"]) { (document) throws(BSONError) in
                DocumentUpdate(set: [("amount", .int64(try document.integer("value")))], unset: ["value"])
            },
            Upcaster(reading: ["amount"]) { (document) throws(BSONError) in
                DocumentUpdate(set: [("double", .int64(2 * (try document.integer("amount"))))])
            },
        ]
    )

    static let specification = CollectionSpecification(
        name: Counters.collection,
        shardKey: nil,
        schema: schema,
        jsonSchema: [:],
        indexes: []
    )

    static func document(_ version: Int64, _ fields: BSONDocument) -> BSONDocument {
        fields.setting(DocumentField.schemaVersion, .int64(version))
    }
}

@Suite struct SchemaHistoryTests {
    @Test func everyOldVersionIsBroughtUp() throws {
        let schema = Versions.schema
        #expect(schema.version == 3 && schema.fields == ["schema_version", "value", "amount"])
        let expected = Versions.document(3, ["other": "x", "amount": 7, "double": 14]).sorted
        let first = Versions.document(1, ["value": 7, "other": "x"])
        #expect(try schema.current(first).sorted == expected)
        #expect(try schema.current(Versions.document(2, ["amount": 7, "other": "x"])).sorted == expected)
        let newest = Versions.document(3, ["amount": 7, "double": 1])
        #expect(try schema.current(newest) == newest && schema.upcast(newest) == nil)
        let update = try #require(try schema.upcast(first))
        #expect(Set(update.set.map(\.field)) == ["amount", "double", "schema_version"] && update.unset == ["value"])
    }

    @Test func aNewerVersionIsRefusedByName() {
        let newer = Versions.document(4, ["_id": "a"])
        let error = #expect(throws: StoreError.self) { try Versions.schema.current(newer) }
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("'a' in 'counters'") == true)
        #expect(error?.message.hasSuffix("upgrade this program") == true)
    }

    @Test func whatHasNoVersionIsUnreadable() {
        for document: BSONDocument in [
            ["_id": "a"], ["schema_version": 0], ["schema_version": "2"], Versions.document(1, ["value": "text"]),
        ] {
            let error = #expect(throws: StoreError.self) { try Versions.schema.current(document) }
            #expect(error?.code == .unreadable)
        }
    }

    @Test func aChangeBringsUpWhatItDoesNotChangeItself() {
        let upcast = DocumentUpdate(set: [("a", 1), ("b", 1), ("c", 1)], unset: ["d", "e"])
        let own = DocumentUpdate(set: [("a", 2), ("d", 2)], push: [("b", [2])], unset: ["c"])
        let both = own.bringingUp(upcast)
        #expect(both == DocumentUpdate(set: [("a", 2), ("d", 2)], push: [("b", [2])], unset: ["e", "c"]))
        #expect(own.bringingUp(nil) == own)
    }
}

extension BSONDocument {
    /// The same with its fields in the order of their names.
    var sorted: BSONDocument { BSONDocument(fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
}
