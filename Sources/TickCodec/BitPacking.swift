/// Unsigned integers of equal width, packed from the least significant bit of the first byte on.
enum BitPacking {
    static func byteCount(count: Int, width: Int) -> Int { (count * width + 7) / 8 }

    /// Appends the low `width` bits of each value.
    @inline(__always)
    static func pack(_ values: UnsafeBufferPointer<UInt64>, width: Int, into bytes: inout [UInt8]) {
        guard width > 0 else { return }
        let start = bytes.count
        let size = byteCount(count: values.count, width: width)
        // Whole words are stored, so the last store may reach past the end by up to seven bytes.
        bytes.append(contentsOf: repeatElement(0, count: size + 8))
        bytes.withUnsafeMutableBytes { target in
            var word: UInt64 = 0
            var filled = 0
            var offset = start
            for value in values {
                word |= value &<< UInt64(filled)
                filled += width
                guard filled >= 64 else { continue }
                target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
                offset += 8
                filled -= 64
                // The bits of the value that did not fit; none where it fitted exactly.
                word = filled == 0 ? 0 : value &>> UInt64(width - filled)
            }
            if filled > 0 { target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self) }
        }
        bytes.removeLast(8)
    }

    /// Unpacks `target.count` values from exactly `byteCount(count:width:)` bytes.
    @inline(__always)
    static func unpack(_ bytes: UnsafeRawBufferPointer, width: Int, into target: UnsafeMutableBufferPointer<UInt64>) {
        guard width > 0 else {
            target.update(repeating: 0)
            return
        }
        let mask = width == 64 ? UInt64.max : (1 &<< UInt64(width)) &- 1
        var bit = 0
        for index in 0..<target.count {
            target[index] = load(bytes, bit, width) & mask
            bit += width
        }
    }

    @inline(__always)
    private static func load(_ bytes: UnsafeRawBufferPointer, _ bit: Int, _ width: Int) -> UInt64 {
        let byte = bit >> 3
        let shift = UInt64(bit & 7)
        guard byte + 9 <= bytes.count else { return loadNearEnd(bytes, byte, shift) }
        let low = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) &>> shift
        guard Int(shift) + width > 64 else { return low }
        return low | UInt64(bytes[byte + 8]) &<< (64 - shift)
    }

    private static func loadNearEnd(_ bytes: UnsafeRawBufferPointer, _ byte: Int, _ shift: UInt64) -> UInt64 {
        var wide: UInt128 = 0
        for index in byte..<min(byte + 9, bytes.count) {
            wide |= UInt128(bytes[index]) << UInt128(8 * (index - byte))
        }
        return UInt64(truncatingIfNeeded: wide >> UInt128(shift))
    }
}
