/// An exact sum of decimals of up to 34 digits, as many as a Decimal128 holds.
///
/// What does not fit is overflown and stays so: a sum is right or not there, never rounded. In which order numbers are
/// added makes no difference, neither to the value nor to whether it fits, as long as they have the same sign.
public struct DecimalSum: Sendable {
    private var mantissa: Int128
    private var exponent: Int8

    public static let zero = DecimalSum(unchecked: 0, 0)
    /// A sum that did not fit.
    public static let overflown = DecimalSum(unchecked: .min, 0)

    private static let mantissaMax: Int128 = 9_999_999_999_999_999_999_999_999_999_999_999

    private init(unchecked mantissa: Int128, _ exponent: Int8) {
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// mantissa × 10^exponent, overflown where it has more than 34 digits.
    public init(mantissa: Int128, exponent: Int8) {
        self = mantissa.magnitude <= Self.mantissaMax ? DecimalSum(unchecked: mantissa, exponent) : .overflown
    }

    public init(_ decimal: ExactDecimal) {
        self = .zero
        add(decimal)
    }

    public var isOverflown: Bool { mantissa == .min }

    public var isZero: Bool { mantissa == 0 }

    /// Mantissa and exponent; nil where the sum is overflown.
    public var parts: (mantissa: Int128, exponent: Int8)? { isOverflown ? nil : (mantissa, exponent) }

    /// Adds a decimal; one that is absent adds nothing.
    @inline(__always)
    public mutating func add(_ decimal: ExactDecimal) {
        guard !decimal.isAbsent else { return }
        add(Int128(decimal.mantissa), decimal.exponent)
    }

    /// Adds the product of two decimals; nothing where one of them is absent.
    @inline(__always)
    public mutating func addProduct(_ left: ExactDecimal, _ right: ExactDecimal) {
        guard !left.isAbsent, !right.isAbsent else { return }
        // Two numbers of 63 bits make one of 126: too long for a sum perhaps, but not for an Int128.
        add(Int128(left.mantissa) * Int128(right.mantissa), left.exponent + right.exponent)
    }

    /// Adds another sum.
    public mutating func add(_ other: DecimalSum) {
        guard let parts = other.parts else {
            self = .overflown
            return
        }
        add(parts.mantissa, parts.exponent)
    }

    @inline(__always)
    private mutating func add(_ addend: Int128, _ exponent: Int8) {
        // A zero adds nothing, whatever its exponent.
        guard addend != 0, !isOverflown else { return }
        guard exponent == self.exponent, addend.magnitude <= Self.mantissaMax else {
            addScaled(addend, exponent)
            return
        }
        mantissa += addend
        if mantissa.magnitude > Self.mantissaMax { self = .overflown }
    }

    private mutating func addScaled(_ addend: Int128, _ exponent: Int8) {
        let common = min(mantissa == 0 ? exponent : self.exponent, exponent)
        guard let left = Self.scaled(mantissa, by: Int(self.exponent) - Int(common)),
            let right = Self.scaled(addend, by: Int(exponent) - Int(common))
        else {
            self = .overflown
            return
        }
        self = DecimalSum(mantissa: left + right, exponent: common)
    }

    /// mantissa × 10^power, or nil where that has more than 34 digits.
    private static func scaled(_ mantissa: Int128, by power: Int) -> Int128? {
        guard mantissa != 0 else { return 0 }
        guard mantissa.magnitude <= mantissaMax else { return nil }
        var result = mantissa
        for _ in 0..<max(0, power) {
            guard result.magnitude <= mantissaMax / 10 else { return nil }
            result *= 10
        }
        return result
    }
}

extension DecimalSum: Equatable {
    /// Compares values: `0.10` equals `0.1`, and overflown sums equal each other.
    public static func == (left: DecimalSum, right: DecimalSum) -> Bool {
        if left.exponent == right.exponent || left.isOverflown || right.isOverflown {
            return left.mantissa == right.mantissa
        }
        let common = min(left.exponent, right.exponent)
        // What does not fit at the common exponent is larger than what does.
        let scaled = [left, right].map { Self.scaled($0.mantissa, by: Int($0.exponent) - Int(common)) }
        return scaled[0] != nil && scaled[0] == scaled[1]
    }
}

extension DecimalSum {
    /// The quotient of two sums, rounded half to even to `places` decimal places.
    ///
    /// Nil where the divisor is zero, one of the sums is overflown, or the quotient does not fit.
    public func divided(by divisor: DecimalSum, places: Int) -> DecimalSum? {
        guard let left = parts, let right = divisor.parts, right.mantissa != 0 else { return nil }
        let isNegative = (left.mantissa < 0) != (right.mantissa < 0)
        let quotient = Self.quotient(
            left.mantissa.magnitude,
            right.mantissa.magnitude,
            power: Int(left.exponent) - Int(right.exponent) + places
        )
        guard let quotient, let mantissa = Int128(exactly: quotient) else { return nil }
        let result = DecimalSum(mantissa: isNegative ? -mantissa : mantissa, exponent: Int8(-places))
        return result.isOverflown ? nil : result
    }

