private import CCurlShims

/// Takes an answer as it comes in; used on the thread of the client alone.
final class IncomingAnswer {
    /// Why an answer is not taken any further.
    enum Refusal {
        /// The body is longer than the caller takes.
        case longBody
        /// The head is longer than any should be.
        case longHead
        /// The first line is not one of HTTP, although libcurl makes a status of 200 of some that are none.
        case malformed
    }

    /// More than any server in earnest sends, and little enough for every transfer at once.
    private static let headBytesMax = 131_072

    private let bodyBytesMax: Int
    /// Of the last head that came in.
    private(set) var headers = WebHeaders()
    /// What came in of the body, unpacked.
    private(set) var body: [UInt8] = []
    /// Why the answer was not taken any further; nil where it was.
    private(set) var refusal: Refusal?
    private var headBytes = 0

    /// An answer of which nothing is there yet.
    init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    /// Takes a piece of the body; false ends the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= bodyBytesMax - body.count else {
            refusal = .longBody
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// Takes a line of the head, with its line ending; false ends the transfer.
    func takeLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headBytes += bytes.count
        guard headBytes <= Self.headBytesMax else {
            refusal = .longHead
            return false
        }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            guard Self.isStatusLine(line) else {
                refusal = .malformed
                return false
            }
            // Interim answers (100, 103) come before the one that counts.
            headers = WebHeaders()
        } else if let first = line.first, first == " " || first == "\t" {
            // A folded line, which RFC 9112 still lets one understand.
            guard let last = headers.fields.indices.last else { return true }
            headers.fields[last].value += " " + Self.trimmed(line[...])
        } else if let colon = line.firstIndex(of: ":"), body.isEmpty {
            // Behind the body are trailers, which are dropped.
            let value = Self.trimmed(line[line.index(after: colon)...])
            headers.fields.append(WebHeaders.Field(String(line[..<colon]), value))
        }
        return true
    }

    /// RFC 9112, section 4, of any version: `HTTP/1.1 200 OK`, or `HTTP/2 200`, which libcurl writes for that version.
    private static func isStatusLine(_ line: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 2).map(trimmed)
        guard words.count >= 2, words[1].utf8.count == 3 else { return false }
        let version = words[0].dropFirst("HTTP/".count)
        let isDigit: (UInt8) -> Bool = { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return words[1].utf8.allSatisfy(isDigit) && version.utf8.first.map(isDigit) == true
            && version.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
        var rest = text.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return String(rest)
    }
}
