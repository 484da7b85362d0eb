import Foundation
import MarketData
import Testing

@testable import Feeds

@Suite("Time zones")
struct TimeZoneTests {
    private func day(_ date: String, _ zone: String) throws -> LocalDay {
        LocalDay(try #require(CalendarDate(parsing: date)), in: try TimeZoneRules(named: zone))
    }

    private func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(parsing: text)) }

    private func hour(_ day: LocalDay, _ hour: Double) -> Timestamp {
        day.timestamp(nanosecondsSinceMidnight: Int64(hour * 3_600_000_000_000))
    }

    @Test("Clocks set back: the hour that comes twice is the first of the two")
    func setBack() throws {
        let day = try day("2013-11-03", "America/New_York")
        #expect(hour(day, 0) == (try moment("2013-11-03T04:00:00Z")))
        #expect(hour(day, 1.5) == (try moment("2013-11-03T05:30:00Z")))
        #expect(hour(day, 2) == (try moment("2013-11-03T07:00:00Z")))
        #expect(hour(day, 9.5) == (try moment("2013-11-03T14:30:00Z")))
        #expect(hour(try self.day("2013-11-04", "America/New_York"), 0) == (try moment("2013-11-04T05:00:00Z")))
    }

    @Test("Clocks set forward: the hour that is left out is read as if they were not set yet")
    func setForward() throws {
        let day = try day("2014-03-09", "America/New_York")
        #expect(hour(day, 0) == (try moment("2014-03-09T05:00:00Z")))
        #expect(hour(day, 1.75) == (try moment("2014-03-09T06:45:00Z")))
        #expect(hour(day, 2.5) == (try moment("2014-03-09T07:30:00Z")))
        #expect(hour(day, 3) == (try moment("2014-03-09T07:00:00Z")))
        #expect(hour(day, 9.5) == (try moment("2014-03-09T13:30:00Z")))
    }

    @Test("UTC needs no database")
    func utc() throws {
        let zone = try TimeZoneRules(named: "UTC", database: "/nowhere")
        let date = try #require(CalendarDate(parsing: "20131008"))
        #expect(
            LocalDay(date, in: zone).timestamp(nanosecondsSinceMidnight: 5)
                == Timestamp(
                    nanoseconds: date.midnightUTC.nanoseconds + 5
                )
        )
    }

    @Test(
        "Every day of years behind and within the table is as Foundation has it",
        arguments: [
            "America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo", "Asia/Kolkata",
            "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Europe/Dublin",
        ]
    )
    func likeFoundation(name: String) throws {
        let zone = try #require(TimeZone(identifier: name))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let rules = try TimeZoneRules(named: name)
        for year in [1971, 1999, 2007, 2011, 2013, 2018, 2024, 2036, 2038] {
            for offset in 0..<366 {
                let seconds = Double(year - 1970) * 31_556_952 + Double(offset) * 86_400
                let date = Date(timeIntervalSince1970: seconds.rounded())
                #expect(rules.offset(at: Int64(seconds.rounded())) == Int64(zone.secondsFromGMT(for: date)), "\(date)")
            }
        }
    }

    @Test(
        "The rule behind the table",
        arguments: [
            ("EST5EDT,M3.2.0,M11.1.0", "2050-03-13T06:59:59Z", -18_000),
            ("EST5EDT,M3.2.0,M11.1.0", "2050-03-13T07:00:00Z", -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", "2050-11-06T05:59:59Z", -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", "2050-11-06T06:00:00Z", -18_000),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-01-01T00:00:00Z", 39_600),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-07-01T00:00:00Z", 37_800),
            ("JST-9", "2050-07-01T00:00:00Z", 32_400),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-03-27T00:59:59Z", -7_200),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-03-27T01:00:00Z", -3_600),
            ("AAA0BBB,J60/0,300/24", "2052-02-29T23:59:59Z", 0),
            ("AAA0BBB,J60/0,300/24", "2052-03-01T00:00:00Z", 3_600),
        ]
    )
    func footer(rule: String, time: String, offset: Int64) throws {
        let zone = try #require(PosixTimeZone(parsing: Array(rule.utf8)))
        let seconds = try moment(time).nanoseconds / 1_000_000_000
        let found = zone.transitions(around: seconds).last { $0.time <= seconds }?.offset ?? zone.standard
        #expect(found == offset)
    }

    @Test(
        "What is no rule is refused",
        arguments: [
            "", "E", "EST", "EST5EDT,", "EST5EDT,M13.1.0,M1.1.0", "EST5EDT,M3.2.0", "<+1", "EST5EDT,M3.2.0,M11.1.0,",
            "EST999",
        ]
    )
    func noRule(text: String) {
        #expect(PosixTimeZone(parsing: Array(text.utf8)) == nil)
    }

    @Test("Unknown zones, files that are none, and names that lead elsewhere")
    func faults() throws {
        for name in ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "zone.tab", "a b"] {
            #expect(throws: InputError.self) { try TimeZoneRules(named: name) }
        }
        let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/America/New_York")))
        let folder = try TemporaryFolder()
        for cut in stride(from: 0, to: file.count, by: 13) {
            _ = try folder.write(Array(file.prefix(cut)), "Cut")
            #expect(throws: InputError.self) { try TimeZoneRules(named: "Cut", database: folder.path) }
        }
        for index in stride(from: 0, to: file.count, by: 7) {
            var damaged = file
            damaged[index] ^= 0xFF
            _ = try folder.write(damaged, "Damaged")
            let rules = try? TimeZoneRules(named: "Damaged", database: folder.path)
            if let rules { _ = LocalDay(try #require(CalendarDate(parsing: "20140309")), in: rules) }
        }
    }
}
