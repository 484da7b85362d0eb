/// An IEEE 754-2008 decimal number in the binary integer encoding, as BSON type 0x13 stores it.
///
/// Tapedesk writes finite numbers only; any other bit pattern is kept as it is, without a value.
public struct Decimal128: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private static let exponentBias = 6176
    private static let coefficientBits: UInt64 = (1 << 49) - 1
    /// 34 digits.
    ///
    /// The 113 bits hold a little more, which readers take for zero.
    private static let coefficientMax: UInt128 = 9_999_999_999_999_999_999_999_999_999_999_999

    /// Encodes coefficient × 10^exponent.
    ///
    /// - Precondition: the coefficient has at most 34 digits and the exponent is from -6176 to 6111.
    public init(coefficient: Int128, exponent: Int) {
        let magnitude = coefficient.magnitude
        precondition(magnitude <= Self.coefficientMax, "a Decimal128 coefficient has at most 34 digits")
        precondition((-6176...6111).contains(exponent), "a Decimal128 exponent is from -6176 to 6111")
        let sign: UInt64 = coefficient < 0 ? 1 << 63 : 0
        let biased = UInt64(exponent + Self.exponentBias)
        high = sign | biased << 49 | UInt64(truncatingIfNeeded: magnitude >> 64)
        low = UInt64(truncatingIfNeeded: magnitude)
    }

    /// The coefficient and exponent, or nil for infinities, NaN and the non-canonical large forms.
    public var parts: (coefficient: Int128, exponent: Int)? {
        guard (high >> 61) & 0b11 != 0b11 else { return nil }
        let magnitude = UInt128(high & Self.coefficientBits) << 64 | UInt128(low)
        guard magnitude <= Self.coefficientMax else { return nil }
        let coefficient = Int128(magnitude) * (high >> 63 == 1 ? -1 : 1)
        return (coefficient, Int((high >> 49) & 0x3FFF) - Self.exponentBias)
    }
}
