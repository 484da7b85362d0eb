import Digests
import HTTPTypes
import Hummingbird
package import Settings

/// Who may ask for what.
package struct Access: Sendable {
    package typealias Token = Configuration.HTTP.Token

    private let tokens: [Token]

    package init(tokens: [Token]) {
        self.tokens = tokens
    }

    /// Lets pass who may look: everybody where there are no tokens.
    func requireReading(_ request: Request) throws {
        try requireReading(authorization: request.headers[.authorization])
    }

    /// Lets pass who may look.
    ///
    /// - Parameter authorization: the value of the header.
    func requireReading(authorization: String?) throws {
        guard !tokens.isEmpty else { return }
        _ = try holder(authorization, .read)
    }

    /// Who asks, with a token for handing in data.
    func requireIngest(_ request: Request) throws -> Token {
        guard tokens.contains(where: { $0.role >= .ingest }) else {
            throw HTTPError(
                .forbidden,
                message: "nobody may hand in data: add a token with the role 'ingest' to 'http.tokens'"
            )
        }
        return try holder(request.headers[.authorization], .ingest)
    }

    private func holder(_ authorization: String?, _ role: Configuration.HTTP.Role) throws -> Token {
        guard let given = Self.bearerToken(authorization) else {
            throw HTTPError(
                .unauthorized,
                headers: [.wwwAuthenticate: "Bearer"],
                message: "this needs a token: Authorization: Bearer TOKEN"
            )
        }
        let digest = Array(SHA256.hexadecimal(SHA256.digest(Array(given.utf8))).utf8)
        guard let token = tokens.first(where: { SHA256.areEqual(Array($0.sha256.utf8), digest) }) else {
            throw HTTPError(
                .unauthorized,
                headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""],
                message: "this token is not known"
            )
        }
        guard token.role >= role else {
            throw HTTPError(.forbidden, message: "the token '\(token.name)' may not do this")
        }
        return token
    }

    private static func bearerToken(_ authorization: String?) -> Substring? {
        guard let authorization else { return nil }
        let words = authorization.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1]
    }
}
