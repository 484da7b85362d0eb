import MarketData

// Sealed blocks, version 2.
extension BlockDecoder {
    /// Reads what a sealed block says about itself; magic, version and checksum are read and checked.
    static func sealedHeader(_ reader: inout ByteReader) throws(BlockError) -> BlockHeader {
        let kind = EventKind(rawValue: try reader.read())
        let count = try reader.readVariable()
        let columnCount = try reader.readVariable()
        let positions = try range(&reader)
        let eventTimes = try range(&reader)
        guard let kind, count > 0, count <= BlockFormat.eventsMax, columnCount <= ColumnID.count,
            UInt64(bitPattern: positions.upperBound &- positions.lowerBound) >= count - 1
        else { throw BlockError(.malformedHeader) }
        return BlockHeader(
            kind: kind,
            count: Int(count),
            positions: positions,
            eventTimes: eventTimes,
            version: SealedFormat.version,
            columnCount: Int(columnCount),
            columnsOffset: reader.position
        )
    }

    /// Where a range begins, and how far it goes.
    private static func range(_ reader: inout ByteReader) throws(BlockError) -> ClosedRange<Int64> {
        let first = Int64(zigzag: try reader.readVariable())
        let length = try reader.readVariable()
        guard length <= UInt64(bitPattern: Int64.max &- first) else { throw BlockError(.malformedHeader) }
        return first...(first &+ Int64(bitPattern: length))
    }

    func decodeSealedColumn(
        _ reader: inout ByteReader,
        _ header: BlockHeader,
        after previous: ColumnID?
    ) throws(BlockError) -> ColumnID {
        let head: UInt8 = try reader.read()
        let isSparse = head & SealedFormat.sparseBit != 0
        let rawID = head & ~SealedFormat.sparseBit
        let length = try reader.readVariable()
        let content = try reader.take(Int(clamping: length))
        guard let id = ColumnID(rawValue: rawID), id.belongs(to: header.kind), rawID > (previous?.rawValue ?? 0),
            !isSparse || id.absentValue == .min && id != .eventTime
        else { throw BlockError(.malformedColumn, column: rawID) }
        var column = ByteReader(content, column: rawID)
        let target = columns.add(id, id.isDecimal ? try column.read() : 0)
        let bitmap = try isSparse ? decodePresence(&column, header.count) : nil
        let present = bitmap.map { BlockColumns.countBits($0, header.count) } ?? header.count
        let filled = UnsafeMutableBufferPointer(rebasing: target[..<present])
        if present > 0 { try series.decode(from: &column, into: filled) }
        if id == .eventTime { try makeTimesAbsolute(filled, header) }
        guard id.holds(filled) else { throw BlockError(.malformedColumn, column: rawID) }
        if id == .idText { try decodeSealedTexts(&column, Int(filled.reduce(0, +))) }
        guard column.remaining == 0 else { throw BlockError(.malformedColumn, column: rawID) }
        if let bitmap { BlockColumns.spread(target, present: present, bitmap, absent: id.absentValue) }
        guard id != .idText || columns.idsAreDistinct() else { throw BlockError(.malformedColumn, column: rawID) }
        return id
    }

    /// Reads who has a value, as a bitmap.
    private func decodePresence(
        _ reader: inout ByteReader,
        _ count: Int
    ) throws(BlockError) -> UnsafeRawBufferPointer {
        let values = scratch.values(count)
        try series.decode(from: &reader, into: values)
        guard values.allSatisfy({ $0 == 0 || $0 == 1 }) else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        let bitmap = scratch.bytes((count + 7) / 8)
        for start in stride(from: 0, to: count, by: 8) {
            var bits: UInt8 = 0
            for index in start..<min(start + 8, count) {
                bits |= UInt8(truncatingIfNeeded: values[index]) << UInt8(index - start)
            }
            bitmap[start / 8] = bits
        }
        return UnsafeRawBufferPointer(bitmap)
    }

