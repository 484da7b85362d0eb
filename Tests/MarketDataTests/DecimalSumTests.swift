import MarketData
import Testing

@Suite struct DecimalSumTests {
    private func sum(_ mantissa: Int128, _ exponent: Int8) -> DecimalSum {
        DecimalSum(mantissa: mantissa, exponent: exponent)
    }

    private let most: Int128 = 9_999_999_999_999_999_999_999_999_999_999_999

    @Test func sumsAreExact() {
        var total = DecimalSum.zero
        for text in ["0.5", "0.25", "1", "100000000", "0.00000001"] {
            total.add(ExactDecimal(parsing: text) ?? .absent)
        }
        #expect(total.description == "100000001.75000001")
        total.add(ExactDecimal.absent)
        total.add(ExactDecimal(mantissa: 0, exponent: -30))
        #expect(total.parts?.exponent == -8, "a zero has no say in the exponent")
    }

    @Test func productsAreExact() {
        var total = DecimalSum.zero
        total.addProduct(ExactDecimal(mantissa: 6_180_030, exponent: -2), ExactDecimal(mantissa: 313_858, exponent: -8))
        #expect(total.description == "193.965185574")
        total.addProduct(.absent, .zero)
        total.addProduct(ExactDecimal(mantissa: 5, exponent: -1), .absent)
        #expect(total.description == "193.965185574")
        total.addProduct(
            ExactDecimal(mantissa: .max, exponent: 0),
            ExactDecimal(mantissa: .max, exponent: 0)
        )
        #expect(total.isOverflown)
    }

    @Test func whatDoesNotFitStaysOverflown() {
        var total = sum(most, 0)
        #expect(!total.isOverflown && total.description == String(most))
        total.add(ExactDecimal(mantissa: 1, exponent: 0))
        #expect(total.isOverflown && total.parts == nil && total.description.isEmpty)
        total.add(ExactDecimal(mantissa: -5, exponent: 0))
        #expect(total == .overflown)
        var other = sum(1, 0)
        other.add(total)
        #expect(other == .overflown)
        #expect(sum(most + 1, 0).isOverflown)
        other = sum(most, 0)
        other.add(ExactDecimal(mantissa: 1, exponent: -1))
        #expect(other.isOverflown)
    }

    @Test func comparesByValue() {
        #expect(sum(10, -2) == sum(1, -1))
        #expect(sum(0, -5) == .zero)
        #expect(sum(1, -1) != sum(1, -2))
        #expect(sum(most, 0) != sum(most, -1))
        #expect(sum(1, 0) != .overflown)
    }

    /// In whatever order numbers of one sign are added, and grouped, the sum is the same.
    @Test func orderMakesNoDifference() {
        var numbers = TestNumbers(seed: 11)
        for _ in 0..<2_000 {
            let values = (0..<(1 + numbers.index(below: 6))).map { _ in
                let value = numbers.decimal()
                return ExactDecimal(mantissa: Int64(value.mantissa.magnitude), exponent: value.exponent)
            }
            var forward = DecimalSum.zero
            for value in values { forward.add(value) }
            var backward = DecimalSum.zero
            for value in values.reversed() { backward.add(value) }
            #expect(forward == backward)
            let middle = numbers.index(below: values.count)
            var left = DecimalSum.zero
            for value in values[..<middle] { left.add(value) }
            var right = DecimalSum.zero
            for value in values[middle...] { right.add(value) }
            left.add(right)
            #expect(left == forward)
        }
    }

    @Test func textComesBack() {
        var numbers = TestNumbers(seed: 12)
        for _ in 0..<2_000 {
            let mantissa = Int128(numbers.decimal().mantissa) * Int128(1 + numbers.index(below: 1_000_000_000))
            let value = sum(mantissa, Int8(-numbers.index(below: 61)))
            #expect(DecimalSum(parsing: value.description) == value, "\(value)")
        }
        #expect(sum(123, -5).description == "0.00123")
        #expect(sum(-1_000_000_000_000_000_000_000_000, -20).description == "-10000")
        #expect(sum(-1_000_000_000_000_000_000_000_001, -24).description == "-1.000000000000000000000001")
        #expect(sum(1_000_000_000_000_000_000_000_001, -30).description == "0.000001000000000000000000000001")
        for text in ["", "-", "1e5", "1.2.3", "x", String(repeating: "9", count: 35)] {
            #expect(DecimalSum(parsing: text) == nil, "\(text)")
        }
    }

    @Test func quotientsRoundHalfToEven() {
        let cases: [(Int128, Int8, Int128, Int8, Int, String)] = [
            (1, 0, 3, 0, 10, "0.3333333333"), (2, 0, 3, 0, 10, "0.6666666667"), (1, 0, 4, 0, 10, "0.25"),
            (5, -1, 1, 0, 0, "0"), (15, -1, 1, 0, 0, "2"), (25, -1, 1, 0, 0, "2"), (35, -1, 1, 0, 0, "4"),
            (1, -11, 2, 0, 10, "0"), (1, -10, 2, 0, 10, "0"), (3, -10, 2, 0, 10, "0.0000000002"),
            (5_000_000_001, -20, 1, 0, 10, "0.0000000001"), (5, -11, 1, 0, 10, "0"),
            (15, -11, 1, 0, 10, "0.0000000002"),
            (10, -11, 3, 0, 10, "0"), (-2, 0, 3, 0, 2, "-0.67"), (1, -60, 1, 0, 10, "0"),
            (11, -11, 2, 0, 10, "0.0000000001"), (1, 0, 1, -8, 10, "100000000"),
        ]
        for (dividend, power, divisor, divisorPower, places, text) in cases {
            let quotient = sum(dividend, power).divided(by: sum(divisor, divisorPower), places: places)
            #expect(quotient?.description == text, "\(dividend)e\(power) / \(divisor)e\(divisorPower)")
        }
        #expect(sum(1, 0).divided(by: .zero, places: 10) == nil)
        #expect(sum(1, 0).divided(by: .overflown, places: 10) == nil)
        #expect(DecimalSum.overflown.divided(by: sum(1, 0), places: 10) == nil)
        #expect(sum(most, 0).divided(by: sum(1, 0), places: 10) == nil, "it does not fit")
    }

    /// A quotient is right when the divisor goes into what is left over half a unit or less of the last place; at half
    /// a unit the last digit is even.
    @Test func quotientsAreTheNearest() {
        var numbers = TestNumbers(seed: 13)
        for _ in 0..<5_000 {
            let left = Int128(numbers.index(below: 1 << 40)), right = Int128(1 + numbers.index(below: 1 << 20))
            let leftPower = Int8(-numbers.index(below: 13)), rightPower = Int8(-numbers.index(below: 9))
            guard let parts = sum(left, leftPower).divided(by: sum(right, rightPower), places: 10)?.parts else {
                Issue.record("no quotient of \(left)e\(leftPower) and \(right)e\(rightPower)")
                continue
            }
            // left × 10^leftPower / (right × 10^rightPower) against mantissa × 10^-10, all over one denominator.
            let power = Int(leftPower) - Int(rightPower) + 10
            let dividend = left * pow(max(power, 0)), divisor = right * pow(max(-power, 0))
            let off = ((dividend - parts.mantissa * divisor) * 2).magnitude
            #expect(off < divisor.magnitude || (off == divisor.magnitude && parts.mantissa % 2 == 0))
        }
    }

    private func pow(_ exponent: Int) -> Int128 { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}
