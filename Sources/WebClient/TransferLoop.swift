private import CCurlShims
private import CLibCurl
private import Glibc
private import Synchronization

/// One multi handle of libcurl on a thread of its own, and how tasks reach it.
///
/// The thread sleeps in `curl_multi_poll` until a socket or a timer of libcurl is due, or somebody wakes it. It owns
/// this object until its end, so whoever starts it must `close` it. All methods may be called from any thread.
final class TransferLoop: Sendable {
    /// What other threads leave for the thread, and what they know of it.
    private struct Inbox {
        var submissions: [Submission] = []
        var cancelled: [UInt64] = []
        var lastID: UInt64 = 0
        /// How many requests wait or are under way.
        var count = 0
        var isClosed = false
        /// The thread touches the multi handle for the last time: it must not be woken any more.
        var isFinished = false
        var onFinish: [@Sendable () -> Void] = []
    }

    /// What the thread finds in the inbox.
    struct Mail {
        var submissions: [Submission]
        var cancelled: [UInt64]
        var isClosed: Bool
    }

    private let countMax: Int
    private let transfersMax: Int
    private let caFile: String?
    private let inbox = Mutex(Inbox())
    /// Until somebody joins the thread or leaves it to itself, which must happen once.
    private let thread = Mutex<pthread_t?>(nil)
    /// Used by the thread alone, but for `curl_multi_wakeup`, which is made for other threads.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer

    /// libcurl wants this once in a process, before anything else.
    private static let isInitialised = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Starts the thread.
    ///
    /// - Throws: `WebError` of code `resources` where there is no memory or no thread.
    init(transfersMax: Int, waitingMax: Int, caFile: String?) throws(WebError) {
        guard Self.isInitialised, let multi = curl_multi_init() else {
            throw WebError(.resources, "libcurl could not be set up")
        }
        self.multi = multi
        self.transfersMax = transfersMax
        self.caFile = caFile
        countMax = transfersMax + waitingMax
        // How many idle connections are kept for later requests; libcurl would keep four for every transfer.
        _ = td_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, transfersMax)
        guard startThread() else {
            curl_multi_cleanup(multi)
            throw WebError(.resources, "the system gave no thread for requests; check its limits")
        }
    }

    private func startThread() -> Bool {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        guard status == 0 else {
            context.release()
            return false
        }
        self.thread.withLock { $0 = thread }
        return true
    }

    /// A number that no other request has.
    func makeID() -> UInt64 {
        inbox.withLock { inbox in
            inbox.lastID += 1
            return inbox.lastID
        }
    }

    /// Hands a request over, or ends it at once.
    ///
    /// To be called by the task that waits for it.
    func submit(_ submission: Submission) {
        let refusal: WebError? = inbox.withLock { inbox in
            // Asked under the lock: a cancellation from here on finds the request when it calls `cancel`.
            if Task.isCancelled { return .ofCancellation }
            if inbox.isClosed { return .ofClosing }
            guard inbox.count < countMax else {
                return WebError(.tooManyRequests, "\(inbox.count) requests wait or are under way already")
            }
            inbox.count += 1
            inbox.submissions.append(submission)
            wake(&inbox)
            return nil
        }
        if let refusal { submission.waiter.resume(returning: .failure(refusal)) }
    }

    /// Ends a request that was handed over, if it is not at its end yet.
    func cancel(_ id: UInt64) {
        inbox.withLock { inbox in
            guard !inbox.isFinished else { return }
            inbox.cancelled.append(id)
            wake(&inbox)
        }
    }

    /// Ends all requests and then the thread, and calls back at its end, on it or at once.
    func close(_ completion: @escaping @Sendable () -> Void) {
        let isFinished = inbox.withLock { inbox in
            inbox.isClosed = true
            if !inbox.isFinished { inbox.onFinish.append(completion) }
            wake(&inbox)
            return inbox.isFinished
        }
        if isFinished { completion() }
    }

    /// Waits until the thread, which is about to return, is gone with all that libraries keep for it.
    func join() {
        if let thread = takeThread() { pthread_join(thread, nil) }
    }

    /// Lets the thread end without anybody to wait for it.
    func leave() {
        if let thread = takeThread() { pthread_detach(thread) }
    }

    private func takeThread() -> pthread_t? {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    private func wake(_ inbox: inout Inbox) {
        // It fails only where the thread is awake anyway, or the pipe to it full of wakings.
        if !inbox.isFinished { curl_multi_wakeup(multi) }
    }

    /// Gives the result of a request to whoever waits for it, once; called on the thread.
    func finish(_ submission: Submission, _ result: Result<WebResponse, WebError>) {
        inbox.withLock { $0.count -= 1 }
        submission.waiter.resume(returning: result)
    }

    private func takeMail() -> Mail {
        inbox.withLock { inbox in
            defer {
                inbox.submissions.removeAll(keepingCapacity: true)
                inbox.cancelled.removeAll(keepingCapacity: true)
            }
            return Mail(submissions: inbox.submissions, cancelled: inbox.cancelled, isClosed: inbox.isClosed)
        }
    }

    /// The life of the thread.
    private func run() {
        td_curl_prepare_thread("tapedesk-web")
        let transfers = TransferTable(multi: multi, transfersMax: transfersMax, caFile: caFile, loop: self)
        var status = CURLM_OK
        while status == CURLM_OK {
            let mail = takeMail()
            transfers.take(mail)
            if mail.isClosed { break }
            status = transfers.advance()
            guard status == CURLM_OK else { break }
            status = curl_multi_poll(multi, nil, 0, transfers.pollMilliseconds(), nil)
        }
        inbox.withLock { $0.isClosed = true }
        let isBroken = status != CURLM_OK
        let text = isBroken ? String(cString: curl_multi_strerror(status)) : ""
        // What came in since the last look is in the inbox, and nothing comes any more.
        transfers.take(takeMail())
        transfers.endAll(isBroken ? WebError(.resources, "libcurl cannot go on: \(text)") : .ofClosing)
        let completions = inbox.withLock { inbox in
            inbox.isFinished = true
            defer { inbox.onFinish = [] }
            return inbox.onFinish
        }
        curl_multi_cleanup(multi)
        for completion in completions { completion() }
    }
}

extension WebError {
    /// What the caller of a cancelled request gets.
    static let ofCancellation = WebError(.cancelled, "the request was cancelled")
    /// What callers get when their client is closed.
    static let ofClosing = WebError(.closed, "the web client is closed")
}
