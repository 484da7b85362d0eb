/// Text of tickets as a terminal may show it.
///
/// Control characters could move the cursor, answer for the keyboard or hide text, and format characters reorder what
/// stands on a line: all of them become U+FFFD. What joins emoji and letters stays: the zero width joiner and
/// non-joiner, variation selectors, and the tags of flags.
package enum SafeText {
    private static let tabStop = 8
    private static let replacement: Unicode.Scalar = "\u{FFFD}"

    /// The text on one line: line breaks and tabs become spaces.
    package static func line(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        var cleaner = Cleaner()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n":
                cleaner.dropCarriageReturn()
                cleaner.append(" ")
            case "\t": cleaner.append(" ")
            default: cleaner.append(scalar)
            }
        }
        return String(cleaner.scalars)
    }

    /// The text with its line breaks; tabs become spaces up to the next multiple of eight columns.
    package static func block(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A }) { return text }
        return text.lines.map(expanded).joined(separator: "\n")
    }

    private static func expanded(_ line: String) -> String {
        var cleaner = Cleaner()
        for scalar in line.unicodeScalars {
            guard scalar == "\t" else {
                cleaner.append(scalar)
                continue
            }
            let column = String(cleaner.scalars).displayWidth
            for _ in column % tabStop..<tabStop { cleaner.append(" ") }
        }
        cleaner.dropCarriageReturn()
        return String(cleaner.scalars)
    }

    private struct Cleaner {
        var scalars = String.UnicodeScalarView()
        private var isInFlag = false
        private var endsWithReturn = false

        mutating func append(_ scalar: Unicode.Scalar) {
            endsWithReturn = scalar == "\r"
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .surrogate:
                scalars.append(SafeText.replacement)
            case .format:
                let isTag = (0xE0020...0xE007F).contains(scalar.value)
                let isKept = SafeText.isVisibleOrJoins(scalar) || isTag && isInFlag
                scalars.append(isKept ? scalar : SafeText.replacement)
                if isTag { return }
            default: scalars.append(scalar)
            }
            isInFlag = scalar.value == 0x1F3F4
        }

        /// Takes away the carriage return that was just appended: with the line feed behind it, it is one line break.
        mutating func dropCarriageReturn() {
            if endsWithReturn { scalars.removeLast() }
            endsWithReturn = false
        }
    }

    /// Joiners, and the marks of Arabic, Syriac and Kaithi numbers (Unicode: Prepended_Concatenation_Mark).
    private static func isVisibleOrJoins(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x200C, 0x200D, 0x0600...0x0605, 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD: true
        default: false
        }
    }
}

extension String {
    /// The parts between line feeds; a carriage return before one stays with its line.
    var lines: [String] {
        utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    }

    /// The text without spaces and tabs at both ends.
    var trimmed: String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = utf8.firstIndex(where: { !isBlank($0) }), let last = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(Substring(utf8[first...last]))
    }
}
