/// Writes one column of integers in the smallest of the encodings.
struct ColumnEncoder {
    private var packed = [UInt64](repeating: 0, count: BlockFormat.groupCount)

    private static let dictionaryEntriesMax = 64

    /// Appends the encoded values and returns the encoding.
    ///
    /// There is at least one value.
    mutating func encode(_ values: UnsafeBufferPointer<Int64>, into writer: inout ByteWriter) -> BlockFormat.Encoding {
        let statistics = Statistics(values)
        guard !statistics.isConstant else {
            writer.append(values[0])
            return .constant
        }
        let isOffsetSmaller = statistics.offsetBytes <= statistics.deltaBytes
        if let entries = distinctValues(values, smallerThan: min(statistics.offsetBytes, statistics.deltaBytes)) {
            encodeDictionary(values, entries, &writer)
            return .dictionary
        }
        if isOffsetSmaller {
            encodeOffsets(values, &writer)
            return .offset
        }
        encodeDeltas(values, &writer)
        return .delta
    }

    /// What the encodings would take, found in one pass.
    private struct Statistics {
        var isConstant = true
        var deltaBytes = 8
        var offsetBytes = 0

        @inline(__always)
        init(_ values: UnsafeBufferPointer<Int64>) {
            var previous = values[0]
            var start = 0
            while start < values.count {
                let end = min(start + BlockFormat.groupCount, values.count)
                var least = values[start]
                var greatest = least
                var differences: UInt64 = 0
                for index in start..<end {
                    let value = values[index]
                    differences |= (value &- previous).zigzag
                    previous = value
                    least = min(least, value)
                    greatest = max(greatest, value)
                }
                if differences != 0 { isConstant = false }
                let range = UInt64(bitPattern: greatest &- least)
                deltaBytes += 1 + BitPacking.byteCount(count: end - start, width: differences.bitWidthUsed)
                offsetBytes += 4 + BitPacking.byteCount(count: end - start, width: range.bitWidthUsed)
                start = end
            }
        }
    }

    private mutating func encodeDeltas(_ values: UnsafeBufferPointer<Int64>, _ writer: inout ByteWriter) {
        writer.append(values[0])
        var previous = values[0]
        var start = 1
        while start < values.count {
            let end = min(start + BlockFormat.groupCount, values.count)
            var union: UInt64 = 0
            for index in start..<end {
                let difference = (values[index] &- previous).zigzag
                previous = values[index]
                packed[index - start] = difference
                union |= difference
            }
            appendGroup(count: end - start, width: union.bitWidthUsed, &writer)
            start = end
        }
    }

    private mutating func encodeOffsets(_ values: UnsafeBufferPointer<Int64>, _ writer: inout ByteWriter) {
        var start = 0
        while start < values.count {
            let end = min(start + BlockFormat.groupCount, values.count)
            var least = values[start]
            for index in start..<end { least = min(least, values[index]) }
            var union: UInt64 = 0
            for index in start..<end {
                let offset = UInt64(bitPattern: values[index] &- least)
                packed[index - start] = offset
                union |= offset
            }
            writer.append(variable: least.zigzag)
            appendGroup(count: end - start, width: union.bitWidthUsed, &writer)
            start = end
        }
    }

    private mutating func appendGroup(count: Int, width: Int, _ writer: inout ByteWriter) {
        writer.bytes.append(UInt8(width))
        packed.withUnsafeBufferPointer {
            BitPacking.pack(UnsafeBufferPointer(rebasing: $0[0..<count]), width: width, into: &writer.bytes)
        }
    }

    /// The distinct values in order of appearance, if they are few and the dictionary is the smallest encoding.
    private func distinctValues(_ values: UnsafeBufferPointer<Int64>, smallerThan limit: Int) -> [Int64]? {
        // Most columns have many values: a look at the front tells soon.
        var entries: [Int64] = []
        var last = values[0]
        entries.append(last)
        for value in values where value != last {
            last = value
            if entries.contains(value) { continue }
            guard entries.count < Self.dictionaryEntriesMax else { return nil }
            entries.append(value)
        }
        let width = UInt64(entries.count - 1).bitWidthUsed
        let size = 2 + 8 * entries.count + BitPacking.byteCount(count: values.count, width: width)
        return size < limit ? entries : nil
    }

