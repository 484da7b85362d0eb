/// A request, and how long and how much its answer may be.
public struct WebRequest: Sendable, CustomStringConvertible {
    /// What is asked for.
    public enum Method: String, Sendable {
        /// Asks for what is at the URL; may follow redirections.
        case get = "GET"
        /// Sends a body; follows no redirection.
        case post = "POST"
    }

    /// By what a server knows that the caller has its newest answer already: it answers 304 then, without a body.
    public struct Validators: Equatable, Sendable {
        /// The `ETag` of the answer, with its quotation marks; sent as `If-None-Match`.
        public var entityTag: String?
        /// The `Last-Modified` of the answer, as the server wrote it; sent as `If-Modified-Since`.
        public var lastModified: String?

        /// Validators as a server gave them.
        public init(entityTag: String? = nil, lastModified: String? = nil) {
            self.entityTag = entityTag
            self.lastModified = lastModified
        }
    }

    /// An absolute URL of HTTP or HTTPS in ASCII; other characters are to be percent-encoded.
    public var url: String
    /// What is asked for.
    public var method: Method
    /// What is sent beyond what the client sends by itself: `Host`, `User-Agent`, `Accept`, `Accept-Encoding` and the
    /// framing of the body.
    public var headers: WebHeaders
    /// The body of a POST, whose `Content-Type` is to be among the headers; not sent with GET.
    public var body: [UInt8]
    /// Within what time of the call the answer has to be complete; positive, at most a day.
    public var deadline: Duration
    /// Within what time a connection has to stand; the deadline holds too.
    public var connectTimeout: Duration
    /// How many bytes the body of the answer may have, unpacked.
    public var bodyBytesMax: Int
    /// Makes the request conditional.
    public var validators: Validators

    /// A request.
    ///
    /// - Parameters:
    ///   - url: absolute, of HTTP or HTTPS.
    ///   - deadline: for all of it, from the call of `WebClient.send` on; positive.
    ///   - bodyBytesMax: a longer answer ends as `WebError.Code.tooLarge`.
    public init(
        _ url: String,
        method: Method = .get,
        headers: WebHeaders = [:],
        body: [UInt8] = [],
        deadline: Duration,
        connectTimeout: Duration = .seconds(10),
        bodyBytesMax: Int,
        validators: Validators = Validators()
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.connectTimeout = connectTimeout
        self.bodyBytesMax = bodyBytesMax
        self.validators = validators
    }

    /// The host in lower case, with its port where that is not the usual one; nil where the URL is none.
    ///
    /// What errors name, and what `HostBudgets` can be keyed by.
    public var host: String? { try? WebTarget(url).name }

    /// Method and host: the rest may hold secrets.
    public var description: String { "\(method.rawValue) \(host ?? "no URL")" }
}
