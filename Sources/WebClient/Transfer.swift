import CCurlShims
import CLibCurl

/// A request that somebody waits for.
struct Submission: Sendable {
    /// What a task waits for.
    typealias Waiter = CheckedContinuation<Result<WebResponse, WebError>, Never>

    /// By what `TransferLoop.cancel` finds it.
    let id: UInt64
    /// As the caller gave it, and checked.
    let request: WebRequest
    /// The URL of the request.
    let target: WebTarget
    /// When the caller asked, by `MonotonicTime`.
    let beganAt: Duration
    /// To be resumed once.
    let waiter: Waiter

    /// When the caller has waited long enough, by `MonotonicTime`.
    var endsAt: Duration { beganAt + min(request.deadline, Self.deadlineMax) }

    private static let deadlineMax: Duration = .seconds(86_400)

    /// What the caller gets where nothing came in time.
    var timeout: WebError {
        WebError(.timedOut, "no complete answer from \(target.name) within \(request.deadline)")
    }
}

/// A request under way, over all its redirections; used on the thread of the client alone.
final class Transfer {
    /// What became of a hop.
    enum Ending {
        /// The caller gets this answer.
        case answered(WebResponse)
        /// The caller gets this error.
        case failed(WebError)
        /// There is a new handle to be run.
        case redirected
    }

    private static let redirectionsMax = 3

    /// Who waits for what.
    let submission: Submission
    private let caFile: String?
    private var request: WebRequest
    private var target: WebTarget
    private var answer: IncomingAnswer
    private var redirections = 0
    /// The handle of the hop that is under way.
    private(set) var handle: EasyHandle

    /// Prepares the first hop.
    init(_ submission: Submission, caFile: String?, at now: Duration) throws(WebError) {
        self.submission = submission
        self.caFile = caFile
        request = submission.request
        target = submission.target
        answer = IncomingAnswer(bodyBytesMax: request.bodyBytesMax)
        handle = try EasyHandle(
            request,
            to: target,
            within: submission.endsAt - now,
            caFile: caFile,
            answer: answer
        )
    }

    /// Concludes a hop, whose handle has left its multi handle.
    func conclude(_ result: CURLcode, at now: Duration) -> Ending {
        if let refusal = answer.refusal { return .failed(error(for: refusal)) }
        if result == CURLE_OPERATION_TIMEDOUT, now >= submission.endsAt { return .failed(submission.timeout) }
        guard result == CURLE_OK else {
            return .failed(WebError(result, at: target.name, systemError: handle.systemError))
        }
        if let location = redirection() {
            do throws(WebError) {
                try follow(location, at: now)
                return .redirected
            } catch { return .failed(error) }
        }
        return .answered(
            WebResponse(
                status: handle.status,
                headers: answer.headers,
                body: answer.body,
                totalTime: now - submission.beganAt
            )
        )
    }

    /// Where the answer sends the request; nil where it is to be given to the caller as it is.
    private func redirection() -> String? {
        guard request.method == .get, [301, 302, 303, 307, 308].contains(handle.status) else { return nil }
        return handle.redirection
    }

    private func follow(_ location: String, at now: Duration) throws(WebError) {
        guard redirections < Self.redirectionsMax else {
            throw WebError(.protocolError, "\(target.name) redirected more than \(Self.redirectionsMax) times")
        }
        guard let next = try? WebTarget(location) else {
            throw WebError(.protocolError, "\(target.name) redirected to what is no URL of HTTP")
        }
        guard next.isSecure || !target.isSecure else {
            throw WebError(.protocolError, "\(target.name) redirected from HTTPS to HTTP")
        }
        guard now < submission.endsAt else { throw submission.timeout }
        if !next.isSameServer(as: target) {
            // They were meant for the other server, and may be a key of it.
            request.headers = [:]
            request.validators = WebRequest.Validators()
        }
        redirections += 1
        target = next
        answer = IncomingAnswer(bodyBytesMax: request.bodyBytesMax)
        // A new handle: an old one remembers the user of its first URL.
        handle = try EasyHandle(
            request,
            to: target,
            within: submission.endsAt - now,
            caFile: caFile,
            answer: answer
        )
    }

    private func error(for refusal: IncomingAnswer.Refusal) -> WebError {
        switch refusal {
        case .longBody: WebError(.tooLarge, "the answer of \(target.name) is longer than \(request.bodyBytesMax) bytes")
        case .longHead: WebError(.tooLarge, "the head of the answer of \(target.name) is too long")
        case .malformed: WebError(.protocolError, "\(target.name) did not answer as HTTP has it: no status line")
        }
    }
}
