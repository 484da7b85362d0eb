import Testing
import WebClient

@Suite struct RetryAfterTests {
    /// The date that RFC 9110 takes as its example.
    static let example = 784_111_777

    static func wait(_ text: String, now: Int = example) -> Duration? {
        RetryAfter.wait(text, at: .seconds(now))
    }

    @Test func secondsAreSeconds() {
        #expect(Self.wait("0") == .zero)
        #expect(Self.wait("120") == .seconds(120))
        #expect(Self.wait("00120") == .seconds(120))
    }

    @Test func longWaitsAreCut() {
        #expect(Self.wait("86401") == .seconds(86_400))
        #expect(Self.wait("99999999999999999999999999999") == .seconds(86_400))
        #expect(RetryAfter.wait("120", at: .zero, longest: .seconds(60)) == .seconds(60))
        #expect(Self.wait("Fri, 31 Dec 9999 23:59:59 GMT") == .seconds(86_400))
    }

    @Test(
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        ]
    )
    func allThreeFormsOfDatesAreRead(text: String) {
        #expect(Self.wait(text, now: Self.example - 90) == .seconds(90))
        #expect(Self.wait(text, now: Self.example) == .zero)
        #expect(Self.wait(text, now: Self.example + 1) == .zero)
    }

    @Test func aWaitForADateIsExact() {
        let now = Duration.seconds(Self.example - 2) + .milliseconds(250)
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:49:37 GMT", at: now) == .milliseconds(1_750))
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:10 GMT", 10), ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            ("Tue, 31 Dec 2024 23:59:60 GMT", 1_735_689_600), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400), ("Thu, 05 Mar 2026 23:59:59 GMT", 1_772_755_199),
        ]
    )
    func datesOfAllYearsAreRead(text: String, seconds: Int) {
        #expect(Self.wait(text, now: seconds - 1) == .seconds(1))
    }

    @Test func aYearOfTwoDigitsIsNotMoreThanFiftyYearsAhead() {
        // In 2026: 2076 is fifty years ahead, 2077 would be more and is 1977.
        let now = 1_772_755_199
        #expect(Self.wait("Monday, 06-Jan-76 00:00:00 GMT", now: now) == .seconds(86_400))
        #expect(Self.wait("Thursday, 06-Jan-77 00:00:00 GMT", now: now) == .zero)
        #expect(Self.wait("Friday, 06-Mar-26 00:00:09 GMT", now: now) == .seconds(10))
    }

    @Test(
        arguments: [
            "", " ", "-1", "+1", "1.5", "1 2", "soon", "١٢", "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
            "Mon, 29 Feb 2100 00:00:00 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06 Nov 94 08:49:37 GMT", "Sun Nov  6 08:49:37 94", "Sun Nov 006 08:49:37 1994",
        ]
    )
    func whatIsNeitherIsNothing(text: String) {
        #expect(Self.wait(text) == nil)
    }
}
