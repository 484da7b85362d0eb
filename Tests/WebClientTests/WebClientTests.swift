import Glibc
import TestSupport
import Testing
import WebClient

/// What a client sends, and what it makes of answers that are as they should be.
@Suite struct WebClientTests {
    static func request(_ url: String, deadline: Duration = .seconds(60), bodyBytesMax: Int = 65_536) -> WebRequest {
        WebRequest(url, deadline: deadline, bodyBytesMax: bodyBytesMax)
    }

    @Test func anAnswerHasStatusHeadersAndBody() async throws {
        let server = try LocalWebServer { _ in
            .init(201, headers: [("X-Used", "17"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")], text: "made")
        }
        let response = try await WebClient().send(Self.request(server.url("/a/b?c=d&e=%20")))
        #expect(response.status == 201)
        #expect(response.isSuccess)
        #expect(response.body == Array("made".utf8))
        #expect(response.headers["x-used"] == "17")
        #expect(response.headers["X-USED"] == "17")
        #expect(response.headers["X-Other"] == nil)
        #expect(response.headers.all("Set-Cookie") == ["a=1", "b=2"])
        #expect(response.totalTime > .zero)
        let sent = try #require(server.requests.first)
        #expect(sent.method == "GET")
        #expect(sent.target == "/a/b?c=d&e=%20")
        #expect(sent.header("User-Agent") == "tapedesk")
    }

    @Test(arguments: [204, 304, 404, 418, 429, 500, 503])
    func anyStatusIsAnAnswer(status: Int) async throws {
        let server = try LocalWebServer { _ in .init(status, headers: [("Retry-After", "7")]) }
        let response = try await WebClient().send(Self.request(server.url()))
        #expect(response.status == status)
        #expect(response.headers["retry-after"].flatMap { RetryAfter.wait($0, at: .zero) } == .seconds(7))
    }

    @Test func aBodyIsGivenAsItIsEvenWhereItIsHalfAJSON() async throws {
        let server = try LocalWebServer { _ in .init(text: #"{"price": "1"#) }
        let response = try await WebClient().send(Self.request(server.url()))
        #expect(response.body == Array(#"{"price": "1"#.utf8))
    }

    @Test func aPostSendsItsBodyAndHeaders() async throws {
        let server = try LocalWebServer { .init(body: $0.body) }
        var body = [UInt8](repeating: 0, count: 1_500_000)
        for index in body.indices { body[index] = UInt8(truncatingIfNeeded: index &* 31) }
        var request = Self.request(server.url("/hook"), bodyBytesMax: body.count)
        request.method = .post
        request.body = body
        request.headers = ["Content-Type": "application/octet-stream", "X-Empty": "", "Authorization": "Bearer x"]
        let response = try await WebClient().send(request)
        #expect(response.body == body)
        let sent = try #require(server.requests.first)
        #expect(sent.method == "POST")
        #expect(sent.header("Content-Type") == "application/octet-stream")
        #expect(sent.header("Authorization") == "Bearer x")
        #expect(sent.header("X-Empty") == "")
        #expect(sent.header("Expect") == nil)
    }

    @Test func aPostWithoutABodyIsNoForm() async throws {
        let server = try LocalWebServer { _ in .init(204) }
        var request = Self.request(server.url())
        request.method = .post
        _ = try await WebClient().send(request)
        let sent = try #require(server.requests.first)
        #expect(sent.method == "POST")
        #expect(sent.header("Content-Length") == "0")
        #expect(sent.header("Content-Type") == nil)
    }

    @Test func packedBodiesAreUnpacked() async throws {
        let packed: [UInt8] = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2B, 0xCD, 0x2B, 0x48, 0x4C, 0xCE,
            0x4E, 0x4D, 0x51, 0x28, 0x49, 0xAD, 0x28, 0xD1, 0x51, 0x28, 0x1D, 0xE5, 0x8E, 0x72, 0xA9, 0xC1,
            0x05, 0x00, 0x98, 0x40, 0x73, 0x25, 0x58, 0x02, 0x00, 0x00,
        ]
        let text = String(repeating: "unpacked text, ", count: 40)
        let server = try LocalWebServer { _ in .init(headers: [("Content-Encoding", "gzip")], body: packed) }
        let response = try await WebClient().send(Self.request(server.url()))
        #expect(String(decoding: response.body, as: UTF8.self) == text)
        let encodings = try #require(server.requests.first?.header("Accept-Encoding"))
        #expect(encodings.contains("gzip") && encodings.contains("deflate"))
        // The limit is for what is unpacked.
        let error = await #expect(throws: WebError.self) {
            try await WebClient().send(Self.request(server.url(), bodyBytesMax: text.utf8.count - 1))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func aConditionalRequestIsAnsweredWithNothingNew() async throws {
        let server = try LocalWebServer { request in
            let isKnown = request.header("If-None-Match") == "\"v1\""
            return .init(isKnown ? 304 : 200, headers: [("ETag", "\"v1\"")], text: "list")
        }
        let client = try WebClient()
        var cache = ConditionalCache()
        var request = Self.request(server.url("/list"))
        cache.apply(to: &request)
        let first = try await client.send(request)
        #expect(first.status == 200)
        cache.learn(from: first, to: request)
        cache.apply(to: &request)
        let second = try await client.send(request)
        #expect(second.isNotModified)
        #expect(second.body.isEmpty)
    }

    @Test func theTimeOfTheLastChangeIsSentAsTheServerWroteIt() async throws {
        let server = try LocalWebServer { _ in .init(304) }
        var request = Self.request(server.url())
        request.validators.lastModified = "Sun, 06 Nov 1994 08:49:37 GMT"
        _ = try await WebClient().send(request)
        #expect(server.requests.first?.header("If-Modified-Since") == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test func noCookieIsKept() async throws {
        let server = try LocalWebServer { _ in .init(headers: [("Set-Cookie", "session=1; Path=/")], text: "x") }
        let client = try WebClient()
        for _ in 1...2 { _ = try await client.send(Self.request(server.url())) }
        #expect(server.requests.allSatisfy { $0.header("Cookie") == nil && $0.target == "/" })
    }

    @Test func noProxyOfTheEnvironmentIsUsed() async {
        // In a process of its own: the environment of this one is not for a test to change.
        await #expect(processExitsWith: .success) {
            for name in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] {
                setenv(name, "http://127.0.0.1:1", 1)
            }
            let server = try LocalWebServer { _ in .init(204) }
            let response = try await WebClient().send(WebClientTests.request(server.url()))
            #expect(response.status == 204)
        }
    }

    @Test func aUserInTheURLIsSentAsOne() async throws {
        let server = try LocalWebServer { _ in .init(text: "x") }
        _ = try await WebClient().send(Self.request("http://desk:secret@127.0.0.1:\(server.port)/"))
        #expect(server.requests.first?.header("Authorization") == "Basic ZGVzazpzZWNyZXQ=")
    }
}
