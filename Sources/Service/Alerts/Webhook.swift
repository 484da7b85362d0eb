import Digests
import MarketData
package import WebClient

/// Where alerts are posted to.
///
/// Each is one POST with its JSON as the body. The signature is that of the time and the body, so that nobody can send
/// one again later: `X-Tapedesk-Signature: sha256=HMAC-SHA256(secret, TIME + "." + BODY)`, in hexadecimal digits, with
/// `X-Tapedesk-Timestamp: TIME`, in seconds since 1970. An alert may come twice; its `id` is the same then.
package struct Webhook: Sendable {
    private let url: String
    private let secret: [UInt8]?
    private let client: WebClient
    private let environment: ServiceEnvironment

    private static let deadline: Duration = .seconds(15)
    private static let answerBytesMax = 64 << 10
    /// Who asks for a longer pause gets this one.
    private static let pauseMax: Duration = .seconds(3_600)

    /// - Parameter secret: what requests are signed with; nil for no signature.
    package init(url: String, secret: [UInt8]?, client: WebClient, environment: ServiceEnvironment) {
        self.url = url
        self.secret = secret
        self.client = client
        self.environment = environment
    }

    /// Posts a letter.
    package func post(_ letter: Outbox.Letter) async -> DeliveryOutcome {
        let time = environment.now()
        let seconds = String(time.nanoseconds / 1_000_000_000)
        var headers: WebHeaders = ["Content-Type": "application/json", "X-Tapedesk-Timestamp": seconds]
        if let secret {
            let signed = Array(seconds.utf8) + Array(".".utf8) + letter.bytes
            let digest = SHA256.hexadecimal(SHA256.authentication(of: signed, key: secret))
            headers["X-Tapedesk-Signature"] = "sha256=" + digest
        }
        let request = WebRequest(
            url,
            method: .post,
            headers: headers,
            body: letter.bytes,
            deadline: Self.deadline,
            bodyBytesMax: Self.answerBytesMax
        )
        do throws(WebError) {
            let response = try await client.send(request)
            guard !response.isSuccess else { return .delivered }
            let retryAfter = response.headers["Retry-After"].flatMap {
                RetryAfter.wait($0, at: .nanoseconds(time.nanoseconds), longest: Self.pauseMax)
            }
            return .failed(reason: "answered with status \(response.status)", retryAfter: retryAfter)
        } catch {
            return .failed(reason: "\(error)", retryAfter: nil)
        }
    }
}
