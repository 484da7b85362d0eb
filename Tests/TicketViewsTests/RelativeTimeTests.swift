import Testing
import TicketViews

@Suite struct RelativeTimeTests {
    private static let now: Int64 = 1_795_268_700_000

    @Test(
        arguments: [
            (0, "just now", "0s"), (999, "just now", "0s"), (1_000, "1 second ago", "1s"),
            (59_999, "59 seconds ago", "59s"),
            (60_000, "1 minute ago", "1m"), (300_000, "5 minutes ago", "5m"), (3_599_000, "59 minutes ago", "59m"),
            (3_600_000, "1 hour ago", "1h"), (86_399_000, "23 hours ago", "23h"), (2 * 86_400_000, "2 days ago", "2d"),
            (13 * 86_400_000, "13 days ago", "13d"), (21 * 86_400_000, "3 weeks ago", "3w"),
            (60 * 86_400_000, "2 months ago", "8w"), (364 * 86_400_000, "12 months ago", "52w"),
            (365 * 86_400_000, "1 year ago", "52w"), (730 * 86_400_000, "2 years ago", "2y"),
        ] as [(Int64, String, String)]
    )
    func thePastIsNamedInItsLargestUnit(age: Int64, long: String, short: String) {
        #expect(RelativeTime.long(Self.now - age, now: Self.now) == long)
        #expect(RelativeTime.short(Self.now - age, now: Self.now) == short)
    }

    @Test func theFutureIsNamedToo() {
        #expect(RelativeTime.long(Self.now + 3 * 3_600_000, now: Self.now) == "in 3 hours")
        #expect(RelativeTime.long(Self.now + 61_000, now: Self.now) == "in 1 minute")
        #expect(RelativeTime.short(Self.now + 3 * 3_600_000, now: Self.now) == "3h")
    }

    @Test func timesFarOutAreNoTrap() {
        #expect(RelativeTime.short(.min, now: .max) == "584942417y")
        #expect(RelativeTime.long(.max, now: .min) == "in 584942417 years")
    }
}
