/// Reads series of integers of sealed blocks.
///
/// Holds scratch memory, which grows with the longest series; used by one task at a time.
final class SeriesDecoder {
    private var table = ANSCoding.DecodingTable()
    private let lowers = UnsafeMutablePointer<Int64>.allocate(capacity: SealedFormat.binsMax)
    private let widths = UnsafeMutablePointer<Int>.allocate(capacity: SealedFormat.binsMax)
    private var symbols = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    /// Words as they are in the block, and room for one more per value: the entropy decoder does not look where they
    /// end.
    private var words = UnsafeMutableBufferPointer<UInt16>(start: nil, count: 0)
    /// Packed bits as they are in the block, and room behind them, as numbers are loaded in whole words.
    private var bits = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit {
        table.deallocate()
        lowers.deallocate()
        widths.deallocate()
        symbols.deallocate()
        words.deallocate()
        bits.deallocate()
    }

    /// Fills `target` with a series of as many values.
    func decode(
        from reader: inout ByteReader,
        into target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let rawForm: UInt8 = try reader.read()
        guard let form = SealedFormat.Form(rawValue: rawForm), form.order < target.count else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        let first = form.order > 0 ? Int64(zigzag: try reader.readVariable()) : 0
        let difference = form.order > 1 ? Int64(zigzag: try reader.readVariable()) : 0
        let divisor = form.hasDivisor ? Int64(bitPattern: try reader.readVariable()) : 1
        let rest = UnsafeMutableBufferPointer(rebasing: target[form.order...])
        if form.hasBins {
            try decodeBins(&reader, divisor, rest)
        } else {
            try decodeRange(&reader, divisor, rest)
        }
        switch form.order {
        case 0: break
        case 1: Self.addUp(first, target)
        default: Self.addUp(first, difference, target)
        }
    }

    private static func addUp(_ first: Int64, _ target: UnsafeMutableBufferPointer<Int64>) {
        var value = first
        target[0] = value
        for index in 1..<target.count {
            value &+= target[index]
            target[index] = value
        }
    }

    private static func addUp(_ first: Int64, _ difference: Int64, _ target: UnsafeMutableBufferPointer<Int64>) {
        var difference = difference
        var value = first &+ difference
        target[0] = first
        target[1] = value
        for index in 2..<target.count {
            difference &+= target[index]
            value &+= difference
            target[index] = value
        }
    }

    private func decodeRange(
        _ reader: inout ByteReader,
        _ divisor: Int64,
        _ target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let lower = Int64(zigzag: try reader.readVariable())
        let width = try readWidth(&reader)
        let packed = try reader.take(BitPacking.byteCount(count: target.count, width: width))
        target.withMemoryRebound(to: UInt64.self) { BitPacking.unpack(packed, width: width, into: $0) }
        for index in 0..<target.count { target[index] = lower &+ divisor &* target[index] }
    }

    private func readWidth(_ reader: inout ByteReader) throws(BlockError) -> Int {
        let width: UInt8 = try reader.read()
        guard width <= 64 else { throw BlockError(.malformedColumn, column: reader.column) }
        return Int(width)
    }
}

// Bins.
extension SeriesDecoder {
    private func decodeBins(
        _ reader: inout ByteReader,
        _ divisor: Int64,
        _ target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        reserve(target.count)
        let widest = try readBins(&reader, divisor)
        let symbols = UnsafeMutableBufferPointer(rebasing: symbols[..<target.count])
        try decodeSymbols(&reader, symbols)
        guard widest > 0 else {
            for index in 0..<target.count { target[index] = lowers[Int(symbols[index])] }
            return
        }
        let widths = widths
        var bitCount = 0
        for symbol in symbols { bitCount &+= widths[Int(symbol)] }
        let packed = try reader.take((bitCount + 7) / 8)
        if bits.count < packed.count + 16 {
            bits.deallocate()
            bits = .allocate(byteCount: packed.count + 16, alignment: 8)
        }
        bits.copyMemory(from: packed)
        let bits = UnsafeRawBufferPointer(bits)
        if widest <= Self.narrowWidth {
            decodeOffsets(symbols, divisor, target) { Self.loadNarrow(bits, $0, $1) }
        } else {
            decodeOffsets(symbols, divisor, target) { Self.loadWide(bits, $0, $1) }
        }
    }

