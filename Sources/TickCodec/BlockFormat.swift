public import MarketData

/// The layout of a block, version 1, and what both versions share.
///
/// Specified for other implementations in docs/block-format.md.
public enum BlockFormat {
    /// "TDB1", as the first four bytes.
    static let magic: UInt32 = 0x3142_4454
    static let version: UInt8 = 1
    static let headerBytes = 44
    static let directoryEntryBytes = 8
    static let checksumBytes = 4
    /// The most events of one block: it bounds the memory of every reader.
    public static let eventsMax = 65_536
    /// Values are packed in groups of this many, each group with a width of its own.
    static let groupCount = 128

    /// How the values of one column are stored.
    enum Encoding: UInt8 {
        /// One value for all events.
        case constant = 1
        /// The first value, then zigzag differences in packed groups.
        case delta = 2
        /// Packed groups of differences to the least value of the group.
        case offset = 3
        /// Distinct values, then packed indexes into them.
        case dictionary = 4
        /// Lengths, as a column of their own, then the bytes.
        case text = 5
    }

    /// Set in the encoding byte where some events have no value: a bitmap comes before the values that there are.
    static let sparseBit: UInt8 = 0x80
}

/// What a column means.
///
/// The raw values are stored; they are never given another meaning.
enum ColumnID: UInt8, CaseIterable {
    case eventTime = 1
    /// Receipt time minus event time.
    case receiptDelay = 2
    case sequence = 3
    case idNumber = 4
    case idText = 5
    case side = 6
    case flags = 7
    case price = 8
    case size = 9
    case venueCode = 10
    case condition = 11
    case bidPrice = 12
    case bidSize = 13
    case askPrice = 14
    case askSize = 15
    case open = 16
    case high = 17
    case low = 18
    case close = 19
    case volume = 20
    case interval = 21
    case stream = 22
}

extension ColumnID {
    /// Whether the values are mantissas of decimals, which have an exponent.
    var isDecimal: Bool {
        switch self {
        case .price, .size, .bidPrice, .bidSize, .askPrice, .askSize, .open, .high, .low, .close, .volume: true
        default: false
        }
    }

    static let count = allCases.count

    /// What an event without a value has in the column.
    var absentValue: Int64 {
        switch self {
        case .side, .flags, .venueCode, .condition, .interval, .stream: 0
        default: .min
        }
    }

    /// Whether events of the kind have such a column.
    func belongs(to kind: EventKind) -> Bool {
        switch self {
        case .eventTime, .receiptDelay, .sequence, .flags, .stream: true
        case .idNumber, .idText, .side, .price, .size: kind == .trade
        case .venueCode, .condition: kind != .candle
        case .bidPrice, .bidSize, .askPrice, .askSize: kind == .quote
        case .open, .high, .low, .close, .volume, .interval: kind == .candle
        }
    }

    /// Whether events can hold all the values.
    func holds(_ values: UnsafeMutableBufferPointer<Int64>) -> Bool {
        switch self {
        case .eventTime: values.allSatisfy { $0 != .min }
        case .side: values.allSatisfy { (0...2).contains($0) }
        case .flags: values.allSatisfy { (0...Int64(UInt32.max)).contains($0) }
        case .interval, .stream: values.allSatisfy { (Int64(Int32.min)...Int64(Int32.max)).contains($0) }
        case .idText: values.allSatisfy { (0...Int64(TextPool.textLengthMax)).contains($0) }
        default: true
        }
    }
}

/// What a block says about itself, readable without decoding its columns.
public struct BlockHeader: Equatable, Sendable {
    public let kind: EventKind
    public let count: Int
    /// The least and greatest tape position: those of the first and last event, unless the block is sealed.
    public let positions: ClosedRange<Int64>
    /// The least and greatest event time, in nanoseconds: those of the first and last event of a sealed block.
    public let eventTimes: ClosedRange<Int64>
    /// Whether the events are in the order of their event times (version 2), not in that of the tape (version 1).
    public var isSealed: Bool { version == SealedFormat.version }
    let version: UInt8
    let columnCount: Int
    /// Where the columns begin.
    let columnsOffset: Int
}

/// Why bytes are not a block.
///
/// The block is then to be quarantined, never skipped in silence.
public struct BlockError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case truncated
        case notABlock = "not_a_block"
        case unknownVersion = "unknown_version"
        case checksumMismatch = "checksum_mismatch"
        case malformedHeader = "malformed_header"
        case malformedColumn = "malformed_column"
    }

    public let code: Code
    /// The column, by its number in the format.
    public let column: UInt8?

    package init(_ code: Code, column: UInt8? = nil) {
        self.code = code
        self.column = column
    }

    public var description: String {
        "the block is damaged: \(code.rawValue)" + (column.map { " in column \($0)" } ?? "")
    }
}
