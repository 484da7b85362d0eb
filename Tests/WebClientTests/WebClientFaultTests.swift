import TestSupport
import Testing
import WebClient

/// What goes wrong, and how it is told.
@Suite struct WebClientFaultTests {
    /// The error of a request with secrets wherever a request can have them; none of them may be in it.
    static func error(
        port: UInt16,
        deadline: Duration = .seconds(60),
        client: WebClient? = nil
    ) async throws -> WebError {
        var request = WebClientTests.request(
            "http://sesame:sesame@127.0.0.1:\(port)/sesame?apikey=sesame#sesame",
            deadline: deadline
        )
        request.headers = ["X-Api-Key": "sesame"]
        let sent = request
        let client = try client ?? WebClient()
        let error = try #require(await #expect(throws: WebError.self) { try await client.send(sent) })
        #expect(!error.message.contains("sesame"))
        #expect(!String(reflecting: error).contains("sesame"))
        #expect(error.message.contains("127.0.0.1:\(port)"))
        return error
    }

    @Test func aRefusedConnectionIsNoConnection() async throws {
        let error = try await Self.error(port: try FreePort.take())
        #expect(error.code == .cannotConnect)
        #expect(error.message.hasSuffix("Connection refused"))
    }

    @Test func anUnknownHostIsNoConnection() async throws {
        let error = await #expect(throws: WebError.self) {
            try await WebClient().send(WebClientTests.request("http://no-such-host.invalid/?apikey=sesame"))
        }
        #expect(error?.code == .cannotConnect)
        #expect(error?.message.contains("no-such-host.invalid") == true)
        #expect(error?.message.contains("sesame") == false)
    }

    @Test func aServerThatSaysNothingIsTooSlow() async throws {
        let server = try LocalWebServer { _ in .silence }
        let error = try await Self.error(port: server.port, deadline: .milliseconds(150))
        #expect(error.code == .timedOut)
        await server.departures(atLeast: 1)
    }

    @Test func aDeadlineThatIsPastSendsNothing() async throws {
        let server = try LocalWebServer { _ in .init() }
        for deadline in [Duration.zero, .seconds(-1)] {
            #expect(try await Self.error(port: server.port, deadline: deadline).code == .timedOut)
        }
        #expect(server.connectionCount == 0)
    }

    @Test func aBodyThatIsCutIsALostConnection() async throws {
        let server = try LocalWebServer { _ in .init(text: "0123456789", delivery: .cut(afterBytes: 4)) }
        #expect(try await Self.error(port: server.port).code == .connectionLost)
    }

    @Test func anAnswerThatIsMissingIsALostConnection() async throws {
        let server = try LocalWebServer { _ in .garbage("") }
        #expect(try await Self.error(port: server.port).code == .connectionLost)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH sesame\r\n", "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}", "HTTP/x.y sesame\r\n\r\n",
        "HTTP/1.1 sesame\r\n\r\n", "HTTP/1.1 2000 sesame\r\n\r\n", "HTTP/1.1 200sesame\r\n\r\n",
    ])
    func garbageIsNotHTTP(text: String) async throws {
        let server = try LocalWebServer { _ in .garbage(text) }
        #expect(try await Self.error(port: server.port).code == .protocolError)
    }

    @Test func aBrokenPackingIsNotHTTP() async throws {
        let server = try LocalWebServer { _ in .init(headers: [("Content-Encoding", "gzip")], text: "not packed") }
        #expect(try await Self.error(port: server.port).code == .protocolError)
    }

    @Test func anEndlessBodyIsTooLarge() async throws {
        let server = try LocalWebServer { _ in .init(text: "again and again", delivery: .endless) }
        #expect(try await Self.error(port: server.port).code == .tooLarge)
        await server.departures(atLeast: 1)
    }

    @Test func anEndlessHeadIsTooLarge() async throws {
        let line = (name: "X-Line", value: String(repeating: "x", count: 1_000))
        let server = try LocalWebServer { _ in .init(headers: Array(repeating: line, count: 200)) }
        #expect(try await Self.error(port: server.port).code == .tooLarge)
    }

    @Test func aBodyMayHaveAsManyBytesAsItMay() async throws {
        let server = try LocalWebServer { _ in .init(text: "0123456789") }
        let client = try WebClient()
        #expect(try await client.send(WebClientTests.request(server.url(), bodyBytesMax: 10)).body.count == 10)
        let error = await #expect(throws: WebError.self) {
            try await client.send(WebClientTests.request(server.url(), bodyBytesMax: 9))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test(
        arguments: [
            "", "127.0.0.1/sesame", "http://", "http:///sesame", "http:/sesame/x", "https:sesame/x", "http://sesame@/x",
            "ftp://127.0.0.1/sesame", "file:///sesame",
            "http://127.0.0.1/se same", "http://127.0.0.1/sesame\r\nX: y", "http://127.0.0.1/sesame\u{0}",
            "http://127.0.0.1:99999/sesame", "http://ä.example/sesame", "javascript:sesame",
        ]
    )
    func whatIsNoURLOfHTTPIsNotAsked(url: String) async throws {
        let error = await #expect(throws: WebError.self) { try await WebClient().send(WebClientTests.request(url)) }
        #expect(error?.code == .badURL)
        #expect(error?.message.contains("sesame") == false)
    }

    @Test(
        arguments: [
            WebHeaders.Field("X-Key", "a\r\nsesame: b"), .init("X-Key", "a\u{0}sesame"), .init("X Key", "sesame"),
            .init("X:Key", "sesame"), .init("", "sesame"), .init("Content-Length", "5"),
            .init("transfer-encoding", "chunked"),
        ]
    )
    func whatIsNoHeaderIsNotSent(field: WebHeaders.Field) async throws {
        let server = try LocalWebServer { _ in .init() }
        var request = WebClientTests.request(server.url())
        request.headers = WebHeaders([field])
        let sent = request
        let error = await #expect(throws: WebError.self) { try await WebClient().send(sent) }
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains("sesame") == false)
        #expect(server.connectionCount == 0)
    }

    @Test func aRequestIsDescribedWithoutItsSecrets() {
        var request = WebClientTests.request("https://sesame:sesame@api.example:8443/sesame?apikey=sesame")
        request.headers = ["X-Api-Key": "sesame"]
        #expect("\(request)" == "GET api.example:8443")
        #expect("\(WebClientTests.request("sesame"))" == "GET no URL")
        #expect(WebClientTests.request("HTTPS://API.Example:443/x").host == "api.example")
        #expect(WebClientTests.request("http://[::1]:8080/x").host == "[::1]:8080")
        #expect(WebClientTests.request("sesame").host == nil)
    }

    @Test func oneThatFailsLeavesTheClientAsItWas() async throws {
        let server = try LocalWebServer { request in
            request.target == "/good" ? .init(text: "good") : .init(text: "0123", delivery: .cut(afterBytes: 1))
        }
        let client = try WebClient()
        for _ in 1...3 {
            #expect(try await Self.error(port: server.port, client: client).code == .connectionLost)
            #expect(try await client.send(WebClientTests.request(server.url("/good"))).isSuccess)
        }
    }
}
