import MarketData

/// The names of files of an archive: they sort by instrument, kind and time, and have only characters that every
/// system allows.
enum ArchiveFileName {
    private static let symbolMax = 100

    /// - Parameter checksum: that of the file; it tells files apart that have all else in common, such as those of two
    ///   sources.
    static func make(_ outline: BucketOutline, checksum: UInt32) -> String {
        let symbol = outline.instrument.description.unicodeScalars.prefix(symbolMax).map { scalar -> Character in
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            return isLetter || ("0"..."9").contains(scalar) ? Character(scalar) : "-"
        }
        let start = time(nanoseconds: outline.windowStart)
        let end = padded(String(checksum, radix: 16), 8)
        return "\(String(symbol)).\(outline.kind.name).\(start).\(outline.state.part).\(end).tda"
    }

    /// A time as `20240808T130000Z`.
    ///
    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    private static func time(nanoseconds: Int64) -> String {
        let total = nanoseconds / 1_000_000_000 - (nanoseconds % 1_000_000_000 < 0 ? 1 : 0)
        let seconds = (total % 86_400 + 86_400) % 86_400
        let days = (total - seconds) / 86_400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let clock = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { padded(String($0), 2) }.joined()
        return "\(padded(String(year), 4))\(padded(String(month), 2))\(padded(String(day), 2))T\(clock)Z"
    }

    private static func padded(_ digits: String, _ count: Int) -> String {
        String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}
