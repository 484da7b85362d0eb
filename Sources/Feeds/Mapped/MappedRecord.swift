import MarketData

/// Turns the texts of one record's mapped fields into an event; shared by NDJSON and CSV.
struct MappedRecord {
    private typealias Meaning = FieldMapping.Meaning

    private let kind: EventKind
    private let defaultSymbol: [UInt8]
    /// The text of each meaning in the current record, by the raw value.
    private var texts: ContiguousArray<UnsafeRawBufferPointer>
    /// One bit for each meaning that the current record has.
    private var present: UInt32 = 0
    /// The stream of each instrument, where records name none; -1 where it was not needed yet.
    private var instrumentStreams: ContiguousArray<Int32> = []

    init(mapping: FieldMapping, symbol: String?) {
        kind = mapping.kind
        defaultSymbol = Array((symbol ?? "").utf8)
        texts = .init(repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: Meaning.allCases.count)
    }

    @inline(__always)
    mutating func begin() {
        present = 0
    }

    /// Sets the text of the meaning with that raw value.
    ///
    /// Empty text counts as absent.
    @inline(__always)
    mutating func set(_ place: Int, _ text: UnsafeRawBufferPointer) {
        guard !text.isEmpty else { return }
        texts[place] = text
        present |= 1 << UInt32(truncatingIfNeeded: place)
    }

    @inline(__always)
    private func text(_ meaning: Meaning) -> UnsafeRawBufferPointer? {
        present & (1 << UInt32(truncatingIfNeeded: meaning.rawValue)) != 0 ? texts[meaning.rawValue] : nil
    }

    /// Builds the event of the current record, or rejects the record.
    @inline(__always)
    mutating func finish(into builder: inout BatchBuilder) {
        do throws(Fault) {
            let event = try makeEvent(&builder)
            builder.append(event)
        } catch {
            builder.reject(error.rule, error.reason, kind: kind)
        }
    }

    private struct Fault: Error {
        let rule: RejectRule
        let reason: String
    }

    @inline(__always)
    private mutating func makeEvent(_ builder: inout BatchBuilder) throws(Fault) -> MarketEvent {
        let time = try time(.time)
        guard !time.isAbsent else { throw Fault(rule: .missingField, reason: "there is no 'time'") }
        let payload = try payload(&builder)
        let instrument = try instrument(&builder)
        var event = MarketEvent(
            position: .start,
            eventTime: time,
            receiptTime: try self.time(.receipt),
            instrument: instrument,
            stream: stream(of: instrument, &builder),
            payload: payload
        )
        if let text = text(.sequence) {
            guard let number = Int64(ascii: text) else {
                throw Fault(rule: .invalidNumber, reason: "'sequence' is no 64-bit integer")
            }
            event.sequence = number
            event.orderNumber = number
            event.sequenceRule = .contiguous
        } else if case .trade(let trade) = payload, trade.id.form == .number {
            event.orderNumber = trade.id.value
            event.sequenceRule = .increasing
        }
        return event
    }

    @inline(__always)
    private mutating func instrument(_ builder: inout BatchBuilder) throws(Fault) -> Int32 {
        if let symbol = text(.symbol) { return builder.instrument(symbol: symbol) }
        guard !defaultSymbol.isEmpty else { throw Fault(rule: .missingField, reason: "there is no 'symbol'") }
        return defaultSymbol.withUnsafeBytes { builder.instrument(symbol: $0) }
    }

    @inline(__always)
    private mutating func stream(of instrument: Int32, _ builder: inout BatchBuilder) -> Int32 {
        if let name = text(.stream) { return builder.stream(name) }
        let index = Int(instrument)
        if index < instrumentStreams.count, instrumentStreams[index] >= 0 { return instrumentStreams[index] }
        return makeStream(of: index, instrument, &builder)
    }

    /// Only records that need one make a stream: which there are must not depend on how the tape is cut into slabs.
    private mutating func makeStream(of index: Int, _ instrument: Int32, _ builder: inout BatchBuilder) -> Int32 {
        while instrumentStreams.count <= index { instrumentStreams.append(-1) }
        instrumentStreams[index] = builder.stream(builder.instrument(at: instrument).description)
        return instrumentStreams[index]
    }

