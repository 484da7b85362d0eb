import CCurlShims
import CLibCurl
private import Glibc

extension WebError {
    /// The error for what libcurl says about a transfer.
    ///
    /// libcurl's own messages are left out, since some quote what was sent or received; the texts of its codes do not.
    ///
    /// - Parameters:
    ///   - result: of a transfer that failed.
    ///   - name: of the host.
    ///   - systemError: the error of the system that ended it, or 0.
    init(_ result: CURLcode, at name: String, systemError: Int32) {
        let text = String(cString: curl_easy_strerror(result))
        let cause = systemError == 0 ? text : String(cString: strerror(systemError))
        switch result {
        case CURLE_URL_MALFORMAT:
            self.init(.badURL, "the address of a request is no URL")
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED:
            self.init(.cannotConnect, "cannot connect to \(name): \(cause)")
        case CURLE_OPERATION_TIMEDOUT:
            self.init(.timedOut, "no complete answer from \(name) in time")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_USE_SSL_FAILED:
            self.init(.tls, "no secure connection to \(name): \(text)")
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            self.init(.connectionLost, "\(name) ended the connection before its answer was complete: \(cause)")
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_NOT_BUILT_IN, CURLE_UNKNOWN_OPTION, CURLE_AGAIN,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED,
            CURLE_BAD_FUNCTION_ARGUMENT:
            self.init(.resources, "cannot ask \(name): \(text)")
        default:
            self.init(.protocolError, "\(name) did not answer as HTTP has it: \(text)")
        }
    }
}
