/// The words by which tickets are found.
///
/// Letters and digits in a row are a word, in lower case; characters of scripts that do not part words (Han, Kana,
/// Hangul) are a word each. The same rule cuts what is stored and what is searched for.
public enum SearchTerms {
    /// A ticket keeps this many different words; more of a very long thread are not found.
    static let countMax = 5_000
    /// Longer words are cut, when stored and when searched for alike.
    private static let scalarsMax = 40

    /// The different words of the texts, in the order of their first use.
    public static func words(_ texts: [String]) -> [String] {
        var seen = Set<String>()
        var words: [String] = []
        for text in texts {
            forEachWord(text) { word in
                if seen.insert(word).inserted { words.append(word) }
            }
        }
        return words
    }

    /// The words of `texts` that are not among `known`, as long as there is room for them.
    static func additions(_ texts: [String], to known: [String]) -> [String] {
        guard known.count < countMax, !texts.isEmpty else { return [] }
        let knownWords = Set(known)
        return Array(words(texts).lazy.filter { !knownWords.contains($0) }.prefix(countMax - known.count))
    }

    private static func forEachWord(_ text: String, _ body: (String) -> Void) {
        var word = String.UnicodeScalarView()
        func end() {
            if !word.isEmpty { body(String(word)) }
            word = String.UnicodeScalarView()
        }
        for scalar in text.lowercased().unicodeScalars {
            if standsAlone(scalar) {
                end()
                body(String(scalar))
            } else if isPart(scalar) {
                if word.count < scalarsMax { word.append(scalar) }
            } else {
                end()
            }
        }
        end()
    }

    private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            let byte = UInt8(truncatingIfNeeded: scalar.value)
            return byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
                || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .nonspacingMark, .spacingMark:
            return true
        default:
            return false
        }
    }

    private static func standsAlone(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7AF, 0xF900...0xFAFF, 0x20000...0x323AF:
            true
        default: false
        }
    }
}
