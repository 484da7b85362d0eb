import CCurlShims
import CLibCurl

/// The requests that wait and those under way; used on the thread of the client alone.
final class TransferTable {
    /// The thread wakes at least so often, whatever happens.
    private static let sleepMax: Duration = .seconds(60)

    private let multi: UnsafeMutableRawPointer
    private let transfersMax: Int
    private let caFile: String?
    /// Ends before the thread does, which owns it.
    private unowned let loop: TransferLoop
    private var waiting: [Submission] = []
    private var active: [UnsafeMutableRawPointer: Transfer] = [:]

    /// A table of the transfers of one multi handle.
    init(multi: UnsafeMutableRawPointer, transfersMax: Int, caFile: String?, loop: TransferLoop) {
        self.multi = multi
        self.transfersMax = transfersMax
        self.caFile = caFile
        self.loop = loop
    }

    /// Takes new requests, and ends those that were cancelled.
    func take(_ mail: TransferLoop.Mail) {
        waiting.append(contentsOf: mail.submissions)
        for id in mail.cancelled { cancel(id) }
    }

    private func cancel(_ id: UInt64) {
        if let place = waiting.firstIndex(where: { $0.id == id }) {
            loop.finish(waiting.remove(at: place), .failure(.ofCancellation))
        } else if let transfer = active.values.first(where: { $0.submission.id == id }) {
            remove(transfer)
            loop.finish(transfer.submission, .failure(.ofCancellation))
        }
    }

    /// Starts what may start, moves what can move, and ends what is at its end.
    func advance() -> CURLMcode {
        var isMoving = true
        while isMoving {
            expire()
            start()
            var running: Int32 = 0
            let status = curl_multi_perform(multi, &running)
            guard status == CURLM_OK else { return status }
            // A transfer that ends makes room for one that waits.
            isMoving = concludeFinished()
        }
        return CURLM_OK
    }

    /// How long there is nothing to do for the thread; libcurl's own timers come on top of it.
    func pollMilliseconds() -> Int32 {
        let now = MonotonicTime.now()
        let next = waiting.map(\.endsAt).min().map { $0 - now } ?? Self.sleepMax
        return Int32(max(.zero, min(next, Self.sleepMax)).millisecondsRoundedUp)
    }

    /// Ends everything.
    func endAll(_ error: WebError) {
        for transfer in active.values {
            remove(transfer)
            loop.finish(transfer.submission, .failure(error))
        }
        for submission in waiting { loop.finish(submission, .failure(error)) }
        waiting = []
    }

    /// Ends what waited too long; libcurl does it for what is under way.
    private func expire() {
        guard !waiting.isEmpty else { return }
        let now = MonotonicTime.now()
        for submission in waiting where submission.endsAt <= now {
            loop.finish(submission, .failure(submission.timeout))
        }
        waiting.removeAll { $0.endsAt <= now }
    }

    private func start() {
        while active.count < transfersMax, !waiting.isEmpty {
            let submission = waiting.removeFirst()
            do throws(WebError) {
                try add(Transfer(submission, caFile: caFile, at: MonotonicTime.now()))
            } catch {
                loop.finish(submission, .failure(error))
            }
        }
    }

    private func add(_ transfer: Transfer) throws(WebError) {
        let status = curl_multi_add_handle(multi, transfer.handle.raw)
        guard status == CURLM_OK else {
            throw WebError(.resources, "cannot start a request: \(String(cString: curl_multi_strerror(status)))")
        }
        active[transfer.handle.raw] = transfer
    }

    private func remove(_ transfer: Transfer) {
        active[transfer.handle.raw] = nil
        curl_multi_remove_handle(multi, transfer.handle.raw)
    }

    /// Whether any transfer ended.
    private func concludeFinished() -> Bool {
        var isAny = false
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let raw = message.pointee.easy_handle,
                let transfer = active[raw]
            else { continue }
            isAny = true
            // The message is gone once its handle is removed.
            let result = td_curl_result(message)
            remove(transfer)
            conclude(transfer, result)
        }
        return isAny
    }

    private func conclude(_ transfer: Transfer, _ result: CURLcode) {
        switch transfer.conclude(result, at: MonotonicTime.now()) {
        case .answered(let response): loop.finish(transfer.submission, .success(response))
        case .failed(let error): loop.finish(transfer.submission, .failure(error))
        case .redirected:
            do throws(WebError) {
                try add(transfer)
            } catch {
                loop.finish(transfer.submission, .failure(error))
            }
        }
    }
}
