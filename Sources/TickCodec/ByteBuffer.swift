/// Little-endian integers appended to bytes.
package struct ByteWriter {
    package var bytes: [UInt8] = []

    package init() {}

    package mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends an unsigned integer in groups of seven bits, least first (LEB128).
    package mutating func append(variable value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Overwrites four bytes at a place that was written before.
    mutating func replace(at offset: Int, with value: UInt32) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
    }
}

/// Reads little-endian integers from bytes that may be anything: every read is checked.
package struct ByteReader {
    package let bytes: UnsafeRawBufferPointer
    package var position = 0
    /// The column that is being read, for errors.
    var column: UInt8?

    package init(_ bytes: UnsafeRawBufferPointer, column: UInt8? = nil) {
        self.bytes = bytes
        self.column = column
    }

    package var remaining: Int { bytes.count - position }

    package mutating func read<Integer: FixedWidthInteger>() throws(BlockError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard size <= remaining else { throw BlockError(.truncated, column: column) }
        defer { position += size }
        return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Integer.self))
    }

    package mutating func readVariable() throws(BlockError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte: UInt8 = try read()
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw BlockError(column == nil ? .malformedHeader : .malformedColumn, column: column)
    }

    package mutating func take(_ count: Int) throws(BlockError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw BlockError(.truncated, column: column) }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }
}

extension Int64 {
    /// Small magnitudes of either sign to small unsigned numbers: 0, -1, 1, -2 … to 0, 1, 2, 3 ….
    @inline(__always)
    package var zigzag: UInt64 { UInt64(bitPattern: (self &<< 1) ^ (self &>> 63)) }

    @inline(__always)
    package init(zigzag value: UInt64) {
        self = Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }
}
