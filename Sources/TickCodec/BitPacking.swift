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
        // Nine bytes are read for each value: the last ones from a copy that has bytes behind them.
        let whole = bytes.count < 9 ? 0 : min(target.count, (8 * (bytes.count - 9) + 7) / width + 1)
        unpack(bytes, from: 0, width, target, 0..<whole)
        guard whole < target.count else { return }
        var copy: (UInt64, UInt64, UInt64) = (0, 0, 0)
        let start = max(0, bytes.count - 15)
        withUnsafeMutableBytes(of: &copy) { copy in
            copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start...]))
            unpack(UnsafeRawBufferPointer(copy), from: start, width, target, whole..<target.count)
        }
    }

    /// Unpacks some of the values, of which nine bytes can be read each.
    ///
    /// - Parameter start: the place of the first of the bytes among those of all values.
    @inline(__always)
    private static func unpack(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        _ width: Int,
        _ target: UnsafeMutableBufferPointer<UInt64>,
        _ range: Range<Int>
    ) {
        let mask = width == 64 ? UInt64.max : (1 &<< UInt64(width)) &- 1
        for index in range {
            let bit = index &* width
            let byte = bit &>> 3 &- start
            let shift = UInt64(bit & 7)
            var value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) &>> shift
            if Int(shift) &+ width > 64 { value |= UInt64(bytes[byte &+ 8]) &<< (64 &- shift) }
            target[index] = value & mask
        }
    }
}
