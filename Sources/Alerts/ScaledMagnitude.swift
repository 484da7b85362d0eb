import MarketData

/// A number of zero or more as an integer of 128 bits × 10^exponent: what two decimals make when they are multiplied.
///
/// Comparisons are exact at any exponents, so "5 % above" is neither rounded nor limited to sizes that fit.
struct ScaledMagnitude: Comparable, Sendable {
    let magnitude: UInt128
    let exponent: Int

    init(magnitude: UInt128, exponent: Int) {
        self.magnitude = magnitude
        self.exponent = exponent
    }

    /// A decimal that is zero or more.
    @inline(__always)
    init(_ number: ExactDecimal) {
        self.init(magnitude: UInt128(number.mantissa.magnitude), exponent: Int(number.exponent))
    }

    /// The product of two decimals that are zero or more: 63 and 63 bits make 126.
    @inline(__always)
    init(_ left: ExactDecimal, times right: ExactDecimal) {
        let product = left.mantissa.magnitude.multipliedFullWidth(by: right.mantissa.magnitude)
        magnitude = UInt128(product.high) << 64 | UInt128(product.low)
        exponent = Int(left.exponent) + Int(right.exponent)
    }

    @inline(__always)
    static func < (left: ScaledMagnitude, right: ScaledMagnitude) -> Bool {
        if left.exponent == right.exponent { return left.magnitude < right.magnitude }
        return order(left, right) < 0
    }

    @inline(__always)
    static func == (left: ScaledMagnitude, right: ScaledMagnitude) -> Bool {
        if left.exponent == right.exponent { return left.magnitude == right.magnitude }
        return order(left, right) == 0
    }

    /// Negative, zero or positive as left is less than, equal to or greater than right.
    private static func order(_ left: ScaledMagnitude, _ right: ScaledMagnitude) -> Int {
        if left.exponent < right.exponent { return -order(right, left) }
        guard left.magnitude != 0, right.magnitude != 0 else {
            return left.magnitude == right.magnitude ? 0 : left.magnitude < right.magnitude ? -1 : 1
        }
        // What does not fit into 128 bits at the lower exponent is greater than anything that does.
        guard let power = powerOfTen(left.exponent - right.exponent) else { return 1 }
        let (scaled, overflow) = left.magnitude.multipliedReportingOverflow(by: power)
        guard !overflow else { return 1 }
        return scaled == right.magnitude ? 0 : scaled < right.magnitude ? -1 : 1
    }

    /// 10^exponent for an exponent of zero or more; nil where that has more than 128 bits.
    private static func powerOfTen(_ exponent: Int) -> UInt128? {
        if exponent < shortPowers.count { return UInt128(shortPowers[exponent]) }
        let rest = exponent - (shortPowers.count - 1)
        guard rest < shortPowers.count else { return nil }
        return UInt128(shortPowers[shortPowers.count - 1]) * UInt128(shortPowers[rest])
    }

    /// 10^0 to 10^19: every power of ten of 64 bits.
    private static let shortPowers: [UInt64] = {
        var powers: [UInt64] = [1]
        for _ in 1...19 { powers.append((powers.last ?? 1) * 10) }
        return powers
    }()
}

/// Factors that percentages stand for, times 100, so that they stay whole.
///
/// Rules are checked to be short enough that none of these overflows.
enum Percent {
    static let hundred = ExactDecimal(mantissa: 100, exponent: 0)

    /// 100 + percentage.
    static func above(_ percentage: ExactDecimal) -> ExactDecimal { sum(100, percentage, sign: 1) }

    /// 100 − percentage, or zero where that is less.
    static func below(_ percentage: ExactDecimal) -> ExactDecimal {
        let rest = sum(100, percentage, sign: -1)
        return rest.mantissa > 0 ? rest : .zero
    }

    /// 200 + percentage.
    static func aboveTwice(_ percentage: ExactDecimal) -> ExactDecimal { sum(200, percentage, sign: 1) }

    /// 200 − percentage, or zero where that is less.
    static func belowTwice(_ percentage: ExactDecimal) -> ExactDecimal {
        let rest = sum(200, percentage, sign: -1)
        return rest.mantissa > 0 ? rest : .zero
    }

    /// A threshold less the percentage of it that re-arms a rule.
    static func eased(_ threshold: ExactDecimal, by rearm: ExactDecimal) -> ExactDecimal {
        let threshold = threshold.normalized
        let rest = below(rearm.normalized)
        return ExactDecimal(
            mantissa: threshold.mantissa * rest.mantissa,
            exponent: threshold.exponent + rest.exponent - 2
        ).normalized
    }

    private static func sum(_ whole: Int64, _ percentage: ExactDecimal, sign: Int64) -> ExactDecimal {
        let number = percentage.normalized
        let exponent = min(0, number.exponent)
        let left = ExactDecimal(mantissa: whole, exponent: 0).scaled(to: exponent) ?? 0
        let right = number.scaled(to: exponent) ?? 0
        return ExactDecimal(mantissa: left + sign * right, exponent: exponent)
    }
}
