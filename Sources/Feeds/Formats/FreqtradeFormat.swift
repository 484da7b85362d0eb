public import MarketData

/// Bars as freqtrade keeps them: one JSON array of rows `[milliseconds, open, high, low, close, volume]`.
///
/// A row is a record, and the file may be one line: records end with their brackets. Neither instrument nor interval
/// are in the file; the interval is in its name, as in `BTC_USDT-1m.json`.
public struct FreqtradeFormat: RecordFormat {
    public let name = "freqtrade"
    /// The length of the bars in seconds; zero where it is not known.
    public let interval: Int32
    private let instrument: Instrument

    public init(instrument: Instrument, fileName: String) {
        self.instrument = instrument
        interval = Self.interval(inName: fileName)
    }

    /// The interval at the end of a name, before its extensions.
    private static func interval(inName name: String) -> Int32 {
        let base = name.prefix { $0 != "." }
        guard let dash = base.lastIndex(of: "-") else { return 0 }
        var text = String(base[base.index(after: dash)...])
        return text.withUTF8 { BarLength.seconds(UnsafeRawBufferPointer($0)) } ?? 0
    }

    public var onlyKind: EventKind? { .candle }

    public func makeDecoder() -> any RecordDecoder {
        FreqtradeDecoder(instrument: instrument, interval: interval)
    }

    /// Whether a file begins as these do: with a row of six, in an array, that begins with milliseconds.
    static func begins(_ head: ArraySlice<UInt8>) -> Bool {
        let text = head.prefix { $0 != UInt8(ascii: "]") }.filter { !isBlank($0) }
        let fields = text.dropFirst(2).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard text.starts(with: "[[".utf8), fields.count == FreqtradeRow.columns else { return false }
        return fields[0].count >= 12 && fields[0].allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
    }

    fileprivate static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\t")
    }
}

// Framing by closing brackets: the last of a file ends the array, and no row.
extension FreqtradeFormat {
    private static let close = UInt8(ascii: "]")

    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int {
        bytes.lastIndex(of: Self.close).map { $0 + 1 } ?? 0
    }

    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        let count = bytes.firstIndex(of: Self.close).map { $0 + 1 } ?? bytes.count
        return (count, FreqtradeRow(UnsafeRawBufferPointer(rebasing: bytes[..<count])).isRecord)
    }

    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        guard let end = bytes.firstIndex(of: Self.close) else { return (bytes.count, false) }
        return (end + 1, true)
    }

    public var lastRecordMayBeOpen: Bool { true }
}

/// The bytes up to a closing bracket, taken apart.
private struct FreqtradeRow {
    /// What is between the brackets; what there is, where one of them is missing.
    let content: UnsafeRawBufferPointer
    /// Whether there is anything but brackets, blanks and the comma between two rows.
    let isRecord: Bool
    /// Whether both brackets are there.
    let isWhole: Bool

    static let columns = 6

    init(_ bytes: UnsafeRawBufferPointer) {
        let hasEnd = bytes.last == UInt8(ascii: "]")
        let body = hasEnd ? bytes.dropLast() : bytes[...]
        let open = body.lastIndex(of: UInt8(ascii: "["))
        content = UnsafeRawBufferPointer(rebasing: open.map { body[($0 + 1)...] } ?? body)
        isWhole = hasEnd && open != nil
        isRecord = !body.allSatisfy {
            FreqtradeFormat.isBlank($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "[")
        }
    }
}

private final class FreqtradeDecoder: RecordDecoder {
    private var builder: BatchBuilder
    private let symbol: [UInt8]
    private let interval: Int32

    init(instrument: Instrument, interval: Int32) {
        builder = BatchBuilder(venue: instrument.venue)
        symbol = Array(instrument.symbol.utf8)
        self.interval = interval
    }

    func decode(_ slab: Slab) -> EventBatch {
        builder.begin(byteCount: slab.count)
        guard case .records = slab.content else {
            builder.append(slab.content, of: slab, kind: .candle)
            return builder.finish(slab)
        }
        var rest = slab.bytes
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
            let bytes = UnsafeRawBufferPointer(rebasing: rest[..<(end ?? rest.count)])
            rest = UnsafeRawBufferPointer(rebasing: rest[bytes.count...])
            let row = FreqtradeRow(bytes)
            if row.isRecord {
                builder.beginRecord(bytes)
                decode(row)
                // A row without its bracket was cut off: it is not the feed's fault.
                if end == nil, slab.isOpen, builder.withdrawMalformedRecord(length: bytes.count) { break }
            }
            if end != nil || row.isRecord { builder.endLine() }
        }
        return builder.finish(slab)
    }

    private func decode(_ row: FreqtradeRow) {
        var fields: [UnsafeRawBufferPointer] = []
        for field in row.content.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            fields.append(trimmed(field))
        }
        guard row.isWhole, fields.count == FreqtradeRow.columns else {
            builder.reject(.malformed, "it is no row of \(FreqtradeRow.columns) numbers in brackets", kind: .candle)
            return
        }
        guard let milliseconds = Int64(ascii: fields[0]), let time = Timestamp(milliseconds: milliseconds) else {
            builder.reject(.invalidTime, "the first number of the row is no time in milliseconds", kind: .candle)
            return
        }
        let numbers = fields[1...].compactMap { ExactDecimal(parsing: $0) }
        guard numbers.count == FreqtradeRow.columns - 1 else {
            builder.reject(.invalidNumber, "a number of the row is none, or does not fit", kind: .candle)
            return
        }
        let (instrument, stream) = symbol.withUnsafeBytes { (builder.instrument(symbol: $0), builder.stream($0)) }
        let candle = Candle(
            open: numbers[0],
            high: numbers[1],
            low: numbers[2],
            close: numbers[3],
            volume: numbers[4],
            interval: interval
        )
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: time,
                instrument: instrument,
                stream: stream,
                payload: .candle(candle)
            )
        )
    }

    private func trimmed(_ field: Slice<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
        let front = field.drop(while: FreqtradeFormat.isBlank)
        let end = front.lastIndex { !FreqtradeFormat.isBlank($0) }.map { $0 + 1 } ?? front.startIndex
        return UnsafeRawBufferPointer(rebasing: front[..<end])
    }
}
