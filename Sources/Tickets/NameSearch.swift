/// Looks for the name or address of a person in texts, in any case of letters.
///
/// A part of another name is no match: `jo@example.com` is neither in `banjo@example.com` nor in
/// `jo@example.com.au`.
struct NameSearch {
    private let name: [UInt8]

    init(_ name: String) {
        self.name = Array(name.lowercased().utf8)
    }

    /// Whether the text holds the name.
    func matches(_ text: String) -> Bool {
        let text = Array(text.lowercased().utf8)
        guard !name.isEmpty, text.count >= name.count else { return false }
        return (0...(text.count - name.count)).contains { start in
            text[start] == name[0] && text[start..<(start + name.count)].elementsEqual(name)
                && begins(text, start) && ends(text, start + name.count)
        }
    }

    private func begins(_ text: [UInt8], _ start: Int) -> Bool {
        guard start > 0, Self.isPart(text[start - 1]) else { return true }
        // Rejected records are kept as they came: in JSON, `\n` stands before a line.
        return start > 1 && text[start - 2] == UInt8(ascii: "\\") && Self.isLetterOrDigit(text[start - 1])
    }

    private func ends(_ text: [UInt8], _ end: Int) -> Bool {
        guard end < text.count else { return true }
        // A full stop ends a sentence, or goes on with a domain.
        if text[end] == UInt8(ascii: ".") { return end + 1 == text.count || !Self.isLetterOrDigit(text[end + 1]) }
        return !Self.isPart(text[end])
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte)
            || [
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "%"), UInt8(ascii: "+"),
                UInt8(ascii: "-"),
            ].contains(byte)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
