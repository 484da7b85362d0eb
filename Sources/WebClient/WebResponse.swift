/// A complete answer of a server, whatever its status.
public struct WebResponse: Sendable {
    /// As the server gave it, from 200 to 999.
    public let status: Int
    /// Of the last answer, where redirections were followed.
    public let headers: WebHeaders
    /// Unpacked where it was sent as gzip or deflate.
    public let body: [UInt8]
    /// From the call to the last byte, with the time that the request waited for others.
    public let totalTime: Duration

    /// Whether the status is one of success, from 200 to 299.
    public var isSuccess: Bool { (200...299).contains(status) }

    /// Whether the server said that what the caller has is the newest (304).
    public var isNotModified: Bool { status == 304 }

    /// An answer; for tests of what reads answers.
    public init(status: Int, headers: WebHeaders = [:], body: [UInt8] = [], totalTime: Duration = .zero) {
        self.status = status
        self.headers = headers
        self.body = body
        self.totalTime = totalTime
    }
}
