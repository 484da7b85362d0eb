/// Moments as people and programs write them.
package enum DateText {
    /// RFC 3339 in UTC with milliseconds, such as `2026-11-21T13:45:00.123Z`.
    ///
    /// - Parameter milliseconds: since 1970 UTC. Years before 0 and after 9999 are written with a sign, as in ISO 8601.
    package static func rfc3339(_ milliseconds: Int64) -> String {
        let clock = Clock(seconds: milliseconds.dividedDown(by: 1_000))
        let fraction = (milliseconds % 1_000 + 1_000) % 1_000
        return "\(clock.date)T\(clock.time):\(digits(clock.second, 2)).\(digits(fraction, 3))Z"
    }

    /// The date and the minute on a clock, such as `2026-11-21 14:45`.
    ///
    /// - Parameters:
    ///   - milliseconds: since 1970 UTC.
    ///   - offset: what the clock is ahead of UTC, in seconds.
    package static func local(_ milliseconds: Int64, offset: Int) -> String {
        let clock = Clock(seconds: milliseconds.dividedDown(by: 1_000) + Int64(offset))
        return "\(clock.date) \(clock.time)"
    }

    private struct Clock {
        let date: String
        let time: String
        let second: Int64

        init(seconds: Int64) {
            let day = seconds.dividedDown(by: 86_400)
            let rest = seconds - day * 86_400
            date = DateText.date(day: day)
            time = "\(digits(rest / 3_600, 2)):\(digits(rest / 60 % 60, 2))"
            second = rest % 60
        }
    }

    /// The date of a day since 1970 in the Gregorian calendar.
    ///
    /// This is `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
    /// (https://howardhinnant.github.io/date_algorithms.html): years begin in March, so that the leap day ends one.
    private static func date(day: Int64) -> String {
        let shifted = day + 719_468
        let era = shifted.dividedDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let sign = year < 0 ? "-" : year > 9_999 ? "+" : ""
        return "\(sign)\(digits(abs(year), 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))"
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
}

extension Int64 {
    fileprivate func dividedDown(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
