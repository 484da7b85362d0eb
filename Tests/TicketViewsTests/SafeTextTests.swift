import Testing
import TicketViews

@Suite struct SafeTextTests {
    @Test func nothingThatSteersATerminalIsLeft() {
        #expect(SafeText.line("a\u{1B}[2Jb\u{7}\u{7F}\u{9B}31m") == "a\u{FFFD}[2Jb\u{FFFD}\u{FFFD}\u{FFFD}31m")
        #expect(SafeText.line("ab\u{202E}cd\u{2066}e\u{200F}") == "ab\u{FFFD}cd\u{FFFD}e\u{FFFD}")
        #expect(SafeText.line("a\u{2028}b\u{2029}c\u{85}d") == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d")
        #expect(SafeText.line("a\nb\r\nc\td\re") == "a b c d\u{FFFD}e")
        #expect(SafeText.block("a\r\nb\n\tc\u{0}\r") == "a\nb\n        c\u{FFFD}")
        #expect(SafeText.block("ab\tc\n12345678\td") == "ab      c\n12345678        d")
    }

    @Test func joinersOfEmojiAndLettersStay() {
        let england = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"
        for text in ["👩‍👩‍👧 ❤️‍🔥", "می‌خواهم", england, "é e\u{301} 漢字"] {
            #expect(SafeText.line(text) == text)
            #expect(SafeText.block(text) == text)
        }
        #expect(SafeText.line("a\u{E0067}") == "a\u{FFFD}")
    }

    @Test func nastyTextsBecomeSafe() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            let text = generator.nastyText(pieces: 0...20)
            for (safe, mayBreak) in [(SafeText.line(text), false), (SafeText.block(text), true)] {
                let isSafe = safe.unicodeScalars.allSatisfy { scalar in
                    switch scalar.properties.generalCategory {
                    case .control: mayBreak && scalar == "\n"
                    case .format: scalar.value == 0x200C || scalar.value == 0x200D
                    case .lineSeparator, .paragraphSeparator: false
                    default: true
                    }
                }
                #expect(isSafe, "\(text.debugDescription)")
            }
        }
    }
}

@Suite struct DisplayWidthTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("漢字", 4), ("한국어", 6), ("ﾊﾝ", 2), ("ＡＢ", 4), ("👍", 2),
        ("👍🏽", 2),
        ("👩‍👩‍👧", 2), ("🇩🇪", 2), ("1️⃣", 2), ("❤️", 2), ("❤", 1), ("☎", 1), ("…", 1), ("\u{FFFD}", 1), ("\u{301}", 0),
        ("נ", 1), ("สวัสดี", 4), ("\u{1112}\u{1161}\u{11AB}", 2),
    ])
    func columnsAreCounted(text: String, width: Int) {
        #expect(text.displayWidth == width, "\(text.debugDescription)")
    }

    @Test func textIsCutWhereTheColumnsEnd() {
        #expect("abcdef".truncated(to: 6) == "abcdef")
        #expect("abcdefg".truncated(to: 6) == "abcde…")
        #expect("漢字漢字".truncated(to: 6) == "漢字…")
        #expect("漢字漢字".truncated(to: 8) == "漢字漢字")
        #expect("👩‍👩‍👧ab".truncated(to: 3) == "👩‍👩‍👧…")
        #expect("abc".truncated(to: 1) == "…")
        #expect("abc".truncated(to: 0) == "")
        #expect("漢".padded(toColumns: 4) == "漢  ")
        #expect("abcde".padded(toColumns: 4) == "abcde")
    }

    @Test func whatIsCutFits() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let text = SafeText.line(generator.nastyText(pieces: 0...12))
            let width = Int.random(in: 0...30, using: &generator)
            #expect(text.truncated(to: width).displayWidth <= width)
        }
    }
}

@Suite struct WordWrapTests {
    @Test func linesBreakBetweenWords() {
        #expect(WordWrap.wrap("the quick brown fox", width: 10) == ["the quick", "brown fox"])
        #expect(WordWrap.wrap("one\n\ntwo  three", width: 20) == ["one", "", "two  three"])
        #expect(WordWrap.wrap("", width: 10) == [""])
        #expect(WordWrap.wrap("the quick brown fox", width: nil) == ["the quick brown fox"])
    }

    @Test func longWordsBreakAnywhere() {
        #expect(WordWrap.wrap("a abcdefghijkl b", width: 5) == ["a", "abcde", "fghij", "kl b"])
        #expect(WordWrap.wrap("漢字漢字漢", width: 5) == ["漢字", "漢字", "漢"])
        #expect(WordWrap.wrap("ab 漢字漢", width: 6) == ["ab 漢", "字漢"])
    }

    @Test func quotesAndIndentationAreRepeated() {
        #expect(WordWrap.wrap("> the quick brown", width: 11) == ["> the quick", "> brown"])
        #expect(WordWrap.wrap("> > the quick", width: 9) == ["> > the", "> > quick"])
        #expect(WordWrap.wrap("  the quick brown", width: 11) == ["  the quick", "  brown"])
        #expect(WordWrap.wrap("          word", width: 8) == ["    word"])
        #expect(WordWrap.wrap(">>>>>>>>>> word", width: 8) == [">>>>>>>>", ">> word"])
    }

    @Test func noLineIsWiderAndNoTextIsLost() {
        var generator = SeededGenerator(seed: 4)
        let visible = { (text: String) in
            text.unicodeScalars.filter { $0 != " " && $0 != ">" && $0 != "\n" }.map(\.value)
        }
        for _ in 0..<4_000 {
            let text = SafeText.block(generator.nastyText(pieces: 0...25))
            let width = Int.random(in: 2...40, using: &generator)
            let lines = WordWrap.wrap(text, width: width)
            for line in lines { #expect(line.displayWidth <= width, "\(line.debugDescription) in \(width)") }
            #expect(visible(lines.joined(separator: "\n")) == visible(text), "\(text.debugDescription)")
        }
    }
}
