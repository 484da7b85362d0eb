import CChecksum
import SimulatedStore
import Testing

@testable import TickCodec

@Suite struct BitPackingTests {
    /// Bit by bit, as the document describes it.
    private static func packNaively(_ values: [UInt64], width: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (values.count * width + 7) / 8)
        for (index, value) in values.enumerated() {
            for bit in 0..<width where value >> UInt64(bit) & 1 == 1 {
                let place = index * width + bit
                bytes[place / 8] |= 1 << UInt8(place % 8)
            }
        }
        return bytes
    }

    @Test(arguments: 0...64)
    func everyWidthAndCount(width: Int) {
        var generator = SplitMix64(seed: UInt64(width))
        for count in [0, 1, 2, 3, 7, 8, 9, 31, 63, 64, 65, 127, 128] {
            let values = (0..<count).map { _ in width == 0 ? 0 : generator.next() >> UInt64(64 - width) }
            // What stands before is kept.
            var bytes: [UInt8] = [1, 2, 3]
            values.withUnsafeBufferPointer { BitPacking.pack($0, width: width, into: &bytes) }
            #expect(Array(bytes.dropFirst(3)) == Self.packNaively(values, width: width), "\(count) of \(width)")
            #expect(bytes.prefix(3) == [1, 2, 3])
            #expect(bytes.count == 3 + BitPacking.byteCount(count: count, width: width))
            var unpacked = [UInt64](repeating: 99, count: count)
            Array(bytes.dropFirst(3)).withUnsafeBytes { source in
                unpacked.withUnsafeMutableBufferPointer { BitPacking.unpack(source, width: width, into: $0) }
            }
            #expect(unpacked == values, "\(count) of \(width)")
        }
    }
}

@Suite struct ColumnEncodingTests {
    private func encode(_ values: [Int64]) -> (encoding: BlockFormat.Encoding, bytes: [UInt8]) {
        var encoder = ColumnEncoder()
        var writer = ByteWriter()
        let encoding = values.withUnsafeBufferPointer { encoder.encode($0, into: &writer) }
        return (encoding, writer.bytes)
    }

    private func decode(_ encoding: BlockFormat.Encoding, _ bytes: [UInt8], _ count: Int) throws -> [Int64] {
        var values = [Int64](repeating: 99, count: count)
        var rest = 0
        let result = bytes.withUnsafeBytes { bytes in
            values.withUnsafeMutableBufferPointer { target in
                Result<Void, BlockError> { () throws(BlockError) in
                    var decoder = ColumnDecoder()
                    var reader = ByteReader(bytes)
                    try decoder.decode(encoding, from: &reader, into: target)
                    rest = reader.remaining
                }
            }
        }
        try result.get()
        #expect(rest == 0)
        return values
    }

    private func check(_ values: [Int64], _ expected: BlockFormat.Encoding? = nil) throws {
        let (encoding, bytes) = encode(values)
        #expect(try decode(encoding, bytes, values.count) == values)
        if let expected { #expect(encoding == expected) }
    }

    @Test func constant() throws {
        try check([.min], .constant)
        try check([Int64](repeating: -7, count: 300), .constant)
    }

    @Test func risingNumbersAreDeltas() throws {
        try check((0..<1_000).map { 1_700_000_000_000 + $0 * 3 }, .delta)
    }

    @Test func numbersOfOneSizeAreOffsets() throws {
        var generator = SplitMix64(seed: 3)
        try check((0..<1_000).map { _ in 1 << 40 + Int64(generator.nextIndex(below: 1 << 12)) }, .offset)
    }

    @Test(arguments: [2, 63, 64, 65, 66])
    func dictionariesHaveUpTo64Entries(entries: Int) throws {
        var generator = SplitMix64(seed: UInt64(entries))
        let distinct = (0..<entries).map { _ in Int64(bitPattern: generator.next()) }
        let values = (0..<4_000).map { distinct[($0 * 7 + $0 / 66) % entries] }
        #expect(Set(values).count == entries)
        try check(values, entries <= 64 ? .dictionary : nil)
        #expect((encode(values).encoding == .dictionary) == (entries <= 64))
    }

    @Test(arguments: 0...64)
    func everyWidth(width: Int) throws {
        var generator = SplitMix64(seed: UInt64(width))
        for count in [1, 2, 127, 128, 129, 300] {
            for base in [0, Int64.min, .max, -1] {
                let values = (0..<count).map { _ in
                    base &+ Int64(bitPattern: width == 0 ? 0 : generator.next() >> UInt64(64 - width))
                }
                try check(values)
                var sum = base
                try check(
                    values.map { value in
                        sum = sum &+ (value &- base)
                        return sum
                    }
                )
            }
        }
    }

    @Test func zigzag() {
        let pairs: [(Int64, UInt64)] = [(0, 0), (-1, 1), (1, 2), (-2, 3), (.max, .max - 1), (.min, .max)]
        for (value, code) in pairs {
            #expect(value.zigzag == code)
            #expect(Int64(zigzag: code) == value)
        }
    }

    @Test func variableIntegers() throws {
        for value in [0, 1, 127, 128, 300, UInt64.max >> 1, .max] {
            var writer = ByteWriter()
            writer.append(variable: value)
            let result = writer.bytes.withUnsafeBytes { bytes in
                Result<UInt64, BlockError> { () throws(BlockError) in
                    var reader = ByteReader(bytes)
                    return try reader.readVariable()
                }
            }
            #expect(try result.get() == value)
        }
    }
}

@Suite struct ChecksumTests {
    private func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { tapedesk_crc32c(seed, $0.baseAddress, $0.count) }
    }

    /// The examples of RFC 3720, B.4, whose bytes are those of the checksum from the least significant on.
    @Test func examplesOfRFC3720() {
        #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(checksum(Array(0..<32)) == 0x46DD_794E)
        #expect(checksum((0..<32).reversed().map { UInt8($0) }) == 0x113F_DB5C)
        let command: [UInt8] = [
            0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0,
            0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
        ]
        #expect(checksum(command) == 0xD996_3A56)
        #expect(checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(checksum([]) == 0)
    }

    @Test func pieceByPieceIsTheWhole() {
        var generator = SplitMix64(seed: 5)
        let bytes = (0..<1_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        for cut in [0, 1, 7, 8, 9, 500, 999, 1_000] {
            let first = checksum(Array(bytes[..<cut]))
            #expect(checksum(Array(bytes[cut...]), seed: first) == checksum(bytes))
        }
    }

    @Test func isThatOfTheSlowestCode() {
        var generator = SplitMix64(seed: 6)
        for count in 0..<80 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            var crc = UInt32.max
            for byte in bytes {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
            }
            #expect(checksum(bytes) == ~crc)
        }
    }
}
