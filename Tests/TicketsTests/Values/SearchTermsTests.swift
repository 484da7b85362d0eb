import BSON
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct SearchTermsTests {
    @Test(arguments: [
        ("", []), ("  .,;", []),
        ("Printer on FIRE!", ["printer", "on", "fire"]),
        ("the the The", ["the"]),
        ("naïve Straße ÉTÉ", ["naïve", "straße", "été"]),
        ("ΑΘΗΝΑ Москва", ["αθηνα", "москва"]),
        ("日本語", ["日", "本", "語"]),
        ("Tokyo東京2024", ["tokyo", "東", "京", "2024"]),
        ("カタカナ", ["カ", "タ", "ナ"]),
        ("한국", ["한", "국"]),
        ("don't e-mail", ["don", "t", "e", "mail"]),
        ("jo@example.com", ["jo", "example", "com"]),
        ("x_y #42", ["x", "y", "42"]),
        ("👩‍👩‍👧 ok", ["ok"]),
        ("مرحبا بك", ["مرحبا", "بك"]),
    ])
    func textIsCutIntoWords(text: String, words: [String]) {
        #expect(SearchTerms.words([text]) == words)
    }

    @Test func wordsOfAllTextsComeOnce() {
        #expect(SearchTerms.words(["a b", "B c", "a"]) == ["a", "b", "c"])
    }

    @Test func longWordsAreCutAlike() {
        let long = String(repeating: "ab", count: 500)
        let words = SearchTerms.words([long])
        #expect(words == [String(long.prefix(40))])
        #expect(SearchTerms.words(words) == words)
    }

    @Test func additionsLeaveOutWhatIsKnownAndStopAtTheLimit() {
        #expect(SearchTerms.additions(["a b c"], to: ["b"]) == ["a", "c"])
        #expect(SearchTerms.additions([], to: []) == [])
        let many = (0..<SearchTerms.countMax + 10).map { "w\($0)" }
        #expect(SearchTerms.additions([many.joined(separator: " ")], to: []).count == SearchTerms.countMax)
        #expect(SearchTerms.additions(["x y"], to: Array(many.prefix(SearchTerms.countMax - 1))) == ["x"])
        #expect(SearchTerms.additions(["x"], to: Array(many.prefix(SearchTerms.countMax))) == [])
    }

    /// What is found for a text is found for each of its words, and words are words of themselves.
    @Test func wordsAreStable() {
        for seed in Seeds.list(1...400) {
            var random = SplitMix64(seed: seed)
            let text = RandomText.any(&random)
            let words = SearchTerms.words([text])
            #expect(SearchTerms.words(words) == words, "seed \(seed)")
            #expect(SearchTerms.words([text + " "]) == words, "seed \(seed)")
            #expect(Set(SearchTerms.words([text, text.uppercased()])).isSuperset(of: words), "seed \(seed)")
            #expect(words.allSatisfy { !$0.isEmpty && $0 == $0.lowercased() }, "seed \(seed)")
        }
    }

    @Test func searchTextTakesWordsAndPrefixes() {
        var query = TicketQuery(limit: 1)
        query.search("Refund  paym* 2024-0*")
        #expect(query.words == ["refund", "2024"])
        #expect(query.prefixes == ["paym", "0"])
        query.search("*")
        #expect(query.prefixes == ["paym", "0"])
    }
}
