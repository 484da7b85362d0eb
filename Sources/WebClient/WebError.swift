/// Why a request has no answer.
///
/// An answer of any status is an answer, and no error. Messages are for people: they name the host, and hold neither
/// the path, the query nor the user of a URL, nor a value of a header, since these are where keys and passwords are.
public struct WebError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, by what a caller can conclude from it.
    public enum Code: String, CaseIterable, Sendable {
        /// The URL is none, or not one of HTTP; nothing was sent.
        case badURL = "bad_url"
        /// A header cannot be sent as it is; nothing was sent.
        case badRequest = "bad_request"
        /// No server could be reached, or the name of the host is not known; nothing was sent.
        case cannotConnect = "cannot_connect"
        /// There was no secure connection, or the server is not who it should be; nothing was sent.
        case tls
        /// There was no complete answer within the deadline; the request may or may not have had its effect.
        case timedOut = "timed_out"
        /// The connection ended before the answer was complete; the request may or may not have had its effect.
        case connectionLost = "connection_lost"
        /// What the server sent is not HTTP, or a redirection that is not followed.
        case protocolError = "protocol_error"
        /// The body of the answer, or its head, is longer than the caller takes.
        case tooLarge = "too_large"
        /// So many requests are under way and wait that this one was turned away; nothing was sent.
        case tooManyRequests = "too_many_requests"
        /// The task was cancelled; the request may or may not have had its effect.
        case cancelled
        /// The client was closed; the request may or may not have had its effect.
        case closed
        /// The system gave no memory or thread, or libcurl cannot do what is asked of it.
        case resources
    }

    /// What a caller can conclude.
    public let code: Code
    /// One line in lower case, without a full stop.
    public let message: String

    /// An error with a message for people.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
