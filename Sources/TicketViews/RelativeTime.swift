/// How long ago something was, or how soon it will be.
///
/// Units that are not full yet are left out: 119 seconds are a minute. A month is 30 days, a year 365.
package enum RelativeTime {
    /// In words: `5 minutes ago`, `in 3 hours`, `just now`.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970, as `now`.
    package static func long(_ time: Int64, now: Int64) -> String {
        let seconds = seconds(time, now)
        guard seconds > 0 else { return "just now" }
        let (count, unit) = inUnits(seconds, longUnits, "second")
        let words = "\(count) \(unit)\(count == 1 ? "" : "s")"
        return time > now ? "in \(words)" : "\(words) ago"
    }

    /// The time between the two, in the largest unit, for columns: `40s`, `5m`, `3h`, `2d`, `3w`, `2y`.
    package static func short(_ time: Int64, now: Int64) -> String {
        let (count, unit) = inUnits(seconds(time, now), shortUnits, "s")
        return "\(count)\(unit)"
    }

    private static let day: UInt64 = 86_400

    /// Units with the seconds from which on they are used, and their length.
    private static let longUnits: [(name: String, from: UInt64, length: UInt64)] = [
        ("year", 365 * day, 365 * day), ("month", 60 * day, 30 * day), ("week", 14 * day, 7 * day),
        ("day", day, day), ("hour", 3_600, 3_600), ("minute", 60, 60),
    ]

    private static let shortUnits: [(name: String, from: UInt64, length: UInt64)] = [
        ("y", 2 * 365 * day, 365 * day), ("w", 14 * day, 7 * day), ("d", day, day), ("h", 3_600, 3_600), ("m", 60, 60),
    ]

    private static func inUnits(
        _ seconds: UInt64,
        _ units: [(name: String, from: UInt64, length: UInt64)],
        _ smallest: String
    ) -> (UInt64, String) {
        guard let unit = units.first(where: { seconds >= $0.from }) else { return (seconds, smallest) }
        return (seconds / unit.length, unit.name)
    }

    private static func seconds(_ time: Int64, _ now: Int64) -> UInt64 {
        let later = max(time, now)
        let earlier = min(time, now)
        // The distance of two Int64 fits into a UInt64.
        return (UInt64(bitPattern: later) &- UInt64(bitPattern: earlier)) / 1_000
    }
}
