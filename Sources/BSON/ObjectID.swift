/// A twelve-byte identifier, unique to one operation or document.
public struct ObjectID: Hashable, Sendable, CustomStringConvertible {
    public let high: UInt32
    public let low: UInt64

    public init(high: UInt32, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identifier as MongoDB prints it: 24 lower-case hexadecimal digits.
    public var description: String {
        func hexadecimal(_ value: some FixedWidthInteger, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        return hexadecimal(high, 8) + hexadecimal(low, 16)
    }
}
