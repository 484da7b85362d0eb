import Testing

@testable import Tickets

@Suite struct NameSearchTests {
    @Test(
        arguments: [
            "jo@example.com", "Jo@Example.COM", "<jo@example.com>", "mail jo@example.com.", "a,jo@example.com;b",
            #"{"text":"first\njo@example.com"}"#, "mailto:jo@example.com", "jo@example.com's",
        ]
    )
    func aNameIsFound(_ text: String) {
        #expect(NameSearch("jo@example.com").matches(text))
    }

    @Test(
        arguments: [
            "", "jo@example.co", "banjo@example.com", "x.jo@example.com", "jo@example.com.au", "jo@example.community",
            "jo@example.com-pany.org",
        ]
    )
    func aPartOfAnotherNameIsNone(_ text: String) {
        #expect(!NameSearch("jo@example.com").matches(text))
    }

    @Test func namesOfOtherSystemsAreWhole() {
        #expect(NameSearch("Caller 24").matches("opened for Caller 24, by phone"))
        #expect(!NameSearch("Caller 24").matches("Caller 2403"))
    }
}
