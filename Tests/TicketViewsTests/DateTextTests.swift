import Foundation
import Testing
import TicketViews

@Suite struct DateTextTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_268_700_123, "2026-11-21T13:45:00.123Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)]
    )
    func timesAreWrittenAsRFC3339(milliseconds: Int64, text: String) {
        #expect(DateText.rfc3339(milliseconds) == text)
    }

    @Test func datesAreThoseOfFoundation() throws {
        var generator = SeededGenerator(seed: 1)
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: -2_000_000_000...30_000_000_000, using: &generator)
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute],
                from: Date(timeIntervalSince1970: TimeInterval(seconds))
            )
            let text = String(
                format: "%04d-%02d-%02d %02d:%02d",
                parts.year ?? 0,
                parts.month ?? 0,
                parts.day ?? 0,
                parts.hour ?? 0,
                parts.minute ?? 0
            )
            #expect(DateText.local(seconds * 1_000, offset: 0) == text)
        }
    }

    @Test func aClockIsAheadOfOrBehindUTC() {
        #expect(DateText.local(1_795_268_700_123, offset: 3_600) == "2026-11-21 14:45")
        #expect(DateText.local(1_795_268_700_123, offset: -50_400) == "2026-11-20 23:45")
        #expect(Samples.time.both(Samples.now - 5 * Samples.minute) == "2026-11-21 14:40 (5 minutes ago)")
    }

    @Test func theFirstAndTheLastTimeAreNoTrap() {
        #expect(DateText.rfc3339(.min) == "-292275055-05-16T16:47:04.192Z")
        #expect(DateText.rfc3339(.max) == "+292278994-08-17T07:12:55.807Z")
    }
}
