import Foundation
import Synchronization

/// A web server of a test: HTTP/1.1 on loopback that answers, or misbehaves, as a script says.
///
/// Every connection has a thread, so a script may block, for example on a semaphore. Requests are recorded as they
/// come. The server ends with its object. Safe to use from any task.
public final class LocalWebServer: Sendable {
    /// A request as it came in.
    public struct Request: Sendable {
        /// Such as `GET`.
        public let method: String
        /// The path with its query.
        public let target: String
        /// In order, with names as they were sent.
        public let headers: [(name: String, value: String)]
        /// As long as its `Content-Length` says.
        public let body: [UInt8]
        /// Which connection it came on, from 1 on.
        public let connection: Int

        /// The first value of a header, by its name in upper or lower case.
        public func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// What is sent for a request.
    public struct Response: Sendable {
        /// How it is sent.
        public enum Delivery: Sendable {
            /// As it should be; the connection stays.
            case whole
            /// With its whole length announced, but only so many bytes of the body; then the connection ends.
            case cut(afterBytes: Int)
            /// The body again and again, without end, until the client is gone.
            case endless
            /// Only the body, with nothing of HTTP around it; then the connection ends.
            case raw
            /// Nothing at all, until the client is gone.
            case silence
        }

        /// Any number of three digits.
        public var status: Int
        /// What is sent beside `Content-Length`.
        public var headers: [(name: String, value: String)]
        /// Not sent with a status of 204 or 304.
        public var body: [UInt8]
        /// How it is sent.
        public var delivery: Delivery

        /// An answer whose length is announced by the server, of these bytes.
        public init(
            _ status: Int = 200,
            headers: [(name: String, value: String)] = [],
            body: [UInt8] = [],
            delivery: Delivery = .whole
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.delivery = delivery
        }

        /// An answer whose length is announced by the server, of a text.
        public init(
            _ status: Int = 200,
            headers: [(name: String, value: String)] = [],
            text: String,
            delivery: Delivery = .whole
        ) {
            self.init(status, headers: headers, body: Array(text.utf8), delivery: delivery)
        }

        /// Nothing, until the client is gone.
        public static let silence = Response(delivery: .silence)

        /// These characters in place of HTTP.
        public static func garbage(_ text: String) -> Response { Response(text: text, delivery: .raw) }
    }

    /// Answers a request, on the thread of its connection.
    public typealias Handler = @Sendable (Request) -> Response

    /// Of 127.0.0.1.
    public let port: UInt16
    private let state: ServerState

    /// Opens a server on a free port.
    public init(handler: @escaping Handler) throws {
        let listener = try Self.listen()
        port = Self.port(of: listener)
        let state = ServerState(listener: listener, handler: handler)
        self.state = state
        Thread.detachNewThread { state.acceptConnections() }
    }

    deinit { state.close() }

    /// The URL of a path on the server.
    public func url(_ target: String = "/") -> String { "http://127.0.0.1:\(port)\(target)" }

    /// All requests so far, in the order in which they came in.
    public var requests: [Request] { state.events.withLock { $0.requests } }

    /// How many connections were opened so far.
    public var connectionCount: Int { state.events.withLock { $0.connectionCount } }

    /// Waits until so many requests have come in, and gives all of them.
    public func requests(atLeast count: Int) async -> [Request] {
        await state.wait { $0.requests.count >= count }
        return requests
    }

    /// Waits until so many clients have left while an answer was due (`silence`) or under way (`endless`).
    public func departures(atLeast count: Int) async {
        await state.wait { $0.departures >= count }
    }

    /// Ends all connections and takes no more; connecting is refused from then on.
    public func stop() async {
        state.close()
        await state.wait { $0.isListenerClosed }
    }

    private static func listen() throws -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw LocalWebServerError(description: "no socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 }
        }
        guard isBound, Foundation.listen(listener, 128) == 0 else {
            let cause = errno
            close(listener)
            throw LocalWebServerError(description: "cannot listen on loopback: errno \(cause)")
        }
        return listener
    }

    private static func port(of listener: Int32) -> UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// Why a server of a test did not start.
public struct LocalWebServerError: Error, CustomStringConvertible {
    /// What the system said.
    public let description: String
}

/// What the threads of a server share.
private final class ServerState: Sendable {
    struct Waiter: Sendable {
        let isReached: @Sendable (Events) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    /// What happened so far, and who waits for more.
    struct Events: Sendable {
        var requests: [LocalWebServer.Request] = []
        var connectionCount = 0
        var departures = 0
        var openSockets: Set<Int32> = []
        var isClosed = false
        var isListenerClosed = false
        var waiters: [Waiter] = []
    }

    let events = Mutex(Events())
    private let listener: Int32
    private let handler: LocalWebServer.Handler

    init(listener: Int32, handler: @escaping LocalWebServer.Handler) {
        self.listener = listener
        self.handler = handler
    }

