import Foundation
import MarketData
import Testing

@Suite struct ExactDecimalTests {
    @Test(arguments: [
        ("0", 0, 0), ("-0", 0, 0), ("0.00", 0, 0), ("1", 1, 0), ("+5", 5, 0), ("-12.50", -1250, -2),
        ("61800.30", 6_180_030, -2), ("007", 7, 0), ("0.00000001", 1, -8), ("1e-8", 1, -8), ("1E+3", 1000, 0),
        ("1.50e2", 150, 0), ("0e400", 0, 0), ("0e-400", 0, 0), ("10e-31", 1, -30),
        ("1e18", 1_000_000_000_000_000_000, 0),
        ("123456789012345678", 123_456_789_012_345_678, 0), ("-12345678901234567", -12_345_678_901_234_567, 0),
        ("9223372036854775807", .max, 0), ("-9223372036854775807", -.max, 0), ("922337203685477580.7", .max, -1),
        ("0.000000000000000000000000000001", 1, -30), ("5.10000000000000000000000000000000", 51, -1),
        ("100000000000000000000e-5", 1_000_000_000_000_000, 0), ("0000000000000000000000000012.5", 125, -1),
        ("0.9269999694824219", 9_269_999_694_824_219, -16),
    ])
    func reads(text: String, mantissa: Int64, exponent: Int8) throws {
        let number = try #require(ExactDecimal(parsing: text))
        #expect(number == ExactDecimal(mantissa: mantissa, exponent: exponent))
        #expect(number.description == ExactDecimal(mantissa: mantissa, exponent: exponent).description)
    }

    @Test(arguments: [
        "", " ", "-", "+", ".", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "e5", "1.2.3", "1 ", " 1", "1,5", "0x10", "1_0",
        "NaN", "nan", "inf", "Infinity", "-inf", "--1", "+-1", "1e400", "1e-400", "1e19", "1e-31", "１", "1\u{0}",
        "1e99999999999999999999", "9223372036854775808", "-9223372036854775808", "12345678901234567890",
        "0.12345678901234567891", "12345678901234567.891", "1234567890123456789012345678901234567890",
    ])
    func refuses(text: String) {
        #expect(ExactDecimal(parsing: text) == nil)
    }

    @Test(arguments: [
        (6_180_030, -2, "61800.3"), (-5, -1, "-0.5"), (5, -3, "0.005"), (0, -8, "0"), (120, 0, "120"), (12, 3, "12000"),
        (.max, 0, "9223372036854775807"), (-.max, -19, "-0.9223372036854775807"), (1, -30, "0." + zeros(29) + "1"),
        (100, -2, "1"), (0, 5, "0"), (.max, -30, "0.00000000000" + "9223372036854775807"),
    ])
    func prints(mantissa: Int64, exponent: Int8, text: String) {
        #expect(ExactDecimal(mantissa: mantissa, exponent: exponent).description == text)
    }

    private static func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

    @Test func absentPrintsAsNothing() {
        #expect(ExactDecimal.absent.description == "")
        #expect(ExactDecimal.absent.isAbsent && !ExactDecimal.zero.isAbsent)
    }

    @Test func readingBackWhatIsPrinted() throws {
        var generator = TestNumbers(seed: 1)
        for _ in 0..<20_000 {
            let number = generator.decimal()
            let back = try #require(ExactDecimal(parsing: number.description))
            #expect(back == number && back.hashValue == number.hashValue, "\(number.mantissa)e\(number.exponent)")
            #expect(back.description == number.description)
        }
    }

    /// Texts of digits, points, signs and exponents, beside a regular expression and Foundation's decimals.
    @Test func readsAsFoundationDoes() throws {
        var generator = TestNumbers(seed: 2)
        let form = /[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?/
        var read = 0
        for _ in 0..<20_000 {
            let text = generator.text(of: "0123456789012345678900..-+e", lengthMax: 22)
            let number = ExactDecimal(parsing: text)
            guard text.wholeMatch(of: form) != nil else {
                // An exponent of three digits or more is still a number, where the rest is zero or makes up for it.
                if number != nil { #expect(text.contains("e"), "\(text)") }
                continue
            }
            guard let number else {
                let digits = text.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
                #expect(digits.count > 18 || text.contains("e"), "\(text)")
                continue
            }
            read += 1
            // Foundation takes the sign of an exponent, but not a leading plus.
            let expected = try #require(Decimal(string: text.hasPrefix("+") ? String(text.dropFirst()) : text))
            #expect(Decimal(string: number.description) == expected, "\(text)")
        }
        #expect(read > 1_000)
    }

    @Test func comparesAsDigitsDo() {
        var generator = TestNumbers(seed: 3)
        for _ in 0..<20_000 {
            let left = generator.decimal()
            // Half of the time a near one: the same digits at another exponent.
            let right = generator.isEven() ? generator.decimal() : generator.neighbour(of: left)
            let expected = DigitNumber(left).order(DigitNumber(right))
            #expect((left < right) == (expected < 0), "\(left) \(right)")
            #expect((left == right) == (expected == 0), "\(left) \(right)")
            #expect((left > right) == (expected > 0), "\(left) \(right)")
            if expected == 0 { #expect(left.hashValue == right.hashValue) }
        }
    }

    @Test(arguments: [
        (.max, 0, 1, -18, 1), (-.max, 0, 1, -18, -1), (1, -18, .max, 0, -1), (1, -18, -.max, 0, 1),
        (.max, 10, .max, -30, 1), (-.max, 10, -.max, -30, -1), (0, 30, 0, -30, 0), (0, 0, 1, -30, -1),
        (10, 0, 1, 1, 0), (1, 18, 1_000_000_000_000_000_000, 0, 0), (1, 127, 1, -128, 1), (10, 127, 10, 126, 1),
    ])
    func comparesWhereTheCommonExponentOverflows(
        mantissa: Int64,
        exponent: Int8,
        other: Int64,
        otherExponent: Int8,
        order: Int
    ) {
        let left = ExactDecimal(mantissa: mantissa, exponent: exponent)
        let right = ExactDecimal(mantissa: other, exponent: otherExponent)
        #expect((left < right) == (order < 0) && (right < left) == (order > 0) && (left == right) == (order == 0))
        #expect(Set([left, right]).count == (order == 0 ? 1 : 2))
    }

    @Test func scaling() {
        let number = ExactDecimal(mantissa: 1_250, exponent: -2)
        #expect(number.scaled(to: -2) == 1_250)
        #expect(number.scaled(to: -4) == 125_000)
        #expect(number.scaled(to: -1) == 125)
        #expect(number.scaled(to: 0) == nil)
        #expect(number.scaled(to: -30) == nil)
        #expect(ExactDecimal(mantissa: .max, exponent: 0).scaled(to: -1) == nil)
        #expect(ExactDecimal(mantissa: 0, exponent: 90).scaled(to: -90) == 0)
        #expect(number.normalized.mantissa == 125 && number.normalized.exponent == -1)
    }
}
