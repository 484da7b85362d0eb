import Yams

extension Configuration.HTTP {
    /// Reads the section `http`.
    static func readSection(_ reader: inout ConfigurationReader, _ entry: ConfigurationReader.Entry) -> Self {
        var section = Self()
        let mistakesBefore = reader.mistakes.count
        reader.read(reader.entries(of: entry.value, path: entry.path), keys, into: &section)
        guard reader.mistakes.count == mistakesBefore else { return section }
        if (section.certificate == nil) != (section.key == nil) {
            reader.report(entry.key, "'http' needs both 'certificate' and 'key', or none of them")
        } else if !section.isLoopback, section.certificate == nil || section.tokens.isEmpty {
            reader.report(
                entry.key,
                "'http.listen' names an address that other machines reach: that needs 'certificate' and 'key', and "
                    + "'tokens'; or listen at 127.0.0.1"
            )
        }
        return section
    }

    private static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("listen") { reader, entry, section in readAddress(&reader, entry, into: &section) },
            .path("certificate", \.certificate), .path("key", \.key),
            ConfigurationKey("tokens") { reader, entry, section in section.tokens = readTokens(&reader, entry) },
        ]
    }

    /// `off`, `HOST:PORT`, or `[ADDRESS]:PORT`.
    private static func readAddress(
        _ reader: inout ConfigurationReader,
        _ entry: ConfigurationReader.Entry,
        into section: inout Self
    ) {
        guard let text = reader.text(entry) else { return }
        if text == "off" || text == "false" || text == "no" {
            section.host = nil
            return
        }
        let colon = text.lastIndex(of: ":")
        let port = colon.flatMap { Int(text[text.index(after: $0)...]) }
        var host = colon.map { String(text[..<$0]) } ?? ""
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard let port, (0...65_535).contains(port), !host.isEmpty, !host.contains("/") else {
            reader.report(entry.value, "'\(entry.path)' takes HOST:PORT, such as 127.0.0.1:9464, or off")
            return
        }
        section.host = host
        section.port = port
    }

    private static func readTokens(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [Token] {
        var tokens: [Token] = []
        for element in reader.elements(of: list, example: "{ name: prometheus, role: read, sha256: … }") {
            guard let token = TokenDraft.read(&reader, element) else { continue }
            if tokens.contains(where: { $0.name == token.name }) {
                reader.report(element.key, "there is another token '\(token.name)': names tell them apart")
            }
            tokens.append(token)
        }
        return tokens
    }
}

/// A token while it is read.
private struct TokenDraft {
    var name: String?
    var role: Configuration.HTTP.Role?
    var sha256: String?

    private static let digits = 64

    private static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("name") { reader, entry, draft in draft.name = reader.plainName(entry) },
            .choice("role", "role", \.role),
            ConfigurationKey("sha256") { reader, entry, draft in
                guard let text = reader.text(entry) else { return }
                guard text.utf8.count == digits, text.allSatisfy(\.isHexDigit) else {
                    let message =
                        "'\(entry.path)' takes the SHA-256 of the token in 64 hexadecimal digits: "
                        + "printf %s TOKEN | sha256sum"
                    reader.report(entry.value, message)
                    return
                }
                draft.sha256 = text.lowercased()
            },
        ]
    }

    static func read(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.HTTP.Token? {
        guard let draft = reader.whole(element, keys, into: TokenDraft()) else { return nil }
        guard let name = draft.name, let role = draft.role, let sha256 = draft.sha256 else {
            reader.report(element.key, "a token of '\(element.path)' needs 'name', 'role' and 'sha256'")
            return nil
        }
        return Configuration.HTTP.Token(name: name, role: role, sha256: sha256)
    }
}
