import MarketData

/// Fields of messages, as what they must be. The faults name the field, not its value.
extension JSONValue {
    /// The field of that name; a scan of the fields.
    @inline(__always)
    func required(_ name: StaticString) throws(MessageFault) -> JSONValue {
        guard let value = self[name] else { throw MessageFault(.missingField, name) }
        return value
    }

    /// The element at a place of an array, which a fault calls `name`.
    @inline(__always)
    func required(_ place: Int, _ name: StaticString) throws(MessageFault) -> JSONValue {
        guard let value = self[place] else { throw MessageFault(.missingField, name) }
        return value
    }

    /// The bar whose open, high, low and close are the elements from a place on, and whose volume is another one.
    func candle(from place: Int, volume: Int, interval: Int32) throws(MessageFault) -> Candle {
        Candle(
            open: try required(place, "open").asDecimal("open"),
            high: try required(place + 1, "high").asDecimal("high"),
            low: try required(place + 2, "low").asDecimal("low"),
            close: try required(place + 3, "close").asDecimal("close"),
            volume: try required(volume, "volume").asDecimal("volume"),
            interval: interval
        )
    }

    @inline(__always)
    func list(_ name: StaticString) throws(MessageFault) -> JSONValue {
        let value = try required(name)
        guard value.form == .array else { throw MessageFault(.missingField, name) }
        return value
    }

    @inline(__always)
    func object(_ name: StaticString) throws(MessageFault) -> JSONValue {
        let value = try required(name)
        guard value.form == .object else { throw MessageFault(.missingField, name) }
        return value
    }

    @inline(__always)
    func decimal(_ name: StaticString) throws(MessageFault) -> ExactDecimal {
        try required(name).asDecimal(name)
    }

    @inline(__always)
    func integer(_ name: StaticString) throws(MessageFault) -> Int64 {
        guard let number = try required(name).integer else { throw MessageFault(.invalidNumber, name) }
        return number
    }

    /// A sequence number that the venue may leave out.
    @inline(__always)
    func optionalInteger(_ name: StaticString) throws(MessageFault) -> Int64? {
        guard let value = self[name], value.form != .null else { return nil }
        guard let number = value.integer else { throw MessageFault(.invalidNumber, name) }
        return number
    }

    /// A Unix time of that unit.
    @inline(__always)
    func time(_ name: StaticString, _ unit: TimeUnit) throws(MessageFault) -> Timestamp {
        try required(name).asTime(name, unit)
    }

    /// `buy` or `sell`, as the venue writes them.
    @inline(__always)
    func side(_ name: StaticString, buy: StaticString, sell: StaticString) throws(MessageFault) -> Side {
        try required(name).asSide(name, buy: buy, sell: sell)
    }

    /// The best price and size of one side; both absent where the venue shows an empty side as zero or nothing.
    @inline(__always)
    func level(_ price: StaticString, _ size: StaticString) throws(MessageFault) -> PriceLevel {
        try PriceLevel(try required(price), price, size: try required(size), size)
    }
}

extension JSONValue {
    @inline(__always)
    func asDecimal(_ name: StaticString) throws(MessageFault) -> ExactDecimal {
        guard let number = decimal else { throw MessageFault(.invalidNumber, name) }
        return number
    }

    @inline(__always)
    func asTime(_ name: StaticString, _ unit: TimeUnit) throws(MessageFault) -> Timestamp {
        guard let text = scalarText, let time = unit.timestamp(text), time.nanoseconds >= 0 else {
            throw MessageFault(.invalidTime, name)
        }
        return time
    }

    @inline(__always)
    func asSide(_ name: StaticString, buy: StaticString, sell: StaticString) throws(MessageFault) -> Side {
        guard let text = scalarText else { throw MessageFault(.invalidSide, name) }
        if text.matches(buy) { return .buy }
        if text.matches(sell) { return .sell }
        throw MessageFault(.invalidSide, name)
    }

    /// Whether the value is text that begins with these characters.
    @inline(__always)
    func hasPrefix(_ prefix: StaticString) -> Bool { form == .string && text.hasPrefix(prefix) }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes begin with these characters.
    @inline(__always)
    func hasPrefix(_ prefix: StaticString) -> Bool {
        count >= prefix.utf8CodeUnitCount
            && UnsafeRawBufferPointer(rebasing: self[0..<prefix.utf8CodeUnitCount]).matches(prefix)
    }

    /// The bytes behind the first `count` ones.
    @inline(__always)
    func dropping(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: dropFirst(count)) }
}

/// One side of a quote.
struct PriceLevel {
    static let none = PriceLevel(price: .absent, size: .absent)

    let price: ExactDecimal
    let size: ExactDecimal

    private init(price: ExactDecimal, size: ExactDecimal) {
        self.price = price
        self.size = size
    }

    @inline(__always)
    init(
        _ price: JSONValue,
        _ priceName: StaticString,
        size: JSONValue,
        _ sizeName: StaticString
    ) throws(MessageFault) {
        if let text = price.scalarText, text.isEmpty {
            self = .none
            return
        }
        let number = try price.asDecimal(priceName)
        let quantity = try size.asDecimal(sizeName)
        self = number.mantissa == 0 ? .none : PriceLevel(price: number, size: quantity)
    }

    /// The first level of a list of `[price, size, …]`, or none where it is empty.
    init(firstOf levels: JSONValue, _ name: StaticString) throws(MessageFault) {
        guard let first = levels[0] else {
            self = .none
            return
        }
        try self.init(try first.required(0, name), name, size: try first.required(1, name), name)
    }
}

extension Quote {
    @inline(__always)
    init(bid: PriceLevel, ask: PriceLevel) {
        self.init(bidPrice: bid.price, bidSize: bid.size, askPrice: ask.price, askSize: ask.size)
    }
}

/// How a venue writes its times.
enum TimeUnit {
    case seconds
    case milliseconds
    case microseconds
    case rfc3339

    @inline(__always)
    func timestamp(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        switch self {
        case .seconds: Timestamp(parsingSeconds: text)
        case .milliseconds: Int64(ascii: text).flatMap { Timestamp(milliseconds: $0) }
        case .microseconds: Self.microseconds(text)
        case .rfc3339: text.count >= 10 && text[4] == UInt8(ascii: "-") ? Timestamp(parsing: text) : nil
        }
    }

    @inline(__always)
    private static func microseconds(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard let number = Int64(ascii: text) else { return nil }
        let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: 1_000)
        return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
    }
}