    /// Waits for something that happens once and for all.
    func wait(until isReached: @escaping @Sendable (Events) -> Bool) async {
        await withCheckedContinuation { continuation in
            note { $0.waiters.append(Waiter(isReached: isReached, continuation: continuation)) }
        }
    }

    /// Changes the events, and lets those go on who waited for that.
    private func note(_ change: @Sendable (inout Events) -> Void) {
        let reached = events.withLock { events in
            change(&events)
            let waiters = events.waiters
            events.waiters = waiters.filter { !$0.isReached(events) }
            return waiters.filter { $0.isReached(events) }
        }
        for waiter in reached { waiter.continuation.resume() }
    }

    func close() {
        events.withLock { events in
            guard !events.isClosed else { return }
            events.isClosed = true
            // It makes threads return that wait on these sockets; each closes its own.
            shutdown(listener, Int32(SHUT_RDWR))
            for socket in events.openSockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    func acceptConnections() {
        while true {
            let socket = accept(listener, nil, nil)
            if socket < 0, errno == EINTR || errno == ECONNABORTED { continue }
            guard socket >= 0 else { break }
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            let number: Int? = events.withLock { events in
                guard !events.isClosed else { return nil }
                events.openSockets.insert(socket)
                events.connectionCount += 1
                return events.connectionCount
            }
            guard let number else {
                Foundation.close(socket)
                break
            }
            Thread.detachNewThread { self.serve(socket, number) }
        }
        // Not while `close` may still touch it.
        note { events in
            events.isClosed = true
            Foundation.close(self.listener)
            events.isListenerClosed = true
        }
    }

    private func serve(_ socket: Int32, _ number: Int) {
        var connection = Connection(socket: socket, number: number)
        while let request = connection.nextRequest() {
            note { $0.requests.append(request) }
            switch connection.send(handler(request), to: request) {
            case .kept: continue
            case .ended: break
            case .departed: note { $0.departures += 1 }
            }
            break
        }
        events.withLock { events in
            events.openSockets.remove(socket)
            // A child of the process may have the socket too, and would keep the connection open.
            shutdown(socket, Int32(SHUT_RDWR))
            Foundation.close(socket)
        }
    }
}

/// One connection of a client.
private struct Connection {
    /// What became of a connection.
    enum Ending {
        case kept
        case ended
        case departed
    }

    private static let headEnd = Array("\r\n\r\n".utf8)
    private static let requestBytesMax = 1 << 24

    let socket: Int32
    let number: Int
    private var buffer: [UInt8] = []

    init(socket: Int32, number: Int) {
        self.socket = socket
        self.number = number
    }

    /// The next request; nil where the client is gone, or sends none.
    mutating func nextRequest() -> LocalWebServer.Request? {
        var headLength: Int?
        while headLength == nil {
            headLength = buffer.indices.first { buffer[$0...].starts(with: Self.headEnd) }
            // What begins otherwise is no request, such as the greeting of a client that wants TLS.
            if let first = buffer.first, !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) { return nil }
            if headLength == nil, !receive() { return nil }
        }
        guard let headLength else { return nil }
        let head = String(decoding: buffer[..<headLength], as: UTF8.self)
        buffer.removeFirst(headLength + Self.headEnd.count)
        var lines = head.components(separatedBy: "\r\n")
        let words = lines.removeFirst().components(separatedBy: " ")
        guard words.count == 3 else { return nil }
        let headers = lines.compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            return (String(line[..<colon]), value)
        }
        let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        while buffer.count < length { if !receive() { return nil } }
        let body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return LocalWebServer.Request(
            method: words[0],
            target: words[1],
            headers: headers,
            body: body,
            connection: number
        )
    }

    /// Sends an answer in the way that it asks for.
    mutating func send(_ response: LocalWebServer.Response, to request: LocalWebServer.Request) -> Ending {
        switch response.delivery {
        case .whole:
            let hasBody = response.status != 304 && response.status != 204
            let length = hasBody ? response.body.count : nil
            return send(head(of: response, length: length) + (hasBody ? response.body : [])) ? .kept : .ended
        case .cut(let count):
            _ = send(head(of: response, length: response.body.count) + response.body.prefix(count))
            return .ended
        case .endless:
            guard send(head(of: response, length: nil)) else { return .departed }
            while send(response.body) {}
            return .departed
        case .raw:
            _ = send(response.body)
            return .ended
        case .silence:
            while receive() {}
            return .departed
        }
    }

    private func head(of response: LocalWebServer.Response, length: Int?) -> [UInt8] {
        var text = "HTTP/1.1 \(response.status) Scripted\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        if let length { text += "Content-Length: \(length)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// Reads some bytes; false where there are no more.
    private mutating func receive() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &bytes, bytes.count, 0)
        guard count > 0, buffer.count + count <= Self.requestBytesMax else { return false }
        buffer.append(contentsOf: bytes.prefix(count))
        return true
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                return Foundation.send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
