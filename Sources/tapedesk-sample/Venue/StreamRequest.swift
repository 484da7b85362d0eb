/// What a client asks for: `{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}`.
struct StreamRequest {
    private(set) var method = ""
    private(set) var parameters: [String] = []
    /// As it stands in the message: a number, a text in quotes, or null.
    private(set) var id = "null"

    /// Reads a message; nil where it is no such object.
    ///
    /// Texts with escapes are taken for none: no name has any.
    init?(_ message: some Sequence<UInt8>) {
        var scanner = Scanner(bytes: Array(message))
        guard scanner.take("{") else { return nil }
        if !scanner.take("}") {
            repeat {
                guard let key = scanner.string(), scanner.take(":") else { return nil }
                switch key {
                case "method":
                    guard let value = scanner.string() else { return nil }
                    method = value
                case "params":
                    guard let values = scanner.strings() else { return nil }
                    parameters = values
                case "id":
                    guard let value = scanner.scalar() else { return nil }
                    id = value
                default:
                    guard scanner.scalar() != nil || scanner.strings() != nil else { return nil }
                }
            } while scanner.take(",")
            guard scanner.take("}") else { return nil }
        }
        guard scanner.isAtEnd else { return nil }
    }
}

/// Reads as much of JSON as requests have: texts, numbers, and lists of texts.
private struct Scanner {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    /// Passes over a sign; answers false where another one stands there.
    mutating func take(_ sign: UnicodeScalar) -> Bool {
        skipSpace()
        guard position < bytes.count, UnicodeScalar(bytes[position]) == sign else { return false }
        position += 1
        return true
    }

    mutating func string() -> String? {
        guard take("\"") else { return nil }
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] != UInt8(ascii: "\\"), bytes[position] >= 0x20 else { return nil }
            position += 1
        }
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func strings() -> [String]? {
        guard take("[") else { return nil }
        var values: [String] = []
        if take("]") { return values }
        repeat {
            guard let value = string() else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? values : nil
    }

    /// A number, a word or a text, as it is written.
    mutating func scalar() -> String? {
        skipSpace()
        let start = position
        guard position < bytes.count else { return nil }
        if bytes[position] == UInt8(ascii: "\"") {
            guard string() != nil else { return nil }
        } else {
            while position < bytes.count, isPartOfWord(bytes[position]) { position += 1 }
        }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    private func isPartOfWord(_ byte: UInt8) -> Bool {
        let sign = UnicodeScalar(byte)
        return sign.properties.isAlphabetic || ("0"..."9").contains(sign) || "+-.".unicodeScalars.contains(sign)
    }
}
