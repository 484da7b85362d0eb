/// The kinds of events that are stored.
///
/// The raw values are stored in documents and blocks.
public enum EventKind: UInt8, CaseIterable, Sendable {
    case trade = 1
    case quote = 2
    case candle = 3

    public var name: String {
        switch self {
        case .trade: "trade"
        case .quote: "quote"
        case .candle: "candle"
        }
    }

    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// Where on its tape an event stands: the line (or frame) and the place within it.
///
/// Positions of one tape are totally ordered; they are what makes a replay exact.
public struct TapePosition: Hashable, Comparable, Sendable {
    public var rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// One line or frame may hold up to 2^20 events.
    public static let eventBits: Int64 = 20
    /// Before everything on the tape.
    public static let start = TapePosition(rawValue: -1)

    public init(line: Int64, event: Int64) {
        rawValue = line << Self.eventBits | event
    }

    /// The line, counted from zero.
    public var line: Int64 { rawValue >> Self.eventBits }

    public static func < (left: TapePosition, right: TapePosition) -> Bool { left.rawValue < right.rawValue }
}

/// Who took the initiative in a trade.
public enum Side: UInt8, Sendable {
    case unknown = 0
    case buy = 1
    case sell = 2

    public var name: String {
        switch self {
        case .unknown: ""
        case .buy: "buy"
        case .sell: "sell"
        }
    }
}

/// A venue's identifier of a trade: a number where it is one, otherwise text in the pool of its batch.
public struct EventID: Hashable, Sendable {
    public enum Form: UInt8, Sendable {
        case absent
        case number
        case text
    }

    public var form: Form
    /// The number, or the place of the text in the pool: offset × 2^16 + length.
    public var value: Int64

    public static var absent: EventID { EventID(form: .absent, value: 0) }

    public init(number: Int64) {
        self.init(form: .number, value: number)
    }

    private init(form: Form, value: Int64) {
        self.form = form
        self.value = value
    }

    init(textOffset: Int, length: Int) {
        self.init(form: .text, value: Int64(textOffset) << 16 | Int64(length))
    }

    /// The bytes of a text identifier within its pool.
    public var textRange: Range<Int> {
        let offset = Int(value >> 16)
        return offset..<(offset + Int(value & 0xFFFF))
    }
}

/// Text identifiers of one batch, one behind the other.
public struct TextPool: Sendable {
    /// Longer identifiers are refused by the rule `id_too_long`.
    public static let textLengthMax = 0xFFFF

    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func add(_ text: some Collection<UInt8>) -> EventID {
        precondition(text.count <= Self.textLengthMax)
        let offset = bytes.count
        bytes.append(contentsOf: text)
        return EventID(textOffset: offset, length: text.count)
    }

    public subscript(id: EventID) -> ArraySlice<UInt8> { bytes[id.textRange] }
}

/// Up to eight ASCII characters in one integer: venue codes and sale conditions of consolidated tapes.
public struct ShortCode: Hashable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    public static var absent: ShortCode { ShortCode(rawValue: 0) }

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Nil where the text is longer than eight bytes or holds a NUL.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count <= 8 else { return nil }
        var value: UInt64 = 0
        for (index, byte) in text.enumerated() {
            guard byte != 0 else { return nil }
            value |= UInt64(byte) << (8 * UInt64(index))
        }
        rawValue = value
    }

    public var description: String {
        let count = 8 - rawValue.leadingZeroBitCount / 8
        return String(
            decoding: (0..<count).map { UInt8(truncatingIfNeeded: rawValue >> (8 * UInt64($0))) },
            as: UTF8.self
        )
    }
}

/// One execution.
public struct Trade: Sendable {
    public var price: ExactDecimal
    public var size: ExactDecimal
    public var id: EventID
    public var side: Side
    /// The exchange within a consolidated tape.
    public var venueCode: ShortCode
    public var condition: ShortCode

    public init(
        price: ExactDecimal,
        size: ExactDecimal,
        id: EventID = .absent,
        side: Side = .unknown,
        venueCode: ShortCode = .absent,
        condition: ShortCode = .absent
    ) {
        self.price = price
        self.size = size
        self.id = id
        self.side = side
        self.venueCode = venueCode
        self.condition = condition
    }
}

/// The best bid and ask, or one side of it where the source sends the sides apart.
public struct Quote: Sendable {
    public var bidPrice: ExactDecimal
    public var bidSize: ExactDecimal
    public var askPrice: ExactDecimal
    public var askSize: ExactDecimal
    public var venueCode: ShortCode
    public var condition: ShortCode

    public init(
        bidPrice: ExactDecimal,
        bidSize: ExactDecimal,
        askPrice: ExactDecimal,
        askSize: ExactDecimal,
        venueCode: ShortCode = .absent,
        condition: ShortCode = .absent
    ) {
        self.bidPrice = bidPrice
        self.bidSize = bidSize
        self.askPrice = askPrice
        self.askSize = askSize
        self.venueCode = venueCode
        self.condition = condition
    }
}

/// One bar as a source sent it.
///
/// The event time is the start of the bar.
public struct Candle: Sendable {
    public var open: ExactDecimal
    public var high: ExactDecimal
    public var low: ExactDecimal
    public var close: ExactDecimal
    public var volume: ExactDecimal
    /// The length of the bar in seconds; zero where the source does not say.
    public var interval: Int32

    public init(
        open: ExactDecimal,
        high: ExactDecimal,
        low: ExactDecimal,
        close: ExactDecimal,
        volume: ExactDecimal,
        interval: Int32
    ) {
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.interval = interval
    }
}

/// How the numbers of a sequence stream run, which decides what a missing or repeated one means.
public enum SequenceRule: UInt8, Sendable {
    /// The stream has no numbers.
    case none
    /// Each number is one more than the last: a hole is a gap, a repetition is a duplicate.
    case contiguous
    /// Numbers grow by any amount: there are no gaps to see; a number seen lately is a duplicate.
    case increasing
}

/// One decoded event, as it travels in batches.
///
/// A trivial value: copying it is copying bytes.
public struct MarketEvent: Sendable {
    public enum Payload: Sendable {
        case trade(Trade)
        case quote(Quote)
        case candle(Candle)

        public var kind: EventKind {
            switch self {
            case .trade: .trade
            case .quote: .quote
            case .candle: .candle
            }
        }
    }

    public var position: TapePosition
    public var eventTime: Timestamp
    public var receiptTime: Timestamp
    /// The venue's sequence number as it is stored; `Int64.min` where there is none.
    public var sequence: Int64
    /// The number that orders this event within its sequence stream, under `sequenceRule`.
    public var orderNumber: Int64
    /// Index into the instruments of the decoder that made the event.
    public var instrument: Int32
    /// Index into the sequence streams of the decoder that made the event.
    public var stream: Int32
    public var flags: EventFlags
    public var sequenceRule: SequenceRule
    public var payload: Payload

    public static let noSequence = Int64.min

    public init(
        position: TapePosition,
        eventTime: Timestamp,
        receiptTime: Timestamp = .absent,
        sequence: Int64 = MarketEvent.noSequence,
        orderNumber: Int64 = 0,
        sequenceRule: SequenceRule = .none,
        instrument: Int32,
        stream: Int32,
        flags: EventFlags = [],
        payload: Payload
    ) {
        self.position = position
        self.eventTime = eventTime
        self.receiptTime = receiptTime
        self.sequence = sequence
        self.orderNumber = orderNumber
        self.instrument = instrument
        self.stream = stream
        self.flags = flags
        self.sequenceRule = sequenceRule
        self.payload = payload
    }
}
