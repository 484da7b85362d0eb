import Console
import JSONOutput
import MarketData
import TickStore

/// Events as rows of text.
struct EventText {
    let kind: EventKind
    let format: ExportFormat
    var bytes: [UInt8] = []
    private var isFirstField = true

    init(kind: EventKind, format: ExportFormat) {
        self.kind = kind
        self.format = format
    }

    /// Appends the line that names the columns, where the format has one.
    mutating func appendHeader() {
        guard format == .csv else { return }
        let names =
            switch kind {
            case .trade: "event_time,receipt_time,id,sequence,price,size,side,flags"
            case .quote: "event_time,receipt_time,sequence,bid_price,bid_size,ask_price,ask_size,flags"
            case .candle: "event_time,receipt_time,interval,open,high,low,close,volume,flags"
            }
        bytes.append(contentsOf: names.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Appends one event.
    mutating func append(_ stored: StoredEvent) {
        let event = stored.event
        beginRow()
        integer("event_time", event.eventTime.nanoseconds)
        integer("receipt_time", event.receiptTime.isAbsent ? nil : event.receiptTime.nanoseconds)
        let sequence = event.sequence == MarketEvent.noSequence ? nil : event.sequence
        switch event.payload {
        case .trade(let trade):
            if let text = stored.idText {
                string("id", text)
            } else {
                integer("id", trade.id.form == .number ? trade.id.value : nil)
            }
            integer("sequence", sequence)
            decimal("price", trade.price)
            decimal("size", trade.size)
            string("side", trade.side.name)
            codes(trade.venueCode, trade.condition)
        case .quote(let quote):
            integer("sequence", sequence)
            decimal("bid_price", quote.bidPrice)
            decimal("bid_size", quote.bidSize)
            decimal("ask_price", quote.askPrice)
            decimal("ask_size", quote.askSize)
            codes(quote.venueCode, quote.condition)
        case .candle(let candle):
            integer("interval", candle.interval == 0 ? nil : Int64(candle.interval))
            decimal("open", candle.open)
            decimal("high", candle.high)
            decimal("low", candle.low)
            decimal("close", candle.close)
            decimal("volume", candle.volume)
        }
        string("flags", event.flags.isEmpty ? "" : event.flags.setNames.joined(separator: "|"))
        endRow()
    }

    private mutating func beginRow() {
        isFirstField = true
        if format == .ndjson { bytes.append(UInt8(ascii: "{")) }
    }

    private mutating func endRow() {
        if format == .ndjson { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func beginField(_ name: StaticString) {
        if !isFirstField { bytes.append(UInt8(ascii: ",")) }
        isFirstField = false
        guard format == .ndjson else { return }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func integer(_ name: StaticString, _ value: Int64?) {
        beginField(name)
        if let value {
            ExactDecimal(mantissa: value, exponent: 0).appendText(to: &bytes)
        } else if format == .ndjson {
            bytes.append(contentsOf: "null".utf8)
        }
    }

    /// Decimals are strings in JSON: a number there would come back as a floating-point one.
    private mutating func decimal(_ name: StaticString, _ value: ExactDecimal) {
        beginField(name)
        guard format == .ndjson else {
            value.appendText(to: &bytes)
            return
        }
        guard !value.isAbsent else {
            bytes.append(contentsOf: "null".utf8)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        value.appendText(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func string(_ name: StaticString, _ value: String) {
        beginField(name)
        guard format == .csv else {
            JSONText.string(value).append(to: &bytes)
            return
        }
        let needsQuotes = value.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 < 0x20 }
        guard needsQuotes else {
            bytes.append(contentsOf: value.utf8)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The exchange and the sale condition of consolidated tapes: fields of NDJSON only, where there are any.
    private mutating func codes(_ venue: ShortCode, _ condition: ShortCode) {
        guard format == .ndjson else { return }
        if venue != .absent { string("venue_code", venue.description) }
        if condition != .absent { string("condition", condition.description) }
    }
}
