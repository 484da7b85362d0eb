/// Where a WebSocket server is: `wss://host:port/path?query`.
public struct WebSocketAddress: Hashable, Sendable, CustomStringConvertible {
    public let isSecure: Bool
    public let host: String
    public let port: Int
    /// The path with its query; begins with a slash.
    public let target: String

    public init(isSecure: Bool = true, host: String, port: Int? = nil, target: String = "/") {
        self.isSecure = isSecure
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        self.target = target
    }

    /// Reads an address; nil where it is none, or holds a name and password.
    public init?(parsing text: String) {
        let schemes = [("wss://", true), ("ws://", false)]
        guard let (scheme, isSecure) = schemes.first(where: { text.hasPrefix($0.0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest.dropFirst(authority.count)
        guard !authority.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !authority.contains("@"),
            !text.contains("#")
        else { return nil }
        var host = authority
        var port: Int?
        // An address of version 6 is in brackets: colons within them are its own.
        if let colon = authority.lastIndex(of: ":"), authority.last != "]" {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else {
                return nil
            }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        let path = target.hasPrefix("/") ? String(target) : "/" + target
        self.init(isSecure: isSecure, host: String(host), port: port, target: path)
    }

    /// The same server with another path.
    func at(_ target: String) -> WebSocketAddress {
        WebSocketAddress(isSecure: isSecure, host: host, port: port, target: target)
    }

    /// The host as a request names it.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    public var description: String { "\(isSecure ? "wss" : "ws")://\(hostHeader)\(target)" }
}
