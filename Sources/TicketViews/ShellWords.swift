/// Words of a command as a person can type them into a shell again.
package enum ShellWords {
    /// The words in one line, quoted where a shell would read them otherwise (POSIX.1-2017, 2.2.2).
    ///
    /// Nil where a word cannot be typed on a line: it holds control characters or line breaks.
    package static func command(_ words: [String]) -> String? {
        guard words.allSatisfy({ SafeText.line($0).utf8.elementsEqual($0.utf8) }) else { return nil }
        return words.map(quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "@"),
                UInt8(ascii: "+"), UInt8(ascii: "%"):
                true
            default: byte >= 0x80
            }
        }
        guard word.isEmpty || !isPlain else { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
