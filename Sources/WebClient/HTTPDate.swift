/// A moment in the three forms that RFC 9110, section 5.6.7, gives it in heads.
enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let longDays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    /// Seconds since 1970 of a date; nil where the text is none.
    ///
    /// - Parameter now: seconds since 1970; a year of two digits is the one that is not more than 50 years ahead.
    static func parse(_ text: String, now: Int) -> Int? {
        let words = text.split(separator: " ").map(String.init)
        switch words.count {
        case 6: return parseFixed(words)
        case 4: return parseOld(words, now: now)
        case 5: return parseASCTime(words)
        default: return nil
        }
    }

    /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`, which is what servers write.
    private static func parseFixed(_ words: [String]) -> Int? {
        guard words[0].hasSuffix(","), days.contains(String(words[0].dropLast())), words[5] == "GMT",
            let day = number(words[1], digits: 2), let year = number(words[3], digits: 4)
        else { return nil }
        return seconds(year: year, monthName: words[2], day: day, time: words[4])
    }

    /// Such as `Sunday, 06-Nov-94 08:49:37 GMT`, of RFC 850.
    private static func parseOld(_ words: [String], now: Int) -> Int? {
        let date = words[1].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard words[0].hasSuffix(","), longDays.contains(String(words[0].dropLast())), words[3] == "GMT",
            date.count == 3, let day = number(date[0], digits: 2), let shortYear = number(date[2], digits: 2)
        else { return nil }
        let thisYear = year(ofDay: floorDivide(now, 86_400))
        var year = thisYear - thisYear % 100 + shortYear
        if year > thisYear + 50 { year -= 100 }
        return seconds(year: year, monthName: date[1], day: day, time: words[2])
    }

    /// Such as `Sun Nov  6 08:49:37 1994`, of `asctime` in C.
    private static func parseASCTime(_ words: [String]) -> Int? {
        guard days.contains(words[0]), let year = number(words[4], digits: 4),
            let day = number(words[2], digits: words[2].utf8.count), words[2].utf8.count <= 2
        else { return nil }
        return seconds(year: year, monthName: words[1], day: day, time: words[3])
    }

    private static func seconds(year: Int, monthName: String, day: Int, time: String) -> Int? {
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let hour = number(parts[0], digits: 2), let minute = number(parts[1], digits: 2),
            let second = number(parts[2], digits: 2), hour <= 23, minute <= 59, second <= 60,
            let monthIndex = months.firstIndex(of: monthName), day >= 1,
            day <= length(ofMonth: monthIndex + 1, year: year)
        else { return nil }
        return dayNumber(year: year, month: monthIndex + 1, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: String, digits: Int) -> Int? {
        guard text.utf8.count == digits, digits > 0,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(text)
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970 in the Gregorian calendar; years begin in March, so that the leap day comes last.
    private static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func year(ofDay day: Int) -> Int {
        // A guess that is never too late, and a little too early.
        var year = 1969 + floorDivide(day, 366)
        while dayNumber(year: year + 1, month: 1, day: 1) <= day { year += 1 }
        return year
    }

    private static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : (value + 1) / divisor - 1
    }
}
