private import CChecksum
public import MarketData

/// The events of one block, in the order of their positions.
///
/// Instruments and streams are not part of a block.
///
/// A block keeps the positions of its first and last event only: those of the events between are lower bounds, in
/// the order of the true ones.
public struct DecodedBlock: Sendable {
    public let header: BlockHeader
    public let events: ContiguousArray<MarketEvent>
    public let texts: TextPool
}

/// Reads blocks.
///
/// Any bytes give events or a typed error, in time and memory bounded by their length.
///
/// Holds scratch memory; used by one task at a time.
public final class BlockDecoder {
    private var decoder = ColumnDecoder()
    private let columns = BlockColumns()

    public init() {}

    /// Reads what a block says about itself, after checking its checksum.
    ///
    /// - Throws: `BlockError`.
    public static func header(of bytes: UnsafeRawBufferPointer) throws(BlockError) -> BlockHeader {
        let smallest = BlockFormat.headerBytes + BlockFormat.checksumBytes
        guard bytes.count >= smallest else { throw BlockError(.truncated) }
        var reader = ByteReader(bytes)
        guard try reader.read() == BlockFormat.magic else { throw BlockError(.notABlock) }
        guard try reader.read() == BlockFormat.version else { throw BlockError(.unknownVersion) }
        let content = bytes.count - BlockFormat.checksumBytes
        let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: content, as: UInt32.self))
        guard tapedesk_crc32c(0, bytes.baseAddress, content) == stored else { throw BlockError(.checksumMismatch) }
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
            columnCount: Int(columnCount)
        )
    }

    /// Decodes a block.
    ///
    /// - Throws: `BlockError`.
    public func decode(_ bytes: UnsafeRawBufferPointer) throws(BlockError) -> DecodedBlock {
        let header = try Self.header(of: bytes)
        columns.begin(header)
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - BlockFormat.checksumBytes)])
        var reader = ByteReader(content)
        reader.position = BlockFormat.headerBytes
        var previous: ColumnID?
        for _ in 0..<header.columnCount {
            previous = try decodeColumn(&reader, header, after: previous)
        }
        guard reader.remaining == 0 else { throw BlockError(.malformedHeader) }
        guard columns.has(.eventTime) else { throw BlockError(.malformedColumn, column: ColumnID.eventTime.rawValue) }
        var texts = TextPool()
        let events = columns.makeEvents(header, &texts)
        return DecodedBlock(header: header, events: events, texts: texts)
    }

    /// Decodes a block that is held in an array.
    ///
    /// - Throws: `BlockError`.
    public func decode(_ bytes: [UInt8]) throws(BlockError) -> DecodedBlock {
        let result = bytes.withUnsafeBytes { bytes in
            Result<DecodedBlock, BlockError> { () throws(BlockError) in try decode(bytes) }
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
