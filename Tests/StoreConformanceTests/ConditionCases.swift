import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    /// Conditions beyond the comparison of one value.
    static let conditions: [ConformanceCase] = [
        ConformanceCase("lessOrEqualTakesItsBound") { place async throws in
            await place.prepareDocuments([
                (1, ["n": .int32(1)]), (2, ["n": 2]), (3, ["n": .double(2.5)]), (4, ["n": "2"]), (5, [:]),
                (6, ["n": [9, 2]]),
            ])
            #expect(try await place.ids([.lessOrEqual("n", 2)]) == [1, 2, 6])
            #expect(try await place.ids([.greater("n", 1), .lessOrEqual("n", .double(2.5))]) == [2, 3, 6])
        },
        ConformanceCase("prefixIsLiteral") { place async throws in
            let texts = [
                "", "a", "ab", "A", "a.b", "a\\Eb", "a*", "a|b", "(a", "^a", "a\nb", "ä", "äb", "a\u{308}", "a\0b",
                "\u{10FFFF}x",
                "[a]", "$a", "#a", "a b", "b",
            ]
            await place.prepareDocuments(
                texts.enumerated().map { (.int64(Int64($0.offset)), ["text": .string($0.element)]) }
            )
            for prefix in texts {
                let expected = texts.indices.filter { texts[$0].utf8.starts(with: prefix.utf8) }
                let found = try await place.ids([.startsWith("text", prefix)])
                #expect(found == expected.map { .int64(Int64($0)) }, "\(prefix.debugDescription)")
            }
        },
        ConformanceCase("prefixIsOfOneElement") { place async throws in
            await place.prepareDocuments([
                (1, ["tags": ["billing", "vip"]]), (2, ["tags": ["bike"]]), (3, ["tags": ["bill", 5]]),
                (4, ["tags": []]),
                // No element begins with it, although one is above and another below.
                (5, ["tags": ["alpha", "zulu"]]), (6, ["tags": "billing"]), (7, [:]), (8, ["tags": 5]),
                (9, ["tags": nil]),
            ])
            #expect(try await place.ids([.startsWith("tags", "bill")]) == [1, 3, 6])
            #expect(try await place.ids([.startsWith("tags", "")]) == [1, 2, 3, 5, 6])
            #expect(try await place.ids([.startsWith("tags", "bi"), .equals("tags", "vip")]) == [1])
            #expect(try await place.ids([.startsWith("tags", "bi"), .startsWith("tags", "v")]) == [1])
        },
        ConformanceCase("severalConditionsOfOneKindHoldAllOfThem") { place async throws in
            await place.prepareDocuments([
                (1, ["tags": ["a", "b"], "n": 1]), (2, ["tags": ["b"], "n": 2]),
                (3, ["tags": ["c", "b", "a"], "n": 3]),
                (4, ["tags": "a", "n": 4]), (5, ["tags": [["a", "b"]], "n": 5]),
            ])
            #expect(try await place.ids([.equals("tags", "a"), .equals("tags", "b")]) == [1, 3])
            #expect(try await place.ids([.equals("tags", "a"), .equals("tags", "a")]) == [1, 3, 4])
            #expect(try await place.ids([.equals("tags", ["a", "b"])]) == [1, 5])
            #expect(try await place.ids([.isIn("tags", ["a"]), .isIn("tags", ["c", "b"])]) == [1, 3])
            #expect(try await place.ids([.less("n", 4), .greater("n", 0), .less("n", 3), .equals("tags", "a")]) == [1])
            #expect(try await place.store.count(place.collection, where: [.less("n", 4), .less("n", 2)]) == 1)
        },
        ConformanceCase("notNullIsThere") { place async throws in
            await place.prepareDocuments([
                (1, [:]), (2, ["x": nil]), (3, ["x": 0]), (4, ["x": [1, nil]]), (5, ["x": []]), (6, ["x": false]),
            ])
            #expect(try await place.ids([.isNotNull("x")]) == [3, 5, 6])
        },
        ConformanceCase("anyOfTakesEachAlternativeAsAWhole") { place async throws in
            await place.prepareDocuments([
                (1, ["a": 1, "b": 1]), (2, ["a": 1, "b": 2]), (3, ["a": 2, "b": 1]), (4, ["a": 2, "b": 2]),
                (5, ["b": 3]),
            ])
            let either = DocumentQuery.Condition.anyOf([[.equals("a", 1), .equals("b", 2)], [.greater("a", 1)]])
            #expect(try await place.ids([either]) == [2, 3, 4])
            #expect(try await place.ids([either, .equals("b", 2)]) == [2, 4])
            let other = DocumentQuery.Condition.anyOf([[.equals("b", 1)], [.equals("b", 3)]])
            #expect(try await place.ids([either, other]) == [3])
            #expect(try await place.ids([.anyOf([[either, other], [.equals("a", nil)]])]) == [3, 5])
            #expect(try await place.ids([.anyOf([[]])]) == [1, 2, 3, 4, 5])
            #expect(try await place.ids([.anyOf([])]).isEmpty)
            #expect(try await place.ids([.anyOf([]), either]).isEmpty)
        },
    ]
}
