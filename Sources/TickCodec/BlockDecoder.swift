private import CChecksum
public import MarketData

/// The events of one block, or those that were asked for, in the order in which they stand there: that of the tape, or
/// of event time if it is sealed.
///
/// Instruments are not part of a block.
///
/// Neither are the positions of single events. Those of a block in tape order are lower bounds between the first and
/// the last, in the order of the true ones; those of a sealed block only number its events from the least position on.
public struct DecodedBlock: Sendable {
    public let header: BlockHeader
    public let events: ContiguousArray<MarketEvent>
    public let texts: TextPool
}

/// Reads blocks of both versions.
///
/// Any bytes give events or a typed error, in time and memory bounded by their length and the most events of a block.
///
/// Holds scratch memory; used by one task at a time.
public final class BlockDecoder {
    private var decoder = ColumnDecoder()
    let series = SeriesDecoder()
    let columns = BlockColumns()
    let scratch = SealedScratch()
    private var stretch: ContiguousArray<MarketEvent> = []

    /// Some twenty kilobytes of events.
    private static let stretch = 128

    public init() {}

    /// Reads what a block says about itself, after checking its checksum.
    ///
    /// - Throws: `BlockError`.
    public static func header(of bytes: UnsafeRawBufferPointer) throws(BlockError) -> BlockHeader {
        var reader = ByteReader(bytes)
        guard try reader.read() == BlockFormat.magic else { throw BlockError(.notABlock) }
        let version: UInt8 = try reader.read()
        guard version == BlockFormat.version || version == SealedFormat.version else {
            throw BlockError(.unknownVersion)
        }
        let smallest = version == BlockFormat.version ? BlockFormat.headerBytes : reader.position
        let content = bytes.count - BlockFormat.checksumBytes
        guard content >= smallest else { throw BlockError(.truncated) }
        let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: content, as: UInt32.self))
        guard tapedesk_crc32c(0, bytes.baseAddress, content) == stored else { throw BlockError(.checksumMismatch) }
        var fields = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<content]))
        fields.position = reader.position
        return version == BlockFormat.version ? try hotHeader(&fields) : try sealedHeader(&fields)
    }

    private static func hotHeader(_ reader: inout ByteReader) throws(BlockError) -> BlockHeader {
        let kind = EventKind(rawValue: try reader.read())
        let columnCount: UInt16 = try reader.read()
        let count: UInt32 = try reader.read()
        let firstPosition: Int64 = try reader.read()
        let lastPosition: Int64 = try reader.read()
        let firstTime: Int64 = try reader.read()
        let lastTime: Int64 = try reader.read()
        // Each position is at least one more than the one before.
        guard let kind, count > 0, count <= BlockFormat.eventsMax, columnCount <= ColumnID.count,
            firstPosition <= lastPosition, UInt64(bitPattern: lastPosition &- firstPosition) >= UInt64(count - 1),
            firstTime <= lastTime
        else { throw BlockError(.malformedHeader) }
        return BlockHeader(
            kind: kind,
            count: Int(count),
            positions: firstPosition...lastPosition,
            eventTimes: firstTime...lastTime,
            version: BlockFormat.version,
            columnCount: Int(columnCount),
            columnsOffset: reader.position
        )
    }

    /// Decodes a block.
    ///
    /// - Parameter times: event times, in nanoseconds. Of a block whose events are in their order, no others are made;
    ///   of another all are.
    /// - Throws: `BlockError`.
    public func decode(
        _ bytes: UnsafeRawBufferPointer,
        within times: Range<Int64> = .min..<(.max)
    ) throws(BlockError) -> DecodedBlock {
        var events = ContiguousArray<MarketEvent>()
        var texts = TextPool()
        let header = try decode(bytes, within: times, appendingTo: &events, &texts)
        return DecodedBlock(header: header, events: events, texts: texts)
    }

    /// Decodes a block into memory that is there, behind what is there; the texts of its identifiers go into a pool.
    ///
    /// - Throws: `BlockError`; nothing is appended then.
    public func decode(
        _ bytes: [UInt8],
        appendingTo events: inout ContiguousArray<MarketEvent>,
        _ texts: inout TextPool
    ) throws(BlockError) {
        _ = try bytes.withUnsafeBytes { bytes in
            Result<BlockHeader, BlockError> { () throws(BlockError) in
                try decode(bytes, within: .min..<(.max), appendingTo: &events, &texts)
            }
        }.get()
    }

    private func decode(
        _ bytes: UnsafeRawBufferPointer,
        within times: Range<Int64>,
        appendingTo events: inout ContiguousArray<MarketEvent>,
        _ texts: inout TextPool
    ) throws(BlockError) -> BlockHeader {
        let header = try decodeColumns(bytes)
        columns.appendEvents(header, columns.rows(within: times), to: &events, &texts)
        return header
    }

    /// Decodes a block and hands its events on in stretches that stay in the cache of the processor.
    ///
    /// - Parameter body: is called with some events, their texts, and the place of the first among all of the block;
    ///   answers whether to go on.
    /// - Throws: `BlockError`, before `body` is called.
    public func forEachStretch(
        of bytes: [UInt8],
        _ body: (ContiguousArray<MarketEvent>, TextPool, Int) -> Bool
    ) throws(BlockError) {
        try bytes.withUnsafeBytes { bytes in
            Result<Void, BlockError> { () throws(BlockError) in forEachStretch(try decodeColumns(bytes), body) }
        }.get()
    }

    private func forEachStretch(_ header: BlockHeader, _ body: (ContiguousArray<MarketEvent>, TextPool, Int) -> Bool) {
        var isWanted = true
        for start in stride(from: 0, to: header.count, by: Self.stretch) where isWanted {
            stretch.removeAll(keepingCapacity: true)
            var texts = TextPool()
            columns.appendEvents(header, start..<min(start + Self.stretch, header.count), to: &stretch, &texts)
            isWanted = body(stretch, texts, start)
        }
    }

    /// The event times of a block, in the order of its events.
    ///
    /// - Throws: `BlockError`.
    public func eventTimes(_ bytes: [UInt8]) throws(BlockError) -> [Int64] {
        _ = try bytes.withUnsafeBytes { bytes in
            Result<BlockHeader, BlockError> { () throws(BlockError) in try decodeColumns(bytes, upTo: .eventTime) }
        }.get()
        return Array(columns.column(.eventTime))
    }

    /// Fills the columns with those of a block: all, or those up to one.
    private func decodeColumns(
        _ bytes: UnsafeRawBufferPointer,
        upTo last: ColumnID? = nil
    ) throws(BlockError) -> BlockHeader {
        let header = try Self.header(of: bytes)
        columns.begin(header)
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - BlockFormat.checksumBytes)])
        var reader = ByteReader(content)
        reader.position = header.columnsOffset
        var previous: ColumnID?
        for _ in 0..<header.columnCount {
            previous =
                header.isSealed
                ? try decodeSealedColumn(&reader, header, after: previous)
                : try decodeColumn(&reader, header, after: previous)
            if let last, previous == last { return header }
        }
        guard reader.remaining == 0 else { throw BlockError(.malformedHeader) }
        guard columns.has(.eventTime) else { throw BlockError(.malformedColumn, column: ColumnID.eventTime.rawValue) }
        return header
    }

    /// Decodes a block that is held in an array.
    ///
    /// - Throws: `BlockError`.
    public func decode(
        _ bytes: [UInt8],
        within times: Range<Int64> = .min..<(.max)
    ) throws(BlockError) -> DecodedBlock {
        let result = bytes.withUnsafeBytes { bytes in
            Result<DecodedBlock, BlockError> { () throws(BlockError) in try decode(bytes, within: times) }
        }
        return try result.get()
    }

    private func decodeColumn(
        _ reader: inout ByteReader,
        _ header: BlockHeader,
        after previous: ColumnID?
    ) throws(BlockError) -> ColumnID {
        let rawID: UInt8 = try reader.read()
        let rawEncoding: UInt8 = try reader.read()
        let exponent: Int8 = try reader.read()
        let _: UInt8 = try reader.read()
        let length: UInt32 = try reader.read()
        let content = try reader.take(Int(length))
        let isSparse = rawEncoding & BlockFormat.sparseBit != 0
        // The ascending order bounds the work of a block: no column comes twice.
        guard let id = ColumnID(rawValue: rawID), id.belongs(to: header.kind), rawID > (previous?.rawValue ?? 0),
            let encoding = BlockFormat.Encoding(rawValue: rawEncoding & ~BlockFormat.sparseBit),
            (encoding == .text) == (id == .idText), !(isSparse && id == .eventTime)
        else { throw BlockError(.malformedColumn, column: rawID) }
        var column = ByteReader(content, column: rawID)
        let target = columns.add(id, exponent)
        let bitmap = try isSparse ? column.take((header.count + 7) / 8) : nil
        let present = bitmap.map { BlockColumns.countBits($0, header.count) } ?? header.count
        let filled = UnsafeMutableBufferPointer(rebasing: target[..<present])
        if encoding == .text {
            try decodeTexts(&column, into: filled)
        } else {
            try decoder.decode(encoding, from: &column, into: filled)
        }
        guard column.remaining == 0, id.holds(filled) else { throw BlockError(.malformedColumn, column: rawID) }
        if let bitmap { BlockColumns.spread(target, present: present, bitmap, absent: id.absentValue) }
        guard id != .idText || columns.idsAreDistinct() else { throw BlockError(.malformedColumn, column: rawID) }
        return id
    }

    /// Reads the lengths of texts, and leaves the texts to the making of events.
    private func decodeTexts(
        _ reader: inout ByteReader,
        into lengths: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let rawEncoding: UInt8 = try reader.read()
        guard let encoding = BlockFormat.Encoding(rawValue: rawEncoding), encoding != .text else {
            throw BlockError(.malformedColumn, column: reader.column)
        }
        try decoder.decode(encoding, from: &reader, into: lengths)
        guard ColumnID.idText.holds(lengths) else { throw BlockError(.malformedColumn, column: reader.column) }
        columns.texts = try reader.take(Int(lengths.reduce(0, +)))
    }
}
