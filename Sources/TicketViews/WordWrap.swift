/// Breaks text into lines that fit.
package enum WordWrap {
    /// Narrower than this, wide characters would not fit.
    package static let widthMin = 2

    /// The lines of a safe text, none wider than `width` columns; nil leaves them as long as they are.
    ///
    /// Line breaks of the text stay. A line is broken between words, and between characters that are two columns wide;
    /// a word that is longer than a line is broken anywhere. Quotation marks of mail (`> `) and indentation are
    /// repeated on the lines that a broken line becomes, unless they leave too little room.
    package static func wrap(_ text: String, width: Int?) -> [String] {
        let lines = text.lines
        guard let width else { return lines }
        return lines.flatMap { wrapLine($0, width: max(width, widthMin)) }
    }

    /// The lines that one line of a safe text becomes, all but the first indented, unless that leaves too little room.
    static func hanging(_ line: String, indentation: Int, width: Int?) -> [String] {
        let lines = wrap(line, width: width)
        guard let width, let first = lines.first, lines.count > 1, width > 2 * indentation else { return lines }
        let rest = line.dropFirst(first.count).drop { $0 == " " }
        let margin = String(repeating: " ", count: indentation)
        return [first] + wrap(String(rest), width: width - indentation).map { margin + $0 }
    }

    private static func wrapLine(_ line: String, width: Int) -> [String] {
        guard line.utf8.count > width, line.displayWidth > width else { return [line] }
        let prefix = repeatedPrefix(line)
        let room = width - prefix.utf8.count
        guard room >= max(widthMin, width / 2) else {
            var filler = LineFiller(prefix: "", room: width)
            filler.append(line[...])
            return filler.finish()
        }
        var filler = LineFiller(prefix: prefix, room: room)
        filler.append(line.dropFirst(prefix.count))
        return filler.finish()
    }

    /// Quotation marks and spaces at the beginning.
    private static func repeatedPrefix(_ line: String) -> String {
        let bytes = line.utf8.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ">") }
        let marks = String(Substring(bytes))
        // A mark that a following accent combines with is no mark.
        return line.hasPrefix(marks) ? marks : ""
    }
}

/// Fills lines with words.
private struct LineFiller {
    let prefix: String
    let room: Int
    private var lines: [String] = []
    private var line = ""
    private var columns = 0
    /// Spaces behind the words of the line, which go where the line is broken.
    private var spaces = 0
    private var word = ""
    private var wordColumns = 0

    init(prefix: String, room: Int) {
        self.prefix = prefix
        self.room = room
    }

    mutating func append(_ text: Substring) {
        for character in text {
            let width = character.displayWidth
            if character == " " {
                endWord()
                spaces += 1
            } else if width > room {
                endWord()
                for scalar in character.unicodeScalars { add(Character(scalar)) }
                endWord()
            } else if width == 2 {
                endWord()
                add(character)
                endWord()
            } else {
                add(character)
            }
        }
    }

    mutating func finish() -> [String] {
        endWord()
        // A line of nothing but spaces is an empty one.
        if !line.isEmpty || lines.isEmpty { breakLine() }
        return lines
    }

    private mutating func add(_ character: Character) {
        let width = character.displayWidth
        // Longer than a line: the rest of the word goes on the next one.
        if wordColumns + width > room { endWord() }
        word.append(character)
        wordColumns += width
    }

    private mutating func endWord() {
        guard !word.isEmpty else { return }
        if columns == 0 {
            spaces = min(spaces, room - wordColumns)
        } else if columns + spaces + wordColumns > room {
            breakLine()
        }
        line += String(repeating: " ", count: spaces) + word
        columns += spaces + wordColumns
        spaces = 0
        word = ""
        wordColumns = 0
    }

    private mutating func breakLine() {
        lines.append(prefix + line)
        line = ""
        columns = 0
        spaces = 0
    }
}
