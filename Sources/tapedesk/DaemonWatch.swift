import Console
import WebClient

/// Looks at a daemon over HTTP.
struct DaemonWatch {
    private let url: String
    private let token: String?
    private let client: WebClient

    private static let deadline: Duration = .seconds(5)
    private static let bytesMax = 1 << 20
    /// Where the screen begins, and what deletes the rest of a line and of the screen: ECMA-48.
    private static let home = "\u{1B}[H"
    private static let clearLine = "\u{1B}[K"
    private static let clearBelow = "\u{1B}[J"

    /// `TAPEDESK_TOKEN` is the token that it may want.
    ///
    /// - Parameters:
    ///   - url: where it answers, without a path.
    ///   - caFile: the certificates to trust; nil for those of the system.
    /// - Throws: `WebError`.
    init(url: String, caFile: String?) throws {
        self.url = url
        token = Terminal.environment("TAPEDESK_TOKEN")
        client = try WebClient(caFile: caFile)
    }

    /// How it is doing.
    ///
    /// - Throws: `WebError`, `ConfigurationProblem` where it does not answer as it should.
    func text() async throws -> String {
        var headers: WebHeaders = ["Accept": "text/plain"]
        if let token { headers["Authorization"] = "Bearer \(token)" }
        let request = WebRequest(
            url + "/status",
            headers: headers,
            deadline: Self.deadline,
            bodyBytesMax: Self.bytesMax
        )
        let response = try await client.send(request)
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.isSuccess else {
            let advice = response.status == 401 ? "; set TAPEDESK_TOKEN" : ""
            throw ConfigurationProblem(
                "\(url) answered with status \(response.status): \(text.filter { !$0.isNewline })\(advice)"
            )
        }
        return text
    }

    /// A text over what was on the screen before, cut to its size.
    func screen(_ text: String) -> String {
        let width = Terminal.width
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(Terminal.height - 1)
        return Self.home + lines.map { $0.prefix(width) + Self.clearLine }.joined(separator: "\n") + Self.clearBelow
    }
}
