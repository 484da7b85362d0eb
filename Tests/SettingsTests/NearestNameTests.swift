import Testing

@testable import Settings

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1),
        ("agnet", "agent", 1), ("ca", "abc", 3), ("roles", "role", 1),
    ])
    func theDistanceIsTheNumberOfEdits(_ from: String, _ to: String, _ distance: Int) {
        let (one, other) = (Array(from.unicodeScalars), Array(to.unicodeScalars))
        #expect(NearestName.distance(one, other) == distance)
        #expect(NearestName.distance(other, one) == distance)
    }

    @Test func onlyANearNameIsProposed() {
        let names = ["uri", "uri_file", "database"]
        #expect(NearestName.find("url", among: names) == "uri")
        #expect(NearestName.find("urifile", among: names) == "uri_file")
        #expect(NearestName.find("URI", among: names) == "uri")
        #expect(NearestName.find("host", among: names) == nil)
        #expect(NearestName.find("", among: names) == nil)
        #expect(NearestName.find(String(repeating: "u", count: 1_000_000), among: names) == nil)
        #expect(NearestName.find("x", among: []) == nil)
    }
}
