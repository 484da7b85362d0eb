/// A decimal number as it was sent: mantissa × 10^exponent, never a floating-point approximation.
///
/// A trivial value of sixteen bytes, so that millions of them move without allocation.
public struct ExactDecimal: Sendable {
    public var mantissa: Int64
    public var exponent: Int8

    public init(mantissa: Int64, exponent: Int8) {
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// Stands for a number that was not sent.
    ///
    /// It compares with nothing and prints as nothing.
    public static var absent: ExactDecimal { ExactDecimal(mantissa: .min, exponent: 0) }
    public static var zero: ExactDecimal { ExactDecimal(mantissa: 0, exponent: 0) }

    public var isAbsent: Bool { mantissa == .min }

    /// The same number with the mantissa scaled to `exponent`, or nil where that is not exact or does not fit.
    public func scaled(to exponent: Int8) -> Int64? {
        if exponent == self.exponent || mantissa == 0 { return mantissa }
        let steps = Int(self.exponent) - Int(exponent)
        guard steps > 0 else {
            guard -steps < powersOfTen.count else { return nil }
            let (quotient, remainder) = mantissa.quotientAndRemainder(dividingBy: powersOfTen[-steps])
            return remainder == 0 ? quotient : nil
        }
        guard steps < powersOfTen.count else { return nil }
        let (product, overflow) = mantissa.multipliedReportingOverflow(by: powersOfTen[steps])
        return overflow || product == .min ? nil : product
    }

    /// The same number without trailing zeros in the mantissa; zero has the exponent zero.
    public var normalized: ExactDecimal {
        guard mantissa != 0 else { return .zero }
        var result = self
        while result.exponent < 0, result.mantissa % 10 == 0 {
            result.mantissa /= 10
            result.exponent += 1
        }
        return result
    }
}

/// 10^0 to 10^18: every power of ten that an Int64 holds.
private let powersOfTen: [Int64] = {
    var powers: [Int64] = [1]
    for _ in 1...18 { powers.append((powers.last ?? 1) * 10) }
    return powers
}()

extension ExactDecimal: Comparable {
    public static func == (left: ExactDecimal, right: ExactDecimal) -> Bool {
        if left.exponent == right.exponent { return left.mantissa == right.mantissa }
        return order(left, right) == 0
    }

    public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
        if left.exponent == right.exponent { return left.mantissa < right.mantissa }
        return order(left, right) < 0
    }

    /// Negative, zero or positive as left is less than, equal to or greater than right.
    private static func order(_ left: ExactDecimal, _ right: ExactDecimal) -> Int {
        let lower = min(left.exponent, right.exponent)
        if let leftScaled = left.scaled(to: lower), let rightScaled = right.scaled(to: lower) {
            return leftScaled == rightScaled ? 0 : leftScaled < rightScaled ? -1 : 1
        }
        // One of them does not fit at the common exponent, so its magnitude is the larger by far.
        let leftIsWide = left.scaled(to: lower) == nil
        let wide = leftIsWide ? left.mantissa : right.mantissa
        return (wide < 0) == leftIsWide ? -1 : 1
    }
}

extension ExactDecimal: Hashable {
    public func hash(into hasher: inout Hasher) {
        // Equal numbers have equal mantissas without trailing zeros; the exponent may then be beyond an Int8.
        var reduced = (mantissa: mantissa, exponent: mantissa == 0 ? 0 : Int(exponent))
        while reduced.mantissa != 0, !isAbsent, reduced.mantissa % 10 == 0 {
            reduced.mantissa /= 10
            reduced.exponent += 1
        }
        hasher.combine(reduced.mantissa)
        hasher.combine(reduced.exponent)
    }
}

extension ExactDecimal: CustomStringConvertible {
    /// Plain notation without trailing zeros: `61800.3`, never `6.18003E4`; empty where absent.
    public var description: String {
        var text: [UInt8] = []
        appendText(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the plain notation as ASCII.
    public func appendText(to text: inout [UInt8]) {
        guard !isAbsent else { return }
        let number = normalized
        let fraction = max(0, -Int(number.exponent))
        // Digits, their point, a sign, and zeros before or behind them: an exponent is one of 8 bits.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 160) { scratch in
            var start = scratch.count
            var digits = number.mantissa.magnitude
            func put(_ character: UInt8) {
                start -= 1
                scratch[start] = character
            }
            func putDigit() {
                put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digits % 10))
                digits /= 10
            }
            for _ in 0..<max(0, Int(number.exponent)) { put(UInt8(ascii: "0")) }
            for _ in 0..<fraction { putDigit() }
            if fraction > 0 { put(UInt8(ascii: ".")) }
            repeat { putDigit() } while digits > 0
            if number.mantissa < 0 { put(UInt8(ascii: "-")) }
            text.append(contentsOf: UnsafeBufferPointer(rebasing: scratch[start...]))
        }
    }
}
