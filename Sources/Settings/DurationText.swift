/// Durations as people write them: `30m`, `8h`, `3d`, `1h30m`.
///
/// Whole numbers with one of the units w, d, h, m and s, each unit at most once, the largest first, no spaces. A day
/// has 24 hours, a week 7 days. The longest duration is 100 years of 365 days.
package enum DurationText {
    /// Why a text is no duration.
    package enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
        /// There is nothing.
        case empty
        /// A number has no unit, or there is no number at all.
        case malformed
        /// A unit comes twice, or a larger one comes after a smaller one.
        case order
        /// Longer than 100 years.
        case tooLong

        package var description: String {
            switch self {
            case .empty, .malformed: "a duration is written as 90s, 30m, 8h, 3d, 2w or 1h30m"
            case .order: "the units of a duration come once each, the largest first, as in 1d12h"
            case .tooLong: "the longest duration is \(DurationText.daysMax)d"
            }
        }
    }

    /// The longest duration, in days.
    static let daysMax: Int64 = 36_500
    private static let units: [(name: UInt8, seconds: Int64)] = [
        (UInt8(ascii: "w"), 604_800), (UInt8(ascii: "d"), 86_400), (UInt8(ascii: "h"), 3_600),
        (UInt8(ascii: "m"), 60), (UInt8(ascii: "s"), 1),
    ]

    /// The duration that a text stands for: zero or more, in whole seconds.
    package static func parse(_ text: String) throws(Fault) -> Duration {
        guard !text.isEmpty else { throw .empty }
        var total: Int64 = 0
        var number: Int64?
        var unitsLeft = units[...]
        for byte in text.utf8 {
            if let digit = digit(byte) {
                let (value, isTooLong) = (number ?? 0).multipliedReportingOverflow(by: 10)
                guard !isTooLong, value <= .max - digit else { throw .tooLong }
                number = value + digit
                continue
            }
            guard let count = number, let unit = units.first(where: { $0.name == byte }) else { throw .malformed }
            guard let place = unitsLeft.firstIndex(where: { $0.name == byte }) else { throw .order }
            total = try add(count, unit.seconds, to: total)
            unitsLeft = unitsLeft[(place + 1)...]
            number = nil
        }
        guard number == nil else { throw .malformed }
        return .seconds(total)
    }

    /// The text that stands for a duration.
    ///
    /// What is beyond whole seconds is left out, and less than zero is `0s`.
    package static func format(_ duration: Duration) -> String {
        var rest = duration.components.seconds
        guard rest > 0 else { return "0s" }
        var text = ""
        // Weeks are read but not written: people say 10d, not 1w3d.
        for unit in units.dropFirst() where rest >= unit.seconds {
            text += "\(rest / unit.seconds)" + String(UnicodeScalar(unit.name))
            rest %= unit.seconds
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> Int64? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int64(byte - UInt8(ascii: "0")) : nil
    }

    private static func add(_ count: Int64, _ seconds: Int64, to total: Int64) throws(Fault) -> Int64 {
        let secondsMax = daysMax * 86_400
        guard count <= secondsMax / seconds, total + count * seconds <= secondsMax else { throw .tooLong }
        return total + count * seconds
    }
}
