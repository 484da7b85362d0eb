import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Files of an archive: what is written comes back, and nothing else is taken for it.
@Suite struct ArchiveTests {
    private typealias Field = MarketDataCollection.Field

    private func segment() async throws -> ArchivedSegment {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let outline = try #require(try stand.outlines.first)
        return try ArchivedSegment(try #require(try await StoredBucket.read(outline, stand.writer)))
    }

    @Test func aFileComesBack() async throws {
        let segment = try await segment()
        let file = try segment.file()
        let back = try ArchivedSegment(file: file.bytes)
        #expect(back.document == segment.document && back.blocks == segment.blocks)
        #expect(try back.file().bytes == file.bytes && back.file().checksum == file.checksum)
        #expect(back.id == segment.id && back.eventCount == 9 && back.instrument.description == "TEST:A-B")
        #expect(segment.document[Field.open]?.decimal128 != nil, "decimals are in it")
    }

    /// Every byte counts, and every length.
    @Test func everyDamageIsFound() async throws {
        let bytes = try await segment().file().bytes
        func isRefused(_ bytes: [UInt8]) -> Bool {
            do throws(ArchiveError) {
                _ = try ArchivedSegment(file: bytes)
                return false
            } catch {
                return error.code == .damaged
            }
        }
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(isRefused(damaged), "byte \(index)")
        }
        for count in 0..<bytes.count { #expect(isRefused(Array(bytes[..<count])), "cut at \(count)") }
        #expect(isRefused(bytes + [0]) && isRefused(bytes + bytes) && isRefused([]))
    }

    /// A right checksum is no proof: what the manifest says is checked as well.
    @Test func aManifestThatLiesIsRefused() async throws {
        let bytes = try await segment().file().bytes
        let changes: [(String, String)] = [
            ("\"event_count\":9", "\"event_count\":8"), ("\"format_version\":1", "\"format_version\":2"),
            ("\"kind\":\"trade\"", "\"kind\":\"quote\""), ("\"part\":1048576", "\"part\":1048577"),
            ("\"block_count\":1", "\"block_count\":2"), ("\"source\":\"TEST/file\"", "\"source\":\"TEST/film\""),
            ("\"is_closed\":true", "\"is_closed\":null"), ("E-2\"", "E-3\""), ("\"_id\"", "\"_ID\""),
            ("\"sealed_block_count\":1", "\"sealed_block_count\":0"), ("\"schema_version\":2", "\"schema_version\":9"),
            ("{\"format", "[\"format"),
        ]
        for (old, new) in changes {
            let changed = try #require(Self.replacing(old, with: new, in: bytes), "\(old)")
            #expect(throws: ArchiveError.self, "\(new)") { try ArchivedSegment(file: changed) }
        }
    }

    /// The file with a text of the same length in the place of another, and a checksum that matches.
    private static func replacing(_ old: String, with new: String, in bytes: [UInt8]) -> [UInt8]? {
        guard let range = bytes.firstRange(of: Array(old.utf8)) else { return nil }
        var changed = bytes
        changed.replaceSubrange(range, with: Array(new.utf8))
        changed.removeLast(4)
        return changed + ArchivedSegment.checksumBytes(of: changed)
    }

    /// Any bytes behind a right checksum give an answer.
    @Test func noBytesMakeItFail() async throws {
        let bytes = try await segment().file().bytes
        var generator = SplitMix64(seed: 11)
        for _ in 0..<2_000 {
            var changed = Array(bytes.dropLast(4))
            for _ in 0...generator.nextIndex(below: 3) {
                let index = 4 + generator.nextIndex(below: changed.count - 4)
                changed[index] = UInt8(truncatingIfNeeded: generator.next())
                if generator.nextIndex(below: 4) == 0 { changed.remove(at: index) }
            }
            _ = try? ArchivedSegment(file: changed + ArchivedSegment.checksumBytes(of: changed))
        }
    }

    @Test func manifestsAreReadAsTheyAreWritten() throws {
        let document: BSONDocument = [
            "text": "a\"\\\n\u{1}é\u{1F600}/", "flag": true, "no": false, "nothing": .null, "least": .int64(.min),
            "list": [1, "x", .array([]), .document(BSONDocument())],
            "decimal": .decimal128(Decimal128(coefficient: -123, exponent: -2)),
            "inner": ["a": ["b": 1]],
        ]
        let bytes = try #require(ManifestText.encode(document))
        #expect(ManifestText.decode(bytes[...]) == document)
        #expect(String(decoding: bytes, as: UTF8.self).contains(#""decimal":{"$numberDecimal":"-123E-2"}"#))
        #expect(ManifestText.encode(["x": .double(1)]) == nil && ManifestText.encode(["x": .binary([1])]) == nil)
        let spaced = #" { "a" : [ 1 , "\u00e9\ud83d\ude00\/" ] } "#
        #expect(ManifestText.decode(Array(spaced.utf8)[...]) == ["a": [1, "é\u{1F600}/"]])
        let wrong = [
            "", "1", "[]", "{", "{}x", #"{"a":}"#, #"{"a":1.5}"#, #"{"a":1,}"#, #"{"a":1,"a":2}"#, #"{"a":"\x"}"#,
            #"{"a":"\ud83d"}"#, #"{"a":--1}"#, #"{"a":99999999999999999999}"#, #"{"a":tru}"#, "{\"a\":\"\n\"}",
            #"{"a":{"$numberDecimal":"x"}}"#, #"{"a":{"$numberDecimal":"1E9999"}}"#,
            #"{"a":{"$numberDecimal":"\#(String(repeating: "9", count: 39))E0"}}"#,
            #"{"a":\#(String(repeating: "[", count: 1_000))"#,
        ]
        for text in wrong { #expect(ManifestText.decode(Array(text.utf8)[...]) == nil, "\(text)") }
        #expect(ManifestText.decode([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D][...]) == nil, "no UTF-8")
    }

    @Test func namesAreSafe() async throws {
        let outline = try await segment().outline
        #expect(
            ArchiveFileName.make(outline, checksum: 0xAB) == "TEST-A-B.trade.20240808T000000Z.1048576.000000ab.tda"
        )
        func name(_ change: (BSONDocument) -> BSONDocument) async throws -> String {
            let document = change(try await segment().document)
            return ArchiveFileName.make(try BucketOutline(document), checksum: .max)
        }
        let evil = try await name {
            $0.setting(Field.instrumentSymbol, .string("A:../b/\u{0}é.:" + String(repeating: "x", count: 500)))
                .setting(Field.windowStart, -1)
        }
        #expect(evil.hasPrefix("A----b-----xxx") && evil.contains(".19691231T235959Z.") && evil.utf8.count < 180)
        #expect(
            try await name { $0.setting(Field.windowStart, .int64(951_782_400_000_000_000)) }.contains("20000229T0")
        )
        for time in [Int64.min, .max, 0] {
            #expect(try await name { $0.setting(Field.windowStart, .int64(time)) }.hasSuffix("Z.1048576.ffffffff.tda"))
        }
    }
}

extension ArchivedSegment {
    /// The last four bytes of a file that begins so.
    static func checksumBytes(of bytes: [UInt8]) -> [UInt8] {
        let checksum = crc(bytes)
        return (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
    }

    /// CRC32C, bit by bit.
    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }
}
