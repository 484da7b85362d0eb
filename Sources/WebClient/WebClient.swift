/// A client of HTTP and HTTPS, for venues that are polled, for gaps that are filled, and for webhooks.
///
/// It is libcurl on one thread of its own, which no request blocks: neither the tasks that wait nor each other. Safe to
/// use from any task; connections are kept and shared by all requests of a client.
///
/// What it does without being asked: certificates are verified, TLS is 1.2 or newer, gzip and deflate are unpacked, and
/// a GET follows up to three redirections, never from HTTPS to HTTP, and without the request's headers where they lead
/// to another server; a POST follows none. What it never does: use cookies, a netrc file, or the proxies of the
/// environment. Feeds over WebSocket use no proxy either, and what a daemon reaches must not depend on the shell that
/// started it.
public final class WebClient: Sendable {
    private let loop: TransferLoop

    /// Starts the client's thread, which ends with `close`, or soon after the client is gone.
    ///
    /// - Parameters:
    ///   - transfersMax: how many requests may be under way; from 1 on.
    ///   - waitingMax: how many more may wait for their turn; from 0 on.
    ///   - caFile: a file in PEM with the authorities to trust, in place of those of the system.
    /// - Throws: `WebError` of code `resources` where the system has no thread or memory.
    public init(transfersMax: Int = 32, waitingMax: Int = 256, caFile: String? = nil) throws(WebError) {
        precondition(transfersMax >= 1 && waitingMax >= 0, "a client takes requests")
        loop = try TransferLoop(transfersMax: transfersMax, waitingMax: waitingMax, caFile: caFile)
    }

    deinit {
        loop.close {}
        loop.leave()
    }

    /// Sends a request and waits for the complete answer, whatever its status.
    ///
    /// Where too many are under way the request waits for its turn, in order; its deadline counts from the call.
    /// Nothing is tried again. Cancelling the task ends the request at once.
    ///
    /// - Throws: what went wrong; `WebError.Code` says what the caller can conclude from it.
    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let target = try WebTarget(request.url)
        try request.checkHeaders()
        guard request.deadline > .zero else {
            throw WebError(.timedOut, "no time is left for a request to \(target.name)")
        }
        let id = loop.makeID()
        let beganAt = MonotonicTime.now()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Submission.Waiter) in
                loop.submit(
                    Submission(id: id, request: request, target: target, beganAt: beganAt, waiter: waiter)
                )
            }
        } onCancel: {
            loop.cancel(id)
        }
        return try result.get()
    }

    /// Ends all requests, as `WebError.Code.closed`, and the thread, and waits for its end.
    ///
    /// Requests after it end likewise. Further calls do nothing but wait.
    public func close() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            loop.close { continuation.resume() }
        }
        loop.join()
    }
}