    private mutating func encodeDictionary(
        _ values: UnsafeBufferPointer<Int64>,
        _ entries: [Int64],
        _ writer: inout ByteWriter
    ) {
        writer.append(UInt16(entries.count))
        for entry in entries { writer.append(entry) }
        let width = UInt64(entries.count - 1).bitWidthUsed
        var start = 0
        while start < values.count {
            let end = min(start + BlockFormat.groupCount, values.count)
            for index in start..<end {
                packed[index - start] = UInt64(entries.firstIndex(of: values[index]) ?? 0)
            }
            packed.withUnsafeBufferPointer {
                BitPacking.pack(UnsafeBufferPointer(rebasing: $0[0..<(end - start)]), width: width, into: &writer.bytes)
            }
            start = end
        }
    }
}

extension UInt64 {
    /// The bits that the number needs; zero for zero.
    @inline(__always)
    var bitWidthUsed: Int { 64 - leadingZeroBitCount }
}

/// Reads one column of integers back.
struct ColumnDecoder {
    private var packed = [UInt64](repeating: 0, count: BlockFormat.groupCount)

    /// Fills `target` with the values of a column that takes exactly the reader's bytes.
    mutating func decode(
        _ encoding: BlockFormat.Encoding,
        from reader: inout ByteReader,
        into target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        guard !target.isEmpty else { return }
        switch encoding {
        case .constant: target.update(repeating: try reader.read())
        case .delta: try decodeDeltas(&reader, target)
        case .offset: try decodeOffsets(&reader, target)
        case .dictionary: try decodeDictionary(&reader, target)
        case .text: throw BlockError(.malformedColumn, column: reader.column)
        }
    }

    private mutating func decodeDeltas(
        _ reader: inout ByteReader,
        _ target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        var previous: Int64 = try reader.read()
        target[0] = previous
        var start = 1
        while start < target.count {
            let count = min(BlockFormat.groupCount, target.count - start)
            try readGroup(count, &reader)
            for index in 0..<count {
                previous = previous &+ Int64(zigzag: packed[index])
                target[start + index] = previous
            }
            start += count
        }
    }

    private mutating func decodeOffsets(
        _ reader: inout ByteReader,
        _ target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        var start = 0
        while start < target.count {
            let count = min(BlockFormat.groupCount, target.count - start)
            let least = Int64(zigzag: try reader.readVariable())
            try readGroup(count, &reader)
            for index in 0..<count {
                target[start + index] = least &+ Int64(bitPattern: packed[index])
            }
            start += count
        }
    }

    private mutating func decodeDictionary(
        _ reader: inout ByteReader,
        _ target: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let count: UInt16 = try reader.read()
        guard count > 0 else { throw BlockError(.malformedColumn, column: reader.column) }
        var entries: [Int64] = []
        entries.reserveCapacity(Int(count))
        for _ in 0..<count { entries.append(try reader.read()) }
        let width = UInt64(count - 1).bitWidthUsed
        var start = 0
        while start < target.count {
            let group = min(BlockFormat.groupCount, target.count - start)
            try unpack(group, width, &reader)
            for index in 0..<group {
                guard packed[index] < entries.count else { throw BlockError(.malformedColumn, column: reader.column) }
                target[start + index] = entries[Int(packed[index])]
            }
            start += group
        }
    }

    private mutating func readGroup(_ count: Int, _ reader: inout ByteReader) throws(BlockError) {
        let width: UInt8 = try reader.read()
        guard width <= 64 else { throw BlockError(.malformedColumn, column: reader.column) }
        try unpack(count, Int(width), &reader)
    }

    private mutating func unpack(_ count: Int, _ width: Int, _ reader: inout ByteReader) throws(BlockError) {
        let bytes = try reader.take(BitPacking.byteCount(count: count, width: width))
        packed.withUnsafeMutableBufferPointer {
            BitPacking.unpack(bytes, width: width, into: UnsafeMutableBufferPointer(rebasing: $0[0..<count]))
        }
    }
}