    /// Event times are stored as what they are after the first, and never go back.
    private func makeTimesAbsolute(
        _ times: UnsafeMutableBufferPointer<Int64>,
        _ header: BlockHeader
    ) throws(BlockError) {
        let range = header.eventTimes
        var previous = range.lowerBound
        var isAscending = true
        for index in 0..<times.count {
            let time = times[index] &+ range.lowerBound
            isAscending = isAscending && time >= previous
            times[index] = time
            previous = time
        }
        guard isAscending, times.first == range.lowerBound, times.last == range.upperBound else {
            throw BlockError(.malformedColumn, column: ColumnID.eventTime.rawValue)
        }
    }

    private func decodeSealedTexts(_ reader: inout ByteReader, _ length: Int) throws(BlockError) {
        guard length <= SealedFormat.textBytesMax else { throw BlockError(.malformedColumn, column: reader.column) }
        guard length > 0 else { return }
        let values = scratch.values(length)
        try series.decode(from: &reader, into: values)
        guard values.allSatisfy({ (0...255).contains($0) }) else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        columns.texts = scratch.holdTexts(values)
    }
}

/// A column of a sealed block, and what it takes.
package struct SealedColumn {
    /// What it is called in the code.
    package let name: String
    package let byteCount: Int
    let id: ColumnID
    let isSparse: Bool

    /// The columns of a block without what is in them, for those who measure.
    ///
    /// - Throws: `BlockError` where the block is not sealed, or damaged.
    package static func all(of block: [UInt8]) throws(BlockError) -> [SealedColumn] {
        let result = block.withUnsafeBytes { bytes in
            Result<[SealedColumn], BlockError> { () throws(BlockError) in
                let header = try BlockDecoder.header(of: bytes)
                guard header.isSealed else { throw BlockError(.unknownVersion) }
                var reader = ByteReader(bytes)
                reader.position = header.columnsOffset
                var columns: [SealedColumn] = []
                for _ in 0..<header.columnCount { columns.append(try SealedColumn(&reader)) }
                return columns
            }
        }
        return try result.get()
    }

    private init(_ reader: inout ByteReader) throws(BlockError) {
        let start = reader.position
        let head: UInt8 = try reader.read()
        guard let id = ColumnID(rawValue: head & ~SealedFormat.sparseBit) else { throw BlockError(.malformedColumn) }
        _ = try reader.take(Int(clamping: try reader.readVariable()))
        self.id = id
        isSparse = head & SealedFormat.sparseBit != 0
        name = "\(id)"
        byteCount = reader.position - start
    }
}

/// Memory of a decoder for what is not a column by itself: who has a value, and the bytes of texts.
///
/// Used by one task at a time.
final class SealedScratch {
    private var storage = UnsafeMutableBufferPointer<Int64>(start: nil, count: 0)
    private var bitmap = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var texts = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit {
        storage.deallocate()
        bitmap.deallocate()
        texts.deallocate()
    }

    /// Room for values; what was there is gone.
    func values(_ count: Int) -> UnsafeMutableBufferPointer<Int64> {
        if storage.count < count {
            storage.deallocate()
            storage = .allocate(capacity: count)
        }
        return UnsafeMutableBufferPointer(rebasing: storage[..<count])
    }

    /// Room for a bitmap; the one before is gone.
    func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if bitmap.count < count {
            bitmap.deallocate()
            bitmap = .allocate(byteCount: count, alignment: 1)
        }
        return UnsafeMutableRawBufferPointer(rebasing: bitmap[..<count])
    }

    /// Keeps values as the bytes that they are, until the next block with texts.
    func holdTexts(_ values: UnsafeMutableBufferPointer<Int64>) -> UnsafeRawBufferPointer {
        if texts.count < values.count {
            texts.deallocate()
            texts = .allocate(byteCount: values.count, alignment: 1)
        }
        for index in 0..<values.count { texts[index] = UInt8(truncatingIfNeeded: values[index]) }
        return UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: texts[..<values.count]))
    }
}
