import MarketData

/// The one instrument of a file, and its place in the decoder's tables once it is known.
struct LeanNames {
    private let symbol: [UInt8]
    private var places: (instrument: Int32, stream: Int32)?

    init(_ instrument: Instrument) {
        symbol = Array(instrument.symbol.utf8)
    }

    /// Indexes of the instrument and of its sequence stream, which has its name.
    @inline(__always)
    mutating func places(in builder: inout BatchBuilder) -> (instrument: Int32, stream: Int32) {
        if let places { return places }
        return register(in: &builder)
    }

    private mutating func register(in builder: inout BatchBuilder) -> (instrument: Int32, stream: Int32) {
        let found = symbol.withUnsafeBytes { (builder.instrument(symbol: $0), builder.stream($0)) }
        places = found
        return found
    }
}

/// Why a row is rejected.
struct LeanRowError: Error {
    let rule: RejectRule
    let reason: String

    init(_ rule: RejectRule, _ reason: String) {
        self.rule = rule
        self.reason = reason
    }
}

/// Takes a row apart from left to right, without making strings.
struct LeanRow {
    private let row: UnsafeRawBufferPointer
    private var index = 0
    private var isFirst = true

    @inline(__always)
    init(_ row: UnsafeRawBufferPointer) {
        self.row = row
    }

    /// Moves behind the comma in front of a column.
    @inline(__always)
    private mutating func beginColumn(_ name: StaticString) throws(LeanRowError) {
        if isFirst {
            isFirst = false
            return
        }
        guard index < row.count, row[index] == UInt8(ascii: ",") else { throw Self.tooFewColumns(name) }
        index += 1
    }

    private static func tooFewColumns(_ name: StaticString) -> LeanRowError {
        LeanRowError(.malformed, "the row ends before the column '\(name)'")
    }

    /// Plain digits of the next column, or nil with the column unread where it holds anything else.
    @inline(__always)
    private mutating func digits() -> Int64? {
        var value: Int64 = 0
        var cursor = index
        while cursor < row.count {
            let digit = row[cursor] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ Int64(digit)
            cursor += 1
        }
        let length = cursor - index
        guard length > 0, length <= 18, cursor == row.count || row[cursor] == UInt8(ascii: ",") else { return nil }
        index = cursor
        return value
    }

    /// The bytes of the column whose beginning was reached.
    @inline(__always)
    private mutating func text() -> UnsafeRawBufferPointer {
        let first = index
        while index < row.count, row[index] != UInt8(ascii: ",") { index += 1 }
        return UnsafeRawBufferPointer(rebasing: row[first..<index])
    }

    /// A number that was multiplied by 10^-`exponent`.
    @inline(__always)
    mutating func number(_ name: StaticString, exponent: Int8) throws(LeanRowError) -> ExactDecimal {
        try beginColumn(name)
        if let value = digits() { return ExactDecimal(mantissa: value, exponent: exponent) }
        return try unusualNumber(name, exponent: exponent)
    }

    /// A number with a sign or a fraction.
    private mutating func unusualNumber(_ name: StaticString, exponent: Int8) throws(LeanRowError) -> ExactDecimal {
        let text = text()
        guard let number = ExactDecimal(parsing: text), number.exponent >= -26 else {
            throw LeanRowError(
                text.isEmpty ? .missingField : .invalidNumber,
                "the column '\(name)' is \(text.isEmpty ? "empty" : "not a number that can be stored")"
            )
        }
        return ExactDecimal(mantissa: number.mantissa, exponent: number.exponent + exponent)
    }

    /// The milliseconds since midnight, with or without a fraction, as nanoseconds.
    @inline(__always)
    mutating func time(on day: LocalDay) throws(LeanRowError) -> Timestamp {
        try beginColumn("ms")
        if let milliseconds = digits(), milliseconds < LocalDay.milliseconds {
            return day.timestamp(nanosecondsSinceMidnight: milliseconds &* 1_000_000)
        }
        return try unusualTime(on: day)
    }

    private mutating func unusualTime(on day: LocalDay) throws(LeanRowError) -> Timestamp {
        index = 0
        let text = text()
        guard let number = ExactDecimal(parsing: text) else {
            throw LeanRowError(.invalidTime, "the column 'ms' is not a number")
        }
        let nanoseconds = ExactDecimal(mantissa: number.mantissa, exponent: number.exponent + 6).scaled(to: 0)
        guard let nanoseconds, (0..<(LocalDay.milliseconds * 1_000_000)).contains(nanoseconds) else {
            throw LeanRowError(.invalidTime, "the column 'ms' is not a time within one day")
        }
        return day.timestamp(nanosecondsSinceMidnight: nanoseconds)
    }

    /// Up to eight characters, or nothing.
    @inline(__always)
    mutating func code(_ name: StaticString) throws(LeanRowError) -> ShortCode {
        try beginColumn(name)
        guard let code = ShortCode(text()) else {
            throw LeanRowError(.malformed, "the column '\(name)' is longer than eight characters or holds a NUL")
        }
        return code
    }

    /// The last column: 1 for a tick that the source itself doubts.
    @inline(__always)
    mutating func suspicious() throws(LeanRowError) -> EventFlags {
        try beginColumn("suspicious")
        guard let value = digits(), value <= 1 else {
            throw LeanRowError(.malformed, "the column 'suspicious' is neither 0 nor 1")
        }
        return value == 1 ? .suspicious : []
    }

    /// Refuses a row that goes on.
    @inline(__always)
    func end() throws(LeanRowError) {
        guard index == row.count else { throw LeanRowError(.malformed, "the row has more columns than its format") }
    }
}
