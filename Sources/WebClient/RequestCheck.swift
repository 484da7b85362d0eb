extension WebRequest {
    /// What libcurl writes itself: a second value would let two servers read one request in two ways.
    private static let framing = ["Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade"]

    /// Throws where a header cannot be sent: `WebError` of code `badRequest`, which names it without its value.
    func checkHeaders() throws(WebError) {
        for field in headers.fields {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(Self.isTokenByte) else {
                throw WebError(.badRequest, "a header of a request has a name that is none")
            }
            try Self.checkValue(field.value, of: field.name)
        }
        for name in Self.framing where headers[name] != nil {
            throw WebError(.badRequest, "the header \(name) of a request is not for the caller to set")
        }
        try Self.checkValue(validators.entityTag ?? "", of: "If-None-Match")
        try Self.checkValue(validators.lastModified ?? "", of: "If-Modified-Since")
    }

    /// A line break in a value would begin a header of somebody else's choice.
    private static func checkValue(_ value: String, of name: String) throws(WebError) {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw WebError(.badRequest, "the header \(name) of a request has control characters in its value")
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
