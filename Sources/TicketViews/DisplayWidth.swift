// How many columns of a terminal a text takes. Texts are to be made safe before; see `SafeText`.

extension Character {
    /// Columns that the character takes: 0 to 2, more only where a script stacks several letters into one.
    ///
    /// Emoji and their sequences take two, whatever they are joined of. Otherwise each code point takes what Unicode's
    /// EastAsianWidth.txt (version 17.0) says, ambiguous ones one column, and marks that combine none.
    package var displayWidth: Int {
        if let ascii = asciiValue { return ascii < 0x20 || ascii == 0x7F ? 0 : 1 }
        if isEmoji { return 2 }
        return unicodeScalars.reduce(0) { $0 + $1.displayWidth }
    }

    private var isEmoji: Bool {
        guard let first = unicodeScalars.first else { return false }
        if first.properties.isEmojiPresentation { return true }
        guard first.properties.isEmoji else { return false }
        let second = unicodeScalars.dropFirst().first
        return second.map { $0.value == 0xFE0F || $0.properties.isEmojiModifier } ?? false
    }
}

extension Unicode.Scalar {
    fileprivate var displayWidth: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .control: return 0
        // Of the format characters only the marks of numbers are seen.
        case .format: return (0x0600...0x08E2).contains(value) || (0x110BD...0x110CD).contains(value) ? 1 : 0
        default: break
        }
        // Vowels and finals of Hangul stand in the column of the consonant before them.
        if (0x1160...0x11FF).contains(value) || (0xD7B0...0xD7FF).contains(value) { return 0 }
        return isWide ? 2 : 1
    }

    private var isWide: Bool {
        if value < 0x1100 { return false }
        if properties.isEmojiPresentation { return true }
        return Self.wide.contains { $0.contains(value) }
    }

    /// Wide and fullwidth code points of EastAsianWidth.txt, version 17.0, which are no emoji.
    ///
    /// Code points between them that are not assigned are counted among them.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2630...0x2637, 0x268A...0x268F, 0x2E80...0x303E, 0x3041...0x3247,
        0x3250...0xA4C6, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6B,
        0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x16FF6, 0x17000...0x18DF2, 0x1AFF0...0x1B2FB,
        0x1D300...0x1D356, 0x1D360...0x1D376, 0x1F200...0x1F265, 0x20000...0x2FFFD, 0x30000...0x3FFFD,
    ]
}

extension StringProtocol {
    /// Columns that the text takes on one line.
    package var displayWidth: Int {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return utf8.count }
        return reduce(0) { $0 + $1.displayWidth }
    }
}

extension String {
    /// The text where it fits into `width` columns, otherwise as much of its beginning as fits before an ellipsis.
    package func truncated(to width: Int) -> String {
        guard width > 0 else { return "" }
        guard utf8.count > width, displayWidth > width else { return self }
        var kept = ""
        var columns = 0
        for character in self {
            columns += character.displayWidth
            guard columns < width else { break }
            kept.append(character)
        }
        return kept + "…"
    }

    /// The text with spaces behind it, up to `width` columns.
    package func padded(toColumns width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - displayWidth))
    }
}
