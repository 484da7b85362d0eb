extension ExactDecimal {
    /// Reads plain or scientific decimal notation (`-12.50`, `1e-8`), as JSON and CSV feeds write numbers.
    ///
    /// Trailing zeros that do not fit into the mantissa are taken off; any other number of more than eighteen
    /// significant digits, and anything that is not a number (NaN and infinities included), is nil.
    public init?(parsing text: UnsafeRawBufferPointer) {
        // The common form first: a sign, digits and at most one point, short enough not to overflow.
        let count = text.count
        guard count > 0, count <= 18 else {
            self.init(parsingSlowly: text)
            return
        }
        var index = 0
        let negative = text[0] == UInt8(ascii: "-")
        if negative { index = 1 }
        var mantissa: Int64 = 0
        var pointIndex = -1
        let first = index
        while index < count {
            let digit = text[index] &- UInt8(ascii: "0")
            if digit < 10 {
                mantissa = mantissa &* 10 &+ Int64(digit)
            } else if text[index] == UInt8(ascii: "."), pointIndex < 0, index > first {
                pointIndex = index
            } else {
                self.init(parsingSlowly: text)
                return
            }
            index += 1
        }
        let fraction = pointIndex < 0 ? 0 : count - 1 - pointIndex
        guard count > first, pointIndex < 0 || fraction > 0 else { return nil }
        self.init(mantissa: negative ? -mantissa : mantissa, exponent: Int8(truncatingIfNeeded: -fraction))
    }

    public init?(parsing text: String) {
        var copy = text
        let parsed = copy.withUTF8 { ExactDecimal(parsing: UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    private init?(parsingSlowly text: UnsafeRawBufferPointer) {
        var scanner = DecimalScanner(text: text)
        guard let value = scanner.scan() else { return nil }
        self = value
    }
}

/// The general form of a decimal number, character by character.
private struct DecimalScanner {
    let text: UnsafeRawBufferPointer
    private var index = 0
    private var mantissa: Int64 = 0
    private var exponent = 0
    /// Zeros that were read and are added to the mantissa only if another digit follows.
    private var pendingZeros = 0

    init(text: UnsafeRawBufferPointer) {
        self.text = text
    }

    mutating func scan() -> ExactDecimal? {
        let negative = take("-")
        if !negative { _ = take("+") }
        guard scanDigits(fraction: false) else { return nil }
        if take("."), !scanDigits(fraction: true) { return nil }
        if take("e") || take("E"), !scanExponent() { return nil }
        guard index == text.count else { return nil }
        let total = exponent + pendingZeros
        guard mantissa != 0 else { return .zero }
        return fitted(mantissa: negative ? -mantissa : mantissa, exponent: total)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func scanDigits(fraction: Bool) -> Bool {
        let start = index
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            guard push(digit) else { return false }
            if fraction { exponent -= 1 }
            index += 1
        }
        return index > start
    }

    private mutating func push(_ digit: UInt8) -> Bool {
        guard digit != 0 else {
            pendingZeros += 1
            return true
        }
        for _ in 0..<(mantissa == 0 ? 0 : pendingZeros) {
            guard append(0) else { return false }
        }
        pendingZeros = 0
        return append(digit)
    }

    private mutating func append(_ digit: UInt8) -> Bool {
        let (shifted, overflow) = mantissa.multipliedReportingOverflow(by: 10)
        let (sum, carry) = shifted.addingReportingOverflow(Int64(digit))
        guard !overflow, !carry else { return false }
        mantissa = sum
        return true
    }

    private mutating func scanExponent() -> Bool {
        let negative = take("-")
        if !negative { _ = take("+") }
        let start = index
        var value = 0
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10 {
            value = min(value * 10 + Int(text[index] &- UInt8(ascii: "0")), 10_000)
            index += 1
        }
        exponent += negative ? -value : value
        return index > start
    }

    /// The number with an exponent that blocks can hold, or nil where there is none.
    private func fitted(mantissa: Int64, exponent: Int) -> ExactDecimal? {
        if let small = Int8(exactly: exponent), (-30...0).contains(small) {
            return ExactDecimal(mantissa: mantissa, exponent: small)
        }
        guard exponent > 0, exponent <= 18 else { return nil }
        return ExactDecimal(mantissa: mantissa, exponent: Int8(exponent)).scaled(to: 0)
            .map { ExactDecimal(mantissa: $0, exponent: 0) }
    }
}
