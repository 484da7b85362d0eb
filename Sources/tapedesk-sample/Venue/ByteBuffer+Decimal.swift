import NIOCore

extension ByteBuffer {
    /// Appends a number in decimal digits.
    mutating func writeDecimal(_ value: UInt64) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        writeDigits(value, count: digits)
    }

    /// Appends a number that may be below zero.
    mutating func writeDecimal(_ value: Int64) {
        if value < 0 { writeStaticString("-") }
        writeDecimal(value.magnitude)
    }

    /// Appends exactly `count` decimal digits, with leading zeros.
    mutating func writeDigits(_ value: UInt64, count: Int) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            var rest = value
            var position = count
            while position > 0 {
                position &-= 1
                let quotient = rest / 10
                bytes[position] = UInt8(truncatingIfNeeded: rest &- quotient &* 10) &+ UInt8(ascii: "0")
                rest = quotient
            }
            return count
        }
    }

    /// Appends `mantissa`, which is not below zero, divided by `scale`, ten to the power of `decimals`.
    mutating func writeDecimal(mantissa: Int64, decimals: Int, scale: UInt64) {
        writeDecimal(mantissa.magnitude / scale)
        if decimals > 0 {
            writeStaticString(".")
            writeDigits(mantissa.magnitude % scale, count: decimals)
        }
    }

    /// Appends a sum of products of prices and sizes, which is not below zero.
    mutating func writeDecimal(product: Int128, decimals: Int, scale: UInt64) {
        let (whole, fraction) = product.magnitude.quotientAndRemainder(dividingBy: UInt128(scale))
        writeDecimal(UInt64(clamping: whole))
        if decimals > 0 {
            writeStaticString(".")
            writeDigits(UInt64(fraction), count: decimals)
        }
    }
}
