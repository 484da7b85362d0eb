/// Writes RFC 3339 times in microseconds, and remembers the text of the second it wrote last.
struct TimeStamp {
    private var second: Int64 = -1
    private var text: [UInt8] = []

    /// Appends a time given in microseconds since 1970.
    mutating func append(_ microseconds: Int64, to output: inout OutputFile) {
        let wanted = microseconds / 1_000_000
        if wanted != second {
            second = wanted
            text = Self.text(ofSecond: wanted)
        }
        output.append(text)
        output.append(UInt64(microseconds % 1_000_000), digits: 6)
        output.append(UInt8(ascii: "Z"))
    }

    /// Date and time up to and including the point before the fraction.
    private static func text(ofSecond second: Int64) -> [UInt8] {
        let date = civilDate(day: second / 86_400)
        let rest = second % 86_400
        let fields = [
            (date.year, 4, "-"), (date.month, 2, "-"), (date.day, 2, "T"),
            (rest / 3_600, 2, ":"), (rest / 60 % 60, 2, ":"), (rest % 60, 2, "."),
        ]
        var bytes: [UInt8] = []
        for (value, width, separator) in fields {
            let digits = String(value)
            bytes += Array(repeating: UInt8(ascii: "0"), count: max(0, width - digits.utf8.count))
            bytes += Array(digits.utf8)
            bytes += Array(separator.utf8)
        }
        return bytes
    }

    /// The Gregorian date of a day counted from 1970-01-01 (days before that do not occur here).
    private static func civilDate(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
