import MarketData

/// What one event of a block says, in the form in which both decoders are compared.
struct EventRow: Decodable, Equatable {
    /// A decimal as plain text, so that equal numbers are equal.
    struct Decimal: Decodable, Equatable {
        let text: String

        init?(_ number: ExactDecimal) {
            guard !number.isAbsent else { return nil }
            text = number.description
        }

        init(from decoder: any Decoder) throws {
            var parts = try decoder.unkeyedContainer()
            let mantissa = try parts.decode(Int64.self)
            text = ExactDecimal(mantissa: mantissa, exponent: try parts.decode(Int8.self)).description
        }
    }

    var eventTime: Int64
    var receiptTime: Int64?
    var sequence: Int64?
    var id: Int64?
    var textId: String?
    var side: String?
    var flags: [String]?
    var price: Decimal?
    var size: Decimal?
    var venueCode: String?
    var condition: String?
    var bidPrice: Decimal?
    var bidSize: Decimal?
    var askPrice: Decimal?
    var askSize: Decimal?
    var open: Decimal?
    var high: Decimal?
    var low: Decimal?
    var close: Decimal?
    var volume: Decimal?
    var interval: Int32?
    var stream: Int32?

    init(_ event: MarketEvent, _ texts: TextPool) {
        eventTime = event.eventTime.nanoseconds
        receiptTime = event.receiptTime.isAbsent ? nil : event.receiptTime.nanoseconds
        sequence = event.sequence == MarketEvent.noSequence ? nil : event.sequence
        stream = event.stream == 0 ? nil : event.stream
        flags = event.flags.isEmpty ? nil : event.flags.setNames
        switch event.payload {
        case .trade(let trade): set(trade, texts)
        case .quote(let quote):
            bidPrice = Decimal(quote.bidPrice)
            bidSize = Decimal(quote.bidSize)
            askPrice = Decimal(quote.askPrice)
            askSize = Decimal(quote.askSize)
            venueCode = Self.text(quote.venueCode)
            condition = Self.text(quote.condition)
        case .candle(let candle):
            open = Decimal(candle.open)
            high = Decimal(candle.high)
            low = Decimal(candle.low)
            close = Decimal(candle.close)
            volume = Decimal(candle.volume)
            interval = candle.interval == 0 ? nil : candle.interval
        }
    }

    private mutating func set(_ trade: Trade, _ texts: TextPool) {
        switch trade.id.form {
        case .absent: break
        case .number: id = trade.id.value
        case .text: textId = texts[trade.id].map { Self.hex($0) }.joined()
        }
        side = trade.side == .unknown ? nil : trade.side.name
        price = Decimal(trade.price)
        size = Decimal(trade.size)
        venueCode = Self.text(trade.venueCode)
        condition = Self.text(trade.condition)
    }

    private static func text(_ code: ShortCode) -> String? {
        guard code != .absent else { return nil }
        let count = 8 - code.rawValue.leadingZeroBitCount / 8
        return (0..<count).map { hex(UInt8(truncatingIfNeeded: code.rawValue >> (8 * UInt64($0)))) }.joined()
    }

    static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

/// What a block says about itself, as the decoder in Python prints it.
struct HeaderRow: Decodable, Equatable {
    var kind: String
    var sealed: Bool
    var count: Int
    var positions: [Int64]
    var eventTimes: [Int64]
}