    /// dividend × 10^power / divisor, rounded half to even.
    private static func quotient(_ dividend: UInt128, _ divisor: UInt128, power: Int) -> UInt128? {
        var (quotient, rest) = dividend.quotientAndRemainder(dividingBy: divisor)
        guard power < 0 else {
            // One digit after the other, as on paper: the whole dividend would need twice the bits.
            for _ in 0..<power {
                let (digit, next) = (rest * 10).quotientAndRemainder(dividingBy: divisor)
                let (shifted, overflow) = quotient.multipliedReportingOverflow(by: 10)
                guard !overflow, shifted <= UInt128.max - digit else { return nil }
                quotient = shifted + digit
                rest = next
            }
            return rounded(quotient, rest: rest, of: divisor, isExact: true)
        }
        let isExact = rest == 0
        guard power >= -38 else { return 0 }
        var unit: UInt128 = 1
        for _ in 0..<(-power) { unit *= 10 }
        (quotient, rest) = quotient.quotientAndRemainder(dividingBy: unit)
        return rounded(quotient, rest: rest, of: unit, isExact: isExact)
    }

    /// Rounds by what is left over; `isExact` is false where a little more than `rest` is.
    private static func rounded(_ quotient: UInt128, rest: UInt128, of unit: UInt128, isExact: Bool) -> UInt128 {
        let other = unit - rest
        if rest == other, isExact { return quotient + quotient % 2 }
        return rest >= other ? quotient + 1 : quotient
    }
}

extension DecimalSum: CustomStringConvertible {
    /// Plain notation without trailing zeros, as of an `ExactDecimal`; empty where overflown.
    public var description: String {
        var text: [UInt8] = []
        appendText(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the plain notation as ASCII.
    public func appendText(to text: inout [UInt8]) {
        guard !isOverflown else { return }
        if let short = Int64(exactly: self.mantissa), short != .min {
            ExactDecimal(mantissa: short, exponent: self.exponent).appendText(to: &text)
            return
        }
        var mantissa = self.mantissa
        var exponent = self.exponent
        while exponent < 0, mantissa % 10 == 0 {
            mantissa /= 10
            exponent += 1
        }
        if mantissa < 0 { text.append(UInt8(ascii: "-")) }
        var digits = Array(String(mantissa.magnitude).utf8)
        let fraction = max(0, -Int(exponent))
        if digits.count <= fraction {
            digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: fraction + 1 - digits.count), at: 0)
        }
        if fraction > 0 { digits.insert(UInt8(ascii: "."), at: digits.count - fraction) }
        text.append(contentsOf: digits)
        if exponent > 0 { text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: Int(exponent))) }
    }

    /// Reads plain notation, as `description` writes it; nil where it is none, or has more than 34 digits.
    public init?(parsing text: some StringProtocol) {
        var mantissa: Int128 = 0
        var exponent: Int8 = 0
        var hasPoint = false
        var digits = text.utf8[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits.removeFirst() }
        guard !digits.isEmpty else { return nil }
        for character in digits {
            if character == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
                continue
            }
            let digit = character &- UInt8(ascii: "0")
            guard digit < 10, mantissa <= (Self.mantissaMax - Int128(digit)) / 10, exponent > -100 else { return nil }
            mantissa = mantissa * 10 + Int128(digit)
            if hasPoint { exponent -= 1 }
        }
        self.init(unchecked: isNegative ? -mantissa : mantissa, exponent)
    }
}
