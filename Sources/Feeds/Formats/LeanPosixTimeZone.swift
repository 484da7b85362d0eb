import MarketData

/// A rule for all years, as `EST5EDT,M3.2.0,M11.1.0`.
struct PosixTimeZone: Equatable, Sendable {
    /// Seconds east of UTC outside of daylight saving time.
    let standard: Int64
    private var daylight: DaylightTime?

    private struct DaylightTime: Equatable {
        var offset: Int64
        var start: Change
        var end: Change
    }

    fileprivate struct Change: Equatable {
        enum Day: Equatable {
            /// The `week`th (5: the last) `weekday` (0: Sunday) of a month.
            case weekday(month: Int, week: Int, weekday: Int)
            /// Counted from 1, never counting 29 February.
            case withoutLeapDay(Int)
            /// Counted from 0, counting 29 February.
            case ofYear(Int)
        }

        var day: Day
        /// Seconds since midnight on the clock that is about to be changed; may be negative, or beyond a day.
        var time: Int64
    }

    /// Nil where the text is no rule.
    init?(parsing text: [UInt8]) {
        var scanner = Scanner(text: text)
        guard scanner.name(), let west = scanner.time() else { return nil }
        standard = -west
        guard !scanner.isAtEnd else { return }
        guard scanner.name() else { return nil }
        var daylight = standard + 3_600
        if scanner.peek != UInt8(ascii: ",") {
            guard let west = scanner.time() else { return nil }
            daylight = -west
        }
        guard let start = scanner.change(), let end = scanner.change(), scanner.isAtEnd else { return nil }
        self.daylight = DaylightTime(offset: daylight, start: start, end: end)
    }

    /// The changes of the year of a moment and of the years beside it, in order.
    func transitions(around time: Int64) -> [TimeZoneRules.Transition] {
        guard let daylight else { return [] }
        // An average year is good enough to find the three years; times before 1971 never come here.
        let year = 1970 + Int(max(0, time) / 31_556_952)
        let changes = (max(1970, year - 1)...(year + 1)).flatMap { year in
            [
                TimeZoneRules.Transition(
                    time: daylight.start.clock(in: year) - standard,
                    offset: daylight.offset
                ),
                TimeZoneRules.Transition(
                    time: daylight.end.clock(in: year) - daylight.offset,
                    offset: standard
                ),
            ]
        }
        return changes.sorted { $0.time < $1.time }
    }

    private struct Scanner {
        let text: [UInt8]
        var index = 0

        init(text: [UInt8]) {
            self.text = text
        }

        var isAtEnd: Bool { index == text.count }
        var peek: UInt8? { index < text.count ? text[index] : nil }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard peek == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        /// An abbreviation: letters, or anything in angle brackets.
        mutating func name() -> Bool {
            let start = index
            if take("<") {
                while let character = peek, character != UInt8(ascii: ">") { index += 1 }
                return take(">")
            }
            while let character = peek, (65...90).contains(character & 0xDF) { index += 1 }
            return index - start >= 3
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int? {
            var value = 0
            let start = index
            while let character = peek, (48...57).contains(character), index - start < 4 {
                value = value * 10 + Int(character - 48)
                index += 1
            }
            return index > start && range.contains(value) ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time() -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard var seconds = number(0...167).map({ $0 * 3_600 }) else { return nil }
            for unit in [60, 1] where take(":") {
                guard let value = number(0...59) else { return nil }
                seconds += value * unit
            }
            return Int64(isNegative ? -seconds : seconds)
        }

        /// `,day[/time]`.
        mutating func change() -> Change? {
            guard take(","), let day = day() else { return nil }
            guard take("/") else { return Change(day: day, time: 7_200) }
            return time().map { Change(day: day, time: $0) }
        }

        private mutating func day() -> Change.Day? {
            if take("M") {
                guard let month = number(1...12), take("."), let week = number(1...5), take("."),
                    let weekday = number(0...6)
                else { return nil }
                return .weekday(month: month, week: week, weekday: weekday)
            }
            if take("J") { return number(1...365).map { .withoutLeapDay($0) } }
            return number(0...365).map { .ofYear($0) }
        }
    }
}

extension PosixTimeZone.Change {
    /// The moment in a year as seconds since 1970 on the clock that is about to be changed.
    fileprivate func clock(in year: Int) -> Int64 {
        days(in: year) * 86_400 + time
    }

    private func days(in year: Int) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        switch day {
        case .ofYear(let number): return Self.days(year, 1) + Int64(number)
        case .withoutLeapDay(let number):
            return Self.days(year, 1) + Int64(number - 1) + (isLeap && number >= 60 ? 1 : 0)
        case .weekday(let month, let week, let weekday):
            let first = Self.days(year, month)
            let next = month == 12 ? Self.days(year + 1, 1) : Self.days(year, month + 1)
            // 1970-01-01 was a Thursday.
            let firstWeekday = (first + 4) % 7
            var day = first + (Int64(weekday) - firstWeekday + 7) % 7 + Int64(week - 1) * 7
            while day >= next { day -= 7 }
            return day
        }
    }

    /// Days from 1970-01-01 to the first of a month.
    private static func days(_ year: Int, _ month: Int) -> Int64 {
        let text = "\(year)" + (month < 10 ? "0" : "") + "\(month)01"
        let midnight = CalendarDate(parsing: text)?.midnightUTC.nanoseconds ?? 0
        return midnight / 86_400_000_000_000
    }
}
