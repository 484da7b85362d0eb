import MarketData

/// Random numbers that repeat with their seed (xorshift64*).
struct TestNumbers {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    mutating func index(below bound: Int) -> Int { Int((next() >> 11) % UInt64(bound)) }

    mutating func isEven() -> Bool { next() >> 63 == 0 }

    /// A number of any magnitude at an exponent that feeds have.
    mutating func decimal() -> ExactDecimal {
        let magnitude = Int64(next() >> UInt64(1 + index(below: 63)))
        return ExactDecimal(mantissa: isEven() ? magnitude : -magnitude, exponent: Int8(-index(below: 31)))
    }

    /// The same number, or one close to it, at another exponent where it fits there.
    mutating func neighbour(of number: ExactDecimal) -> ExactDecimal {
        let exponent = Int8(max(-30, min(0, Int(number.exponent) + index(below: 9) - 4)))
        let mantissa = number.scaled(to: exponent) ?? number.mantissa
        let step = Int64(index(below: 3) - 1)
        let (moved, overflow) = mantissa.addingReportingOverflow(step)
        return ExactDecimal(mantissa: overflow || moved == .min ? mantissa : moved, exponent: exponent)
    }

    mutating func text(of alphabet: String, lengthMax: Int) -> String {
        let letters = Array(alphabet)
        return String((0..<index(below: lengthMax + 1)).map { _ in letters[index(below: letters.count)] })
    }
}

/// A number as its digits, compared as one does on paper: independent of how decimals are kept.
struct DigitNumber {
    private let isNegative: Bool
    /// Digits down to the 64th behind the point, without leading zeros.
    private let digits: String

    init(_ number: ExactDecimal) {
        isNegative = number.mantissa < 0
        let text = String(number.mantissa.magnitude) + String(repeating: "0", count: 64 + Int(number.exponent))
        digits = String(text.drop { $0 == "0" })
    }

    /// Negative, zero or positive as the number is less than, equal to or greater than the other.
    func order(_ other: DigitNumber) -> Int {
        if digits.isEmpty && other.digits.isEmpty { return 0 }
        guard isNegative == other.isNegative else { return isNegative ? -1 : 1 }
        let magnitude =
            digits.count != other.digits.count
            ? (digits.count < other.digits.count ? -1 : 1) : digits == other.digits ? 0 : digits < other.digits ? -1 : 1
        return isNegative ? -magnitude : magnitude
    }
}
