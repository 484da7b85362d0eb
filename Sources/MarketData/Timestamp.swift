/// A moment in nanoseconds since 1970-01-01 00:00:00 UTC, from 1970 to 2262.
public struct Timestamp: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Stands for a time that was not sent.
    public static var absent: Timestamp { Timestamp(nanoseconds: .min) }

    public var isAbsent: Bool { nanoseconds == .min }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Whole milliseconds to nanoseconds, or nil where that does not fit.
    public init?(milliseconds: Int64) {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return nil }
        nanoseconds = product
    }
}

extension Timestamp {
    /// Reads RFC 3339 (`2024-08-08T14:30:00.123456Z`, offsets allowed, a space for the T, a bare date as
    /// midnight UTC) or a Unix time in seconds, milliseconds, microseconds or nanoseconds, with or without a fraction.
    ///
    /// The unit of a Unix time follows from its digits before the point: up to 11 are seconds, up to 14
    /// milliseconds, up to 17 microseconds, and nanoseconds beyond.
    public init?(parsing text: UnsafeRawBufferPointer) {
        let isDate = text.count >= 10 && text[4] == UInt8(ascii: "-")
        guard let parsed = isDate ? Self.rfc3339(text) : Self.unix(text) else { return nil }
        self = parsed
    }

    public init?(parsing text: String) {
        var copy = text
        guard let parsed = copy.withUTF8({ Timestamp(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }

    /// Reads a Unix time in seconds with a fraction, exactly (`1786309548.026294`).
    public init?(parsingSeconds text: UnsafeRawBufferPointer) {
        guard let number = ExactDecimal(parsing: text), let nanoseconds = Self.scaled(number, by: 9) else { return nil }
        self.init(nanoseconds: nanoseconds)
    }

    private static func unix(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard let number = ExactDecimal(parsing: text), number.mantissa >= 0 else { return nil }
        let whole = text.firstIndex(of: UInt8(ascii: ".")) ?? text.count
        let power: Int8 = whole <= 11 ? 9 : whole <= 14 ? 6 : whole <= 17 ? 3 : 0
        return scaled(number, by: power).map(Timestamp.init(nanoseconds:))
    }

    /// number × 10^power, fractions of a nanosecond cut off.
    private static func scaled(_ number: ExactDecimal, by power: Int8) -> Int64? {
        let shifted = ExactDecimal(mantissa: number.mantissa, exponent: number.exponent + power)
        if shifted.exponent >= 0 { return shifted.scaled(to: 0) }
        var mantissa = number.mantissa
        for _ in 0..<(-Int(shifted.exponent)) { mantissa /= 10 }
        return mantissa
    }

    private static func rfc3339(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard let year = digits(text, 0, 4), let month = digits(text, 5, 2), let day = digits(text, 8, 2),
            text[7] == UInt8(ascii: "-"), (1970...2261).contains(year), (1...12).contains(month),
            day >= 1, day <= daysInMonth(month, year)
        else { return nil }
        var seconds = daysSinceEpoch(year: year, month: month, day: day) * 86_400
        guard text.count > 10 else { return Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000) }
        guard text.count >= 19, text[10] == UInt8(ascii: "T") || text[10] == UInt8(ascii: " "),
            let hour = digits(text, 11, 2), let minute = digits(text, 14, 2), let second = digits(text, 17, 2),
            text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"), hour < 24, minute < 60, second < 61
        else { return nil }
        seconds += hour * 3_600 + minute * 60 + second
        var index = 19
        guard let fraction = fraction(text, &index), let offset = offset(text, &index), index == text.count else {
            return nil
        }
        return Timestamp(nanoseconds: Int64(seconds - offset) * 1_000_000_000 + fraction)
    }

    private static func digits(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        var value = 0
        for index in start..<(start + count) {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int(digit)
        }
        return value
    }

    private static func fraction(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> Int64? {
        guard index < text.count, text[index] == UInt8(ascii: ".") else { return 0 }
        index += 1
        var value: Int64 = 0
        var count = 0
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10 {
            if count < 9 { value = value &* 10 &+ Int64(text[index] &- UInt8(ascii: "0")) }
            count += 1
            index += 1
        }
        guard count > 0 else { return nil }
        while count < 9 {
            value *= 10
            count += 1
        }
        return value
    }

    /// The seconds east of UTC; a time without an offset counts as UTC.
    private static func offset(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> Int? {
        guard index < text.count else { return 0 }
        let sign = text[index]
        if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") {
            index += 1
            return 0
        }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), index + 6 == text.count,
            let hours = digits(text, index + 1, 2), let minutes = digits(text, index + 4, 2),
            text[index + 3] == UInt8(ascii: ":"), hours < 24, minutes < 60
        else { return nil }
        index += 6
        return (hours * 3_600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }

    private static func daysInMonth(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
    ///
    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// A calendar date without a time zone, such as the trading day that a file name carries.
public struct CalendarDate: Hashable, Sendable, CustomStringConvertible {
    public let year: Int
    public let month: Int
    public let day: Int

    /// Reads `20131008` or `2013-10-08`.
    public init?(parsing text: String) {
        let digits = text.filter { $0 != "-" }
        guard digits.utf8.count == 8, digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let number = Int(digits) else {
            return nil
        }
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100)
        guard Timestamp(parsing: digits.prefix(4) + "-" + digits.dropFirst(4).prefix(2) + "-" + digits.suffix(2)) != nil
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date as `2013-10-08`.
    public var description: String {
        func digits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(digits(month))-\(digits(day))"
    }

    /// Midnight of the date on a clock that shows UTC.
    public var midnightUTC: Timestamp {
        let days = Timestamp.daysSinceEpoch(year: year, month: month, day: day)
        return Timestamp(nanoseconds: Int64(days) * 86_400_000_000_000)
    }
}
