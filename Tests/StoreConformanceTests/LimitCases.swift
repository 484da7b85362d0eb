import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    /// How collections are prepared, and how large documents may be.
    static let limits: [ConformanceCase] = [
        ConformanceCase("prepareTwiceIsPrepareOnce") { place async throws in
            let specification = specification(place.collection)
            try await place.store.prepare(specification)
            await place.prepareDocuments([("a", ["code": 1])])
            try await place.store.prepare(specification)
            #expect(try await place.ids() == ["a"])
            #expect(await place.store.attempt(place.update("a")) == .applied(.confirmed))
        },
        ConformanceCase("indexThatExpiresIsPreparedTwice") { place async throws in
            let specification = CollectionSpecification(
                name: place.collection,
                shardKey: nil,
                jsonSchema: [:],
                indexes: [.init(name: "by_expiry", fields: ["expires_at"], expiresAfterSeconds: 86_400)]
            )
            try await place.store.prepare(specification)
            try await place.store.prepare(specification)
            await place.prepareDocuments([("a", ["expires_at": .datetime(4_000_000_000_000)]), ("b", [:])])
            #expect(try await place.ids() == ["a", "b"])
        },
        ConformanceCase("documentOfFiveMegabytesComesBack") { place async throws in
            let bytes = content(byteCount: 5 << 20)
            await place.prepareDocuments([("a", ["content": .binary(bytes), "n": 1])])
            #expect(try await place.document("a")?["content"]?.binary == bytes)
            let update = place.update("a", DocumentUpdate(set: [("content", .binary(bytes.reversed()))]))
            #expect(await place.store.attempt(update) == .applied(.confirmed))
            #expect(try await place.find(fields: .excluding(["content"])).first?["n"] == 1)
        },
        ConformanceCase("documentBeyondSixteenMegabytesIsRefused") { place async throws in
            let create = place.create("a", ["content": .binary(content(byteCount: 17 << 20))])
            #expect(await place.store.attempt(create).isFailure(.tooLarge, .refused))
            let small = place.create("b")
            let outcomes = await place.store.attempt([create, small])
            #expect(outcomes[0].isFailure(.tooLarge, .refused))
            #expect(outcomes[1] == .applied(.confirmed))
            #expect(try await place.ids() == ["b"])
        },
        ConformanceCase("documentThatWouldGrowBeyondSixteenMegabytesIsRefused") { place async throws in
            let half = BSONValue.binary(content(byteCount: 9 << 20))
            await place.prepareDocuments([("a", ["parts": [half]])])
            let update = place.update("a", DocumentUpdate(push: [("parts", [half])]))
            #expect(await place.store.attempt(update).isFailure(.tooLarge, .refused))
            let version = try await place.find(fields: .only([DocumentField.version])).first?[DocumentField.version]
            #expect(version == 1)
        },
    ]

    /// A collection in which code and venue together name a document.
    private static func specification(_ collection: String) -> CollectionSpecification {
        CollectionSpecification(
            name: collection,
            shardKey: nil,
            jsonSchema: ["bsonType": "object", "required": [.string(DocumentField.version)]],
            indexes: [
                CollectionSpecification.Index(name: "by_code", fields: ["code", "venue"], unique: true),
                CollectionSpecification.Index(name: "by_version", fields: [DocumentField.version]),
            ]
        )
    }

    private static func content(byteCount: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            for index in 0..<byteCount { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
            count = byteCount
        }
    }
}
