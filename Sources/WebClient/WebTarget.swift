private import CLibCurl

/// A URL that can be asked, taken apart by libcurl, so that what is checked is what is used.
struct WebTarget: Sendable {
    /// As it was given.
    let url: String
    /// Whether it is one of HTTPS.
    let isSecure: Bool
    private let host: String
    private let port: String

    /// Reads a URL.
    ///
    /// - Throws: `WebError` of code `badURL`, which does not quote it.
    init(_ url: String) throws(WebError) {
        // No spaces, no control characters, nothing beyond ASCII: what a proxy or a log makes of them is not known.
        // Two slashes: with one or three libcurl takes the first part of the path for the host.
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let slashes = url.firstIndex(of: "/"),
            url[slashes...].hasPrefix("//"), !url[slashes...].hasPrefix("///"), let parts = curl_url()
        else {
            throw WebError(.badURL, "the address of a request is no URL")
        }
        defer { curl_url_cleanup(parts) }
        let status = curl_url_set(parts, CURLUPART_URL, url, 0)
        guard status == CURLUE_OK, let host = Self.part(CURLUPART_HOST, of: parts),
            let port = Self.part(CURLUPART_PORT, of: parts), let scheme = Self.part(CURLUPART_SCHEME, of: parts)
        else {
            throw WebError(.badURL, "the address of a request is no URL: \(String(cString: curl_url_strerror(status)))")
        }
        guard scheme == "https" || scheme == "http" else {
            throw WebError(.badURL, "the address of a request at \(host) is not one of HTTP or HTTPS")
        }
        self.url = url
        self.host = host
        self.port = port
        isSecure = scheme == "https"
    }

    /// The host, with its port where that is not the usual one.
    var name: String { port == (isSecure ? "443" : "80") ? host : "\(host):\(port)" }

    /// Whether what is a secret of one may be told to the other.
    func isSameServer(as other: WebTarget) -> Bool {
        isSecure == other.isSecure && host == other.host && port == other.port
    }

    private static func part(_ part: CURLUPart, of parts: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text).lowercased()
    }
}