    @inline(__always)
    private func time(_ meaning: Meaning) throws(Fault) -> Timestamp {
        guard let text = text(meaning) else { return .absent }
        guard let time = Timestamp(parsing: text) else {
            throw Fault(rule: .invalidTime, reason: "'\(meaning.name)' is no time")
        }
        return time
    }

    @inline(__always)
    private func decimal(_ meaning: Meaning, required: Bool) throws(Fault) -> ExactDecimal {
        guard let text = text(meaning) else {
            guard required else { return .absent }
            throw Fault(rule: .missingField, reason: "there is no '\(meaning.name)'")
        }
        guard let number = ExactDecimal(parsing: text) else {
            let reason = "'\(meaning.name)' is no decimal number that fits into 64 bits"
            throw Fault(rule: .invalidNumber, reason: reason)
        }
        return number
    }

    @inline(__always)
    private func payload(_ builder: inout BatchBuilder) throws(Fault) -> MarketEvent.Payload {
        switch kind {
        case .trade:
            return .trade(
                Trade(
                    price: try decimal(.price, required: true),
                    size: try decimal(.size, required: true),
                    id: try id(&builder),
                    side: try side()
                )
            )
        case .quote:
            return .quote(
                Quote(
                    bidPrice: try decimal(.bidPrice, required: false),
                    bidSize: try decimal(.bidSize, required: false),
                    askPrice: try decimal(.askPrice, required: false),
                    askSize: try decimal(.askSize, required: false)
                )
            )
        case .candle: return .candle(try candle())
        }
    }

    private func candle() throws(Fault) -> Candle {
        var interval: Int32 = 0
        if let text = text(.interval) {
            guard let seconds = Int64(ascii: text), let fitting = Int32(exactly: seconds), fitting > 0 else {
                throw Fault(rule: .invalidNumber, reason: "'interval' is no number of seconds")
            }
            interval = fitting
        }
        return Candle(
            open: try decimal(.open, required: true),
            high: try decimal(.high, required: true),
            low: try decimal(.low, required: true),
            close: try decimal(.close, required: true),
            volume: try decimal(.volume, required: false),
            interval: interval
        )
    }

    @inline(__always)
    private func id(_ builder: inout BatchBuilder) throws(Fault) -> EventID {
        guard let text = text(.id) else { return .absent }
        // "007" is not the number 7: only what prints the same again may be stored as a number.
        if text[0] != UInt8(ascii: "0") || text.count == 1, text[0] != UInt8(ascii: "-"),
            let number = Int64(ascii: text)
        {
            return EventID(number: number)
        }
        guard text.count <= TextPool.textLengthMax else {
            throw Fault(rule: .idTooLong, reason: "'id' is longer than \(TextPool.textLengthMax) bytes")
        }
        return builder.addText(text)
    }

    @inline(__always)
    private func side() throws(Fault) -> Side {
        guard let text = text(.side) else { return .unknown }
        guard let side = Side(parsing: text) else {
            throw Fault(rule: .invalidSide, reason: "'side' is neither buy nor sell")
        }
        return side
    }
}

extension Side {
    /// Reads `buy`, `sell`, `b` or `s` in any case.
    @inline(__always)
    init?(parsing text: UnsafeRawBufferPointer) {
        guard let first = text.first else { return nil }
        switch first | 0x20 {
        case UInt8(ascii: "b"):
            guard text.count == 1 || text.equalsIgnoringCase("buy") else { return nil }
            self = .buy
        case UInt8(ascii: "s"):
            guard text.count == 1 || text.equalsIgnoringCase("sell") else { return nil }
            self = .sell
        default: return nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are these lower-case letters, in any case.
    @inline(__always)
    fileprivate func equalsIgnoringCase(_ other: StaticString) -> Bool {
        guard count == other.utf8CodeUnitCount else { return false }
        for offset in 0..<count where self[offset] | 0x20 != other.utf8Start[offset] { return false }
        return true
    }
}
