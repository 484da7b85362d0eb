import Foundation
import MarketData
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("2024-08-08T14:30:00.123456Z", 1_723_127_400_123_456_000),
        ("2024-08-08 14:30:00", 1_723_127_400_000_000_000), ("2024-08-08T14:30:00+02:00", 1_723_120_200_000_000_000),
        ("2024-08-08T14:30:00-05:30", 1_723_147_200_000_000_000), ("2024-08-08T14:30:00z", 1_723_127_400_000_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000), ("2000-02-29", 951_782_400_000_000_000),
        ("2024-12-31T23:59:60Z", 1_735_689_600_000_000_000), ("2024-08-08T14:30:00.1Z", 1_723_127_400_100_000_000),
        ("2024-08-08T14:30:00.1234567899Z", 1_723_127_400_123_456_789),
        ("2022-01-04 00:00:00+00:00", 1_641_254_400_000_000_000),
        ("2261-12-31T23:59:59.999999999Z", 9_214_646_399_999_999_999),
        ("0", 0), ("1723161255", 1_723_161_255_000_000_000), ("1723161255088", 1_723_161_255_088_000_000),
        ("1723161255088169", 1_723_161_255_088_169_000), ("1723161255088169167", 1_723_161_255_088_169_167),
        ("1723161255.088169167", 1_723_161_255_088_169_167), ("172316125.0881691679", 172_316_125_088_169_167),
        ("1723161255088.5", 1_723_161_255_088_500_000), ("1.7e9", 1_700_000_000_000_000_000), ("1.5", 1_500_000_000),
    ])
    func reads(text: String, nanoseconds: Int64) {
        #expect(Timestamp(parsing: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "now", "2024-08", "2024-8-8", "2024-13-01", "2024-00-01", "2024-01-00", "2024-01-32", "2023-02-29",
        "2100-02-29", "1900-02-29", "2024-04-31", "1969-12-31", "2262-01-01", "9999-12-31", "2024-08-08T",
        "2024-08-08T14",
        "2024-08-08T14:30", "2024-08-08T24:00:00Z", "2024-08-08T14:60:00Z", "2024-08-08T14:30:61Z", "2024/08/08",
        "2024-08-08T14:30:00.Z", "2024-08-08T14:30:00ZZ", "2024-08-08T14:30:00+2", "2024-08-08T14:30:00+0200",
        "2024-08-08T14:30:00+24:00", "2024-08-08T14:30:00+02:60", "2024-08-08X14:30:00", "2024-08-08T14-30-00",
        "-1", "-1723161255", "1e30", "NaN", "99999999999", "92233720368547758080", "2024-08-08T1４:30:00Z",
    ])
    func refuses(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test func secondsWithAFraction() {
        func read(_ text: String) -> Int64? {
            Array(text.utf8).withUnsafeBytes { Timestamp(parsingSeconds: $0)?.nanoseconds }
        }
        #expect(read("1786309548.026294") == 1_786_309_548_026_294_000)
        #expect(read("1534614057.321597") == 1_534_614_057_321_597_000)
        #expect(read("1534614057") == 1_534_614_057_000_000_000)
        #expect(read("x") == nil)
        #expect(read("99999999999") == nil)
    }

    @Test func milliseconds() {
        #expect(Timestamp(milliseconds: 1_723_161_255_088)?.nanoseconds == 1_723_161_255_088_000_000)
        #expect(Timestamp(milliseconds: .max) == nil)
    }

    /// Every day from 1970 to 2261, counted one by one.
    @Test func everyDay() {
        var day: Int64 = 0
        for year in 1970...2261 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for date in [1, length] {
                    let text = "\(year)-\(Self.two(month + 1))-\(Self.two(date))"
                    let expected = (day + Int64(date) - 1) * 86_400_000_000_000
                    #expect(Timestamp(parsing: text)?.nanoseconds == expected, "\(text)")
                    #expect(CalendarDate(parsing: text)?.midnightUTC.nanoseconds == expected, "\(text)")
                }
                #expect(Timestamp(parsing: "\(year)-\(Self.two(month + 1))-\(length + 1)") == nil)
                day += Int64(length)
            }
        }
    }

    @Test func readsAsFoundationDoes() throws {
        var numbers = TestNumbers(seed: 9)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        for _ in 0..<3_000 {
            let seconds = numbers.index(below: 9_000_000_000)
            let fraction = numbers.index(below: 1_000_000_000)
            let offset = numbers.index(below: 2_879) - 1_439
            let local = Date(timeIntervalSince1970: TimeInterval(seconds + offset * 60))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: local)
            guard let year = parts.year, let month = parts.month, let day = parts.day, let hour = parts.hour,
                let minute = parts.minute, let second = parts.second, year >= 1970
            else { continue }
            let date = "\(year)-\(Self.two(month))-\(Self.two(day))"
            let zone = "\(Self.two(abs(offset) / 60)):\(Self.two(abs(offset) % 60))"
            let digits = String(String(1_000_000_000 + fraction).dropFirst())
            let clock = "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second)).\(digits)"
            let text = "\(date)T\(clock)\(offset < 0 ? "-" : "+")\(zone)"
            let expected = Int64(seconds) * 1_000_000_000 + Int64(fraction)
            #expect(Timestamp(parsing: text)?.nanoseconds == expected, "\(text)")
        }
    }

    /// No text of the letters of times crashes, and what is read lies within the years that are stored.
    @Test func anyText() {
        var numbers = TestNumbers(seed: 10)
        for _ in 0..<50_000 {
            let text = numbers.text(of: "0123456789-:TZ+. e", lengthMax: 30)
            guard let time = Timestamp(parsing: text) else { continue }
            #expect(time.nanoseconds >= -86_400_000_000_000, "\(text)")
        }
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

@Suite struct CalendarDateTests {
    @Test(arguments: ["2013-10-08", "20131008"])
    func reads(text: String) throws {
        let date = try #require(CalendarDate(parsing: text))
        #expect(date.year == 2013 && date.month == 10 && date.day == 8)
        #expect(date.midnightUTC.nanoseconds == 1_381_190_400_000_000_000)
    }

    @Test(arguments: ["", "2013", "20131308", "20130229", "2013100", "201310081", "2013100x", "+2013100"])
    func refuses(text: String) {
        #expect(CalendarDate(parsing: text) == nil)
    }
}
