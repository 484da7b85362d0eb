@testable import TickCodec

/// The columns of a sound sealed block.
struct SealedLayout {
    struct Column {
        /// Its id and whether it is sparse.
        let head: UInt8
        let content: Range<Int>
    }

    private(set) var columns: [Column] = []

    init(_ block: [UInt8]) throws {
        columns = try block.withUnsafeBytes { bytes in
            let header = try BlockDecoder.header(of: bytes)
            return try Result<[Column], BlockError> { () throws(BlockError) in
                var reader = ByteReader(bytes)
                reader.position = header.columnsOffset
                var columns: [Column] = []
                for _ in 0..<header.columnCount {
                    let head: UInt8 = try reader.read()
                    let length = Int(try reader.readVariable())
                    columns.append(Column(head: head, content: reader.position..<(reader.position + length)))
                    _ = try reader.take(length)
                }
                return columns
            }.get()
        }
    }
}
