private import CCurlShims
private import CLibCurl

/// One easy handle of libcurl with its options; used by one thread at a time, and gone with this object.
///
/// It must have left its multi handle before it goes.
final class EasyHandle {
    /// What libcurl knows it by.
    let raw: UnsafeMutableRawPointer
    /// What receives the answer; libcurl holds a pointer to it without owning it.
    private let answer: IncomingAnswer
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// The first option that libcurl did not take.
    private var failure = CURLE_OK

    /// A handle for one hop of a request.
    ///
    /// - Throws: `WebError` of code `resources` where libcurl has no memory, or lacks what is asked of it.
    init(
        _ request: WebRequest,
        to target: WebTarget,
        within remaining: Duration,
        caFile: String?,
        answer: IncomingAnswer
    ) throws(WebError) {
        guard let raw = curl_easy_init() else { throw WebError(.resources, "libcurl has no memory for a request") }
        self.raw = raw
        self.answer = answer
        setRules(caFile: caFile)
        setReceivers()
        set(CURLOPT_URL, target.url)
        set(CURLOPT_TIMEOUT_MS, Self.milliseconds(remaining))
        set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(min(request.connectTimeout, remaining)))
        if request.method == .post { setBody(request.body) }
        setHeaders(request)
        // Every option is one of libcurl 7.88; an older or smaller one would go without a rule, and is not used.
        guard failure == CURLE_OK else { throw WebError(failure, at: target.name, systemError: 0) }
    }

    deinit {
        curl_easy_cleanup(raw)
        curl_slist_free_all(headers)
    }

    /// The status of the answer; 0 where there was none.
    var status: Int { long(CURLINFO_RESPONSE_CODE) }

    /// The error of the system that made connecting fail; 0 where there was none.
    var systemError: Int32 { Int32(truncatingIfNeeded: long(CURLINFO_OS_ERRNO)) }

    /// Where a redirection leads: an absolute URL, or what the server wrote where that is none.
    var redirection: String? {
        var text: UnsafePointer<CChar>?
        guard td_curl_get_string(raw, CURLINFO_REDIRECT_URL, &text) == CURLE_OK, let text else { return nil }
        return String(cString: text)
    }

    /// What holds for every request.
    private func setRules(caFile: String?) {
        // A signal for a time-out would hit any thread of the process.
        set(CURLOPT_NOSIGNAL, 1)
        // Without it the thread waits for a look-up of a name to end, although nobody waits for its result any more.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Children of the process would else keep connections open that are at their end here.
        note(td_curl_keep_sockets(raw))
        // Redirections are followed by `Transfer`, which knows what may be told to whom.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        set(CURLOPT_PROXY, "")
        set(CURLOPT_USERAGENT, "tapedesk")
        set(CURLOPT_ACCEPT_ENCODING, "")
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        if let caFile {
            set(CURLOPT_CAINFO, caFile)
            // The folder of the system's authorities would be trusted beside the file.
            note(td_curl_set_string(raw, CURLOPT_CAPATH, nil))
        }
    }

    private func setReceivers() {
        let context = Unmanaged.passUnretained(answer).toOpaque()
        note(
            td_curl_set_receiver(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                guard let context else { return 0 }
                let answer = Unmanaged<IncomingAnswer>.fromOpaque(context).takeUnretainedValue()
                let isTaken = answer.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
                // Zero may be the right number: one more never is.
                return isTaken ? size * count : size * count + 1
            }
        )
        note(
            td_curl_set_receiver(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                guard let context else { return 0 }
                let answer = Unmanaged<IncomingAnswer>.fromOpaque(context).takeUnretainedValue()
                let isTaken = answer.takeLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
                return isTaken ? size * count : size * count + 1
            }
        )
        note(td_curl_set_context(raw, CURLOPT_WRITEDATA, context))
        note(td_curl_set_context(raw, CURLOPT_HEADERDATA, context))
    }

    private func setBody(_ body: [UInt8]) {
        let code = body.withUnsafeBytes { td_curl_set_post(raw, $0.baseAddress, $0.count) }
        note(code)
    }

    private func setHeaders(_ request: WebRequest) {
        var fields = request.headers
        if let tag = request.validators.entityTag { fields["If-None-Match"] = tag }
        if let time = request.validators.lastModified { fields["If-Modified-Since"] = time }
        for field in fields.fields {
            // libcurl takes "Name:" as the wish to send no such line, and "Name;" as one without a value.
            append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        if request.method == .post {
            // Else libcurl waits a second for a "100 Continue" that many servers never send, and calls bodies forms.
            append("Expect:")
            if fields["Content-Type"] == nil { append("Content-Type:") }
        }
        note(td_curl_set_list(raw, CURLOPT_HTTPHEADER, headers))
    }

    private func append(_ line: String) {
        guard let longer = curl_slist_append(headers, line) else {
            note(CURLE_OUT_OF_MEMORY)
            return
        }
        headers = longer
    }

    private func set(_ option: CURLoption, _ value: Int) { note(td_curl_set_long(raw, option, value)) }

    private func set(_ option: CURLoption, _ value: String) { note(td_curl_set_string(raw, option, value)) }

    private func note(_ code: CURLcode) {
        if failure == CURLE_OK { failure = code }
    }

    private func long(_ info: CURLINFO) -> Int {
        var value = 0
        return td_curl_get_long(raw, info, &value) == CURLE_OK ? value : 0
    }

    /// Rounded up, since 0 means "no limit" to libcurl; at most a day.
    private static func milliseconds(_ duration: Duration) -> Int {
        max(1, min(duration, .seconds(86_400)).millisecondsRoundedUp)
    }
}
