/// Text of a file as it may appear in a message: on one line, short, without secrets and harmless for a terminal.
enum ShownText {
    private static let scalarsMax = 60

    /// The text in quotation marks, or a note in its place where it looks like a connection string.
    static func quoted(_ text: String) -> String {
        let mayHoldPassword = text.utf8.contains(UInt8(ascii: "@")) && text.utf8.contains(UInt8(ascii: ":"))
        guard !mayHoldPassword, !text.contains("://") else { return "(not shown: it looks like a connection string)" }
        let scalars = text.unicodeScalars
        guard scalars.count > scalarsMax else { return "'\(escaped(text))'" }
        return "'\(escaped(String(String.UnicodeScalarView(scalars.prefix(scalarsMax)))))…'"
    }

    /// The text with everything that a terminal would not simply show written as `\u{…}`.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