    private func reserve(_ count: Int) {
        guard symbols.count < count else { return }
        symbols.deallocate()
        words.deallocate()
        symbols = .allocate(capacity: count)
        words = .allocate(capacity: 2 * count)
        words.initialize(repeating: 0)
    }

    /// Reads the bins and answers the greatest width.
    private func readBins(_ reader: inout ByteReader, _ divisor: Int64) throws(BlockError) -> Int {
        let last: UInt8 = try reader.read()
        let precision: UInt8 = try reader.read()
        guard last > 0, precision <= SealedFormat.precisionMax else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        var frequencies: [UInt32] = []
        frequencies.reserveCapacity(Int(last) + 1)
        var sum: UInt64 = 0
        var widest = 0
        var lower: Int64 = 0
        for index in 0...Int(last) {
            let step = try reader.readVariable()
            lower = index == 0 ? Int64(zigzag: step) : lower &+ divisor &* Int64(bitPattern: step)
            let frequency = try reader.readVariable()
            guard frequency >> 1 > 0, frequency >> 1 <= 1 << UInt64(precision) else {
                throw BlockError(.malformedColumn, column: reader.column)
            }
            sum += frequency >> 1
            frequencies.append(UInt32(frequency >> 1))
            lowers[index] = lower
            widths[index] = frequency & 1 == 0 ? 0 : try readWidth(&reader)
            widest = max(widest, widths[index])
        }
        guard sum == 1 << UInt64(precision) else { throw BlockError(.malformedColumn, column: reader.column) }
        table.fill(ANSCoding.Frequencies(precision: Int(precision), values: frequencies))
        return widest
    }

    private func decodeSymbols(
        _ reader: inout ByteReader,
        _ symbols: UnsafeMutableBufferPointer<UInt8>
    ) throws(BlockError) {
        let count = try reader.readVariable()
        let states: (UInt32, UInt32, UInt32, UInt32) =
            (try reader.read(), try reader.read(), try reader.read(), try reader.read())
        // No symbol takes more than one word.
        guard count <= symbols.count else { throw BlockError(.malformedColumn, column: reader.column) }
        let stored = try reader.take(2 * Int(count))
        UnsafeMutableRawBufferPointer(words).copyMemory(from: stored)
        guard let start = words.baseAddress,
            table.decode(into: symbols, states: states, words: UnsafePointer(start), wordCount: Int(count))
        else { throw BlockError(.malformedColumn, column: reader.column) }
    }

    @inline(__always)
    private func decodeOffsets(
        _ symbols: UnsafeMutableBufferPointer<UInt8>,
        _ divisor: Int64,
        _ target: UnsafeMutableBufferPointer<Int64>,
        _ load: (_ place: Int, _ width: Int) -> UInt64
    ) {
        let (lowers, widths) = (lowers, widths)
        var place = 0
        for index in 0..<target.count {
            let symbol = Int(symbols[index])
            let width = widths[symbol]
            target[index] = lowers[symbol] &+ divisor &* Int64(bitPattern: load(place, width))
            place &+= width
        }
    }

    /// Numbers of this width are within the eight bytes from that of their first bit on.
    private static let narrowWidth = 57

    @inline(__always)
    private static func loadNarrow(_ bits: UnsafeRawBufferPointer, _ place: Int, _ width: Int) -> UInt64 {
        let word = UInt64(littleEndian: bits.loadUnaligned(fromByteOffset: place &>> 3, as: UInt64.self))
        return (word &>> UInt64(place & 7)) & ((1 &<< UInt64(width)) &- 1)
    }

    @inline(__always)
    private static func loadWide(_ bits: UnsafeRawBufferPointer, _ place: Int, _ width: Int) -> UInt64 {
        let byte = place &>> 3
        let low = UInt64(littleEndian: bits.loadUnaligned(fromByteOffset: byte, as: UInt64.self))
        let wide = UInt128(low) | UInt128(bits[byte + 8]) << 64
        return UInt64(truncatingIfNeeded: wide >> UInt128(place & 7)) & (width == 64 ? .max : (1 << UInt64(width)) - 1)
    }
}
