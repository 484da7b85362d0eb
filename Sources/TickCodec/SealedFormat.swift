/// The layout of a sealed block, version 2.
///
/// Specified for other implementations in docs/block-format.md.
enum SealedFormat {
    static let version: UInt8 = 2
    /// Set in the byte of a column's id where some events have no value.
    static let sparseBit: UInt8 = 0x80
    /// The most bytes that the texts of one block have together: it bounds the memory of every reader.
    static let textBytesMax = 1 << 20
    /// The most times that differences are taken.
    static let orderMax = 2
    /// A bin is known by one byte.
    static let binsMax = 256
    /// The frequencies of bins add up to two to the power of at most this.
    static let precisionMax = 12

    /// The first byte of a series: how often differences were taken, and what follows.
    struct Form {
        static let orderMask: UInt8 = 3
        static let divisorBit: UInt8 = 4
        static let binsBit: UInt8 = 8

        var order: Int
        var hasDivisor: Bool
        /// Whether there is more than one bin.
        var hasBins: Bool
    }
}

extension SealedFormat.Form {
    /// Nil where the byte is none of a series.
    init?(rawValue: UInt8) {
        order = Int(rawValue & Self.orderMask)
        hasDivisor = rawValue & Self.divisorBit != 0
        hasBins = rawValue & Self.binsBit != 0
        guard rawValue == self.rawValue, order <= SealedFormat.orderMax else { return nil }
    }

    var rawValue: UInt8 {
        UInt8(truncatingIfNeeded: order) | (hasDivisor ? Self.divisorBit : 0) | (hasBins ? Self.binsBit : 0)
    }
}

/// Neighbouring numbers that share a symbol: `lower` + 0 ..< 2^`width`.
///
/// Of a number, the symbol of its bin is entropy-coded, and what it is above `lower` takes `width` bits.
struct Bin: Equatable {
    var lower: Int64
    var width: Int
    /// How many numbers are in it.
    var count: Int
}
