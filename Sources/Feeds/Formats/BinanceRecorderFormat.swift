public import MarketData

/// Lines of a receipt time in nanoseconds, a space and a message of Binance: `1723161255088169167 {"stream":…}`.
///
/// All messages are of one connection; their stream names are the sequence streams.
public struct BinanceRecorderFormat: LineFormat {
    public let name = "binance-recorder"
    public let onlyKind: EventKind? = nil
    private let venue: String

    /// `venue` is what the instruments are filed under.
    public init(venue: String = "BINANCE") {
        self.venue = venue
    }

    public func makeDecoder() -> any RecordDecoder {
        LineRecordDecoder(BinanceRecorderLines(), venue: venue)
    }
}

struct BinanceRecorderLines: LineDecoder {
    private let tokenizer = JSONTokenizer()
    private var dialect = BinanceDialect()

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        // Nanoseconds have at most nineteen digits.
        let head = UnsafeRawBufferPointer(rebasing: line.prefix(20))
        guard let space = head.firstIndex(of: UInt8(ascii: " ")),
            let nanoseconds = Int64(ascii: UnsafeRawBufferPointer(rebasing: head[0..<space])), nanoseconds >= 0
        else {
            builder.reject(.malformed, "the line does not begin with a receipt time in nanoseconds and a space")
            return
        }
        let frame = Frame(receiptTime: Timestamp(nanoseconds: nanoseconds))
        dialect.decode(line.dropping(space + 1), frame: frame, with: tokenizer, into: &builder)
    }
}
