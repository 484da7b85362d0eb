import MarketData

/// Lengths of bars as venues write them: `1m`, `4H`, `1D`.
enum BarLength {
    /// The length in seconds; zero for months, which differ in length.
    static func seconds(_ value: JSONValue, _ name: StaticString) throws(MessageFault) -> Int32 {
        guard value.form == .string, let seconds = seconds(value.text) else { throw MessageFault(.invalidNumber, name) }
        return seconds
    }

    /// Reads a count and a unit; `m` is minutes and `M` months, other units in either case.
    static func seconds(_ text: UnsafeRawBufferPointer) -> Int32? {
        guard let unit = text.last, let count = count(UnsafeRawBufferPointer(rebasing: text.dropLast())) else {
            return nil
        }
        switch unit {
        case UInt8(ascii: "s"): return count
        case UInt8(ascii: "m"): return product(count, 60)
        case UInt8(ascii: "h"), UInt8(ascii: "H"): return product(count, 3_600)
        case UInt8(ascii: "d"), UInt8(ascii: "D"): return product(count, 86_400)
        case UInt8(ascii: "w"), UInt8(ascii: "W"): return product(count, 604_800)
        case UInt8(ascii: "M"), UInt8(ascii: "y"), UInt8(ascii: "Y"): return 0
        default: return nil
        }
    }

    /// Reads a count and a unit.
    static func seconds(_ text: some StringProtocol) -> Int32? {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { seconds($0) }
    }

    /// Reads a number of minutes.
    static func minutes(_ text: UnsafeRawBufferPointer) -> Int32? {
        count(text).flatMap { product($0, 60) }
    }

    /// Marks a bar that was not over when it was received, or of which that cannot be told.
    static func flags(start: Timestamp, seconds: Int32, received: Timestamp) -> EventFlags {
        guard !received.isAbsent else { return [] }
        let end = start.nanoseconds.addingReportingOverflow(Int64(seconds) * 1_000_000_000)
        return seconds == 0 || end.overflow || end.partialValue > received.nanoseconds ? .provisional : []
    }

    private static func count(_ text: UnsafeRawBufferPointer) -> Int32? {
        guard let number = Int64(ascii: text), number > 0 else { return nil }
        return Int32(exactly: number)
    }

    private static func product(_ count: Int32, _ unit: Int32) -> Int32? {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }
}
