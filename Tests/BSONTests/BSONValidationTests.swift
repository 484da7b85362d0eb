import BSON
import Testing

@Suite struct BSONValidationTests {
    @Test func everyPrefixOfADocumentIsRefused() {
        let bytes = BSONDocument(BSONDocumentTests.everyType).bytes
        for count in 0..<bytes.count {
            #expect(throws: BSONError.self) { try BSONDocument(validating: Array(bytes.prefix(count))) }
        }
    }

    @Test(arguments: [
        ("nothing", "", "truncated"),
        ("half a length", "0500", "truncated"),
        ("length below the least", "04000000 00", "malformed_length"),
        ("negative length", "ffffffff 00", "malformed_length"),
        ("length beyond the end", "06000000 00", "malformed_length"),
        ("bytes behind the end", "05000000 00 00", "malformed_length"),
        ("no terminator", "05000000 01", "missing_terminator"),
        ("key without an end", "08000000 0a 7878 00", "missing_terminator"),
        ("key that is not UTF-8", "08000000 0a ff00 00", "invalid_utf8"),
        ("int32 that is cut", "0a000000 10 7800 0100 00", "truncated"),
        ("double that is cut", "0c000000 01 7800 01020304 00", "truncated"),
        ("decimal that is cut", "10000000 13 7800 0102030405060708 00", "truncated"),
        ("objectID that is cut", "10000000 07 7800 0102030405060708 00", "truncated"),
        ("string of length zero", "0d000000 02 7800 00000000 00 00", "malformed_length"),
        ("string of negative length", "0d000000 02 7800 ffffffff 00 00", "malformed_length"),
        ("string longer than the document", "0e000000 02 7800 09000000 6100 00", "malformed_length"),
        ("string up to the terminator of the document", "0e000000 02 7800 03000000 6100 00", "truncated"),
        ("string without a terminator", "0e000000 02 7800 02000000 6162 00", "missing_terminator"),
        ("string that is not UTF-8", "0e000000 02 7800 02000000 c000 00", "invalid_utf8"),
        ("string with half a surrogate", "10000000 02 7800 04000000 eda08000 00", "invalid_utf8"),
        ("binary of negative length", "0d000000 05 7800 ffffffff 00 00", "malformed_length"),
        ("binary longer than the document", "0e000000 05 7800 02000000 0001 00", "truncated"),
        ("nested document of length four", "0d000000 03 7800 04000000 00 00", "malformed_length"),
        ("nested document longer than its parent", "0d000000 03 7800 06000000 00 00", "malformed_length"),
        ("nested document that is cut", "0a000000 03 7800 0500 00", "truncated"),
        ("bool that is neither", "09000000 08 7800 02 00", "malformed_value"),
        ("bool that is missing", "08000000 08 7800 00", "truncated"),
        ("undefined", "08000000 06 7800 00", "unsupported_type"),
        ("unknown type", "08000000 42 7800 00", "unsupported_type"),
    ])
    func malformedBytesAreRefused(situation: String, hexadecimal: String, code: String) throws {
        let error = #expect(throws: BSONError.self) { try BSONDocument(validating: bytes(hexadecimal)) }
        #expect(error?.code.rawValue == code)
        #expect(error?.offset != nil)
    }

    @Test func hundredLevelsAreReadAndMoreAreRefused() throws {
        func nested(_ levels: Int) -> BSONDocument {
            var document: BSONDocument = [:]
            for level in 0..<levels {
                document = level.isMultiple(of: 2) ? ["x": .document(document)] : ["x": [.document(document)]]
            }
            return document
        }
        // An array is a level of its own.
        let deepest = nested(66)
        #expect(try BSONDocument(validating: deepest.bytes).fields.count == 1)
        let error = #expect(throws: BSONError.self) { try BSONDocument(validating: nested(68).bytes) }
        #expect(error?.code == .nestedTooDeep)
    }

    @Test func nestingOfAMillionBytesEndsInAnErrorNotInACrash() {
        // Every level claims the rest of the bytes.
        let levels = 100_000
        var bytes: [UInt8] = []
        for level in 0..<levels {
            let length = UInt32((levels - level) * 8)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + [0x03, 0x78, 0x00]
        }
        bytes += [UInt8](repeating: 0, count: levels)
        let error = #expect(throws: BSONError.self) { try BSONDocument(validating: bytes) }
        #expect(error?.code == .nestedTooDeep)
    }
}
