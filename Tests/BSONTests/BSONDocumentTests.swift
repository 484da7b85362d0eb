import BSON
import Testing

@Suite struct BSONDocumentTests {
    static let everyType: [(String, BSONValue)] = [
        ("double", .double(5.05)), ("negative zero", .double(-0.0)), ("infinity", .double(.infinity)),
        ("empty string", ""), ("string", "naïve ☃ 🎧"), ("string with NUL", "a\u{0}b"),
        ("document", ["nested": ["deeper": 1]]), ("empty document", [:]),
        ("array", ["awesome", 5.05, .int32(1986), [], [nil]]), ("binary", .binary([0, 1, 255])),
        ("empty binary", .binary([])), ("objectID", .objectID(ObjectID(high: 0x0102_0304, low: 0x0506_0708_090A_0B0C))),
        ("true", true), ("false", false), ("datetime", .datetime(-1)), ("null", nil),
        ("int32", .int32(.min)), ("timestamp", .timestamp(.max)), ("int64", .int64(.min)),
        ("decimal128", .decimal128(Decimal128(coefficient: -1_234_567, exponent: -4))),
        ("min", .minKey), ("max", .maxKey), ("", "the empty key"), ("schlüssel", 1),
    ]

    @Test(arguments: everyType.indices) func valueOfEveryTypeComesBack(index: Int) throws {
        let (key, value) = Self.everyType[index]
        let document = BSONDocument([(key, value)])
        #expect(document[key] == value)
        #expect(try BSONDocument(validating: document.bytes) == document)
    }

    @Test func allTypesTogetherKeepTheirOrder() throws {
        let document = try BSONDocument(validating: BSONDocument(Self.everyType).bytes)
        #expect(document.fields.map(\.key) == Self.everyType.map(\.0))
        #expect(document.fields.map(\.value) == Self.everyType.map(\.1))
        #expect(BSONDocument(document.fields.map { ($0.key, $0.value) }).bytes == document.bytes)
    }

    @Test func payloadOfNaNIsKept() {
        let pattern: UInt64 = 0x7FF8_0000_0000_0001
        let document: BSONDocument = ["nan": .double(Double(bitPattern: pattern))]
        #expect(document.bytes[9...].prefix(8).elementsEqual([1, 0, 0, 0, 0, 0, 0xF8, 0x7F]))
    }

    /// The two examples of bsonspec.org, and one literal of each further type.
    static let specified: [(BSONDocument, String)] = [
        (["hello": "world"], "16000000 02 68656c6c6f00 06000000 776f726c6400 00"),
        (
            ["BSON": ["awesome", 5.05, .int32(1986)]],
            """
            31000000 04 4253 4f4e00 26000000 02 3000 08000000 617765736f6d6500 01 3100 3333333333331440 \
            10 3200 c2070000 00 00
            """
        ),
        ([:], "05000000 00"),
        (["x": [:]], "0d000000 03 7800 05000000 00 00"),
        (["x": .binary([0xFF, 0xFE])], "0f000000 05 7800 02000000 00 fffe 00"),
        (
            ["x": .objectID(ObjectID(high: 0x56E1_FC72, low: 0xE0C9_17E9_C471_4161))],
            "14000000 07 7800 56e1fc72e0c917e9c4714161 00"
        ),
        (["x": true], "09000000 08 7800 01 00"),
        (["x": .datetime(1_356_351_330_501)], "10000000 09 7800 c5d8d6cc3b010000 00"),
        (["x": nil], "08000000 0a 7800 00"),
        (["x": .int32(-1)], "0c000000 10 7800 ffffffff 00"),
        (["x": .timestamp(123_456_789 << 32 | 42)], "10000000 11 7800 2a000000 15cd5b07 00"),
        (["x": -2], "10000000 12 7800 feffffffffffffff 00"),
        (["x": .minKey], "08000000 ff 7800 00"),
        (["x": .maxKey], "08000000 7f 7800 00"),
    ]

    @Test(arguments: specified)
    func encodingIsAsSpecified(document: BSONDocument, hexadecimal: String) throws {
        #expect(document.bytes == bytes(hexadecimal))
        #expect(try BSONDocument(validating: bytes(hexadecimal)).fields.map(\.value) == document.fields.map(\.value))
    }

    @Test func firstOfRepeatedKeysCounts() {
        #expect(BSONDocument([("a", 1), ("a", 2)])["a"] == 1)
    }

    @Test func settingReplacesInPlaceOrAppends() {
        let document: BSONDocument = ["a": 1, "b": 2]
        #expect(document.setting("a", 3) == ["a": 3, "b": 2])
        #expect(document.setting("c", 3) == ["a": 1, "b": 2, "c": 3])
    }

    @Test func keysThatLookAlikeAreDifferentFields() {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let document = BSONDocument([(composed, 1)]).setting(decomposed, 2)
        #expect(document[composed] == 1)
        #expect(document[decomposed] == 2)
    }

    @Test func missingAndMistypedFieldsAreNamed() {
        let document: BSONDocument = ["text": "secret"]
        #expect(throws: BSONError(.missingField, field: "count")) { try document.integer("count") }
        #expect(throws: BSONError(.wrongType, field: "text")) { try document.integer("text") }
        #expect(!BSONError(.wrongType, field: "text").description.contains("secret"))
    }

    @Test func integersOfAllWidthsReadAsIntegers() {
        #expect(BSONValue.int32(-7).integer == -7)
        #expect(BSONValue.double(9_007_199_254_740_992).integer == 9_007_199_254_740_992)
        #expect(BSONValue.double(0.5).integer == nil)
        #expect(BSONValue.double(.nan).integer == nil)
        #expect(BSONValue.string("7").integer == nil)
    }

    @Test func objectIDPrintsAllItsDigits() {
        #expect(ObjectID(high: 1, low: 0xA).description == "00000001000000000000000a")
    }
}

/// The bytes that hexadecimal digits stand for; spaces are for reading.
func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue).map(UInt8.init)
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
