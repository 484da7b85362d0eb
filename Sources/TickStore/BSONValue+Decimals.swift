import BSON
import MarketData

// Decimals in documents: any client of MongoDB can read and compare them.
extension BSONValue {
    static func decimal(_ decimal: ExactDecimal) -> BSONValue {
        .decimal128(Decimal128(coefficient: Int128(decimal.mantissa), exponent: Int(decimal.exponent)))
    }

    /// Null where the sum is overflown.
    static func sum(_ sum: DecimalSum) -> BSONValue {
        guard let parts = sum.parts else { return .null }
        return .decimal128(Decimal128(coefficient: parts.mantissa, exponent: Int(parts.exponent)))
    }

    var exactDecimal: ExactDecimal? {
        guard let parts = decimal128?.parts, let mantissa = Int64(exactly: parts.coefficient),
            let exponent = Int8(exactly: parts.exponent)
        else { return nil }
        return ExactDecimal(mantissa: mantissa, exponent: exponent)
    }

    /// Null is a sum that is overflown; nil where the value is neither.
    var decimalSum: DecimalSum? {
        if self == .null { return .overflown }
        guard let parts = decimal128?.parts, let exponent = Int8(exactly: parts.exponent) else { return nil }
        return DecimalSum(mantissa: parts.coefficient, exponent: exponent)
    }
}
