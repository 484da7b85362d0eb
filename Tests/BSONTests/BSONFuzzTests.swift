import BSON
import SimulatedStore
import Testing

@Suite struct BSONFuzzTests {
    static let seed: UInt64 = 20_240_611
    static let count = 20_000

    /// Fields of every type, nested, and small enough that a mutation often hits what matters.
    private static let originals: [BSONDocument] = [
        BSONDocument(BSONDocumentTests.everyType),
        ["a": [1, "two", [.bool(true)]], "b": ["c": .binary([1, 2, 3])], "d": "end"],
        ["x": .int32(1), "s": "text", "d": ["e": [:]], "n": nil],
        ["o": .objectID(ObjectID(high: 1, low: 2)), "l": 5, "f": 0.5, "t": true],
    ]

    /// Bytes that are types, lengths and terminators, and those at their edges.
    private static let pointed: [UInt8] = [
        0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 0x10, 0x11, 0x12, 0x13, 0x7F, 0x80, 0xC0, 0xED, 0xFE, 0xFF,
    ]

    @Test func mutatedDocumentsAreRefusedOrReadWhole() {
        var accepted = 0
        for index in 0..<Self.count {
            // Each document has a seed of its own, so that one can be made again without the others.
            let seed = Self.seed &+ UInt64(index)
            var generator = SplitMix64(seed: seed)
            let bytes = mutated(Self.originals[index % Self.originals.count].bytes, &generator)
            guard let document = try? BSONDocument(validating: bytes) else { continue }
            accepted += 1
            let once = BSONDocument(document.fields.map { ($0.key, $0.value) })
            // A value may have several encodings, such as the names of array elements; the second settles on one.
            let twice = BSONDocument(once.fields.map { ($0.key, $0.value) })
            #expect(once == twice, "seed \(seed)")
            #expect((try? BSONDocument(validating: once.bytes)) == once, "seed \(seed)")
            let keys = document.fields.map { Array($0.key.utf8) }
            #expect(keys == once.fields.map { Array($0.key.utf8) }, "seed \(seed)")
        }
        // Mutations that are always or never refused would have tested one half only.
        #expect(accepted > Self.count / 20)
        #expect(accepted < Self.count * 19 / 20)
    }

    private func mutated(_ original: [UInt8], _ generator: inout SplitMix64) -> [UInt8] {
        var bytes = original
        for _ in 0...generator.nextIndex(below: 3) {
            let position = generator.nextIndex(below: bytes.count)
            let value = Self.pointed[generator.nextIndex(below: Self.pointed.count)]
            switch generator.nextIndex(below: 8) {
            case 0: bytes[position] ^= 1 << UInt8(generator.nextIndex(below: 8))
            case 1: bytes[position] = UInt8(generator.nextIndex(below: 256))
            case 2, 3, 4: bytes[position] = value
            case 5: bytes.insert(value, at: position)
            case 6 where bytes.count > 5: bytes.remove(at: position)
            case 7: bytes.removeLast(generator.nextIndex(below: min(bytes.count, 4)))
            default: break
            }
            // Half of the time the outer length is right again, or nothing behind it would ever be looked at.
            if generator.nextIndex(below: 2) == 0, bytes.count >= 5 {
                for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index)) }
            }
        }
        return bytes
    }
}
