import TestSupport
import Testing
import WebClient

/// Which redirections are followed, and what is told to whom.
@Suite struct WebClientRedirectTests {
    static func redirect(to location: String, _ status: Int = 302) -> LocalWebServer.Response {
        .init(status, headers: [("Location", location)], text: "elsewhere")
    }

    static func secretRequest(_ url: String) -> WebRequest {
        var request = WebClientTests.request(url)
        request.headers = ["X-Api-Key": "secret", "Authorization": "Bearer secret"]
        request.validators.entityTag = "\"v1\""
        return request
    }

    @Test func aServerGetsTheHeadersAgainFromItsOwnRedirection() async throws {
        let server = try LocalWebServer { $0.target == "/new" ? .init(text: "here") : Self.redirect(to: "/new", 301) }
        let response = try await WebClient().send(Self.secretRequest(server.url("/old")))
        #expect(response.status == 200)
        #expect(response.body == Array("here".utf8))
        #expect(response.headers["Location"] == nil)
        #expect(server.requests.map(\.target) == ["/old", "/new"])
        #expect(server.requests.last?.header("X-Api-Key") == "secret")
        #expect(server.requests.last?.header("If-None-Match") == "\"v1\"")
    }

    @Test func anotherServerGetsNoHeaders() async throws {
        let other = try LocalWebServer { _ in .init(text: "there") }
        let server = try LocalWebServer { _ in Self.redirect(to: other.url("/x")) }
        let response = try await WebClient().send(Self.secretRequest(server.url()))
        #expect(response.body == Array("there".utf8))
        let sent = try #require(other.requests.first)
        #expect(!sent.headers.contains { $0.value.contains("secret") })
        #expect(sent.header("If-None-Match") == nil)
    }

    @Test func anotherServerGetsNoUserOfTheURL() async throws {
        let other = try LocalWebServer { _ in .init(text: "there") }
        let server = try LocalWebServer { _ in Self.redirect(to: other.url("/x")) }
        _ = try await WebClient().send(WebClientTests.request("http://desk:secret@127.0.0.1:\(server.port)/"))
        #expect(server.requests.first?.header("Authorization") != nil)
        #expect(other.requests.first?.header("Authorization") == nil)
    }

    @Test func threeRedirectionsAreFollowedAndNoMore() async throws {
        let server = try LocalWebServer { request in
            let number = Int(request.target.dropFirst()) ?? 0
            return number == 0 ? .init(text: "end") : Self.redirect(to: "/\(number - 1)")
        }
        let client = try WebClient()
        #expect(try await client.send(WebClientTests.request(server.url("/3"))).body == Array("end".utf8))
        let error = await #expect(throws: WebError.self) {
            try await client.send(WebClientTests.request(server.url("/4")))
        }
        #expect(error?.code == .protocolError)
    }

    @Test func aPostIsNotRedirected() async throws {
        let server = try LocalWebServer { _ in Self.redirect(to: "/new", 307) }
        var request = WebClientTests.request(server.url())
        request.method = .post
        request.body = [1]
        let response = try await WebClient().send(request)
        #expect(response.status == 307)
        #expect(response.headers["Location"] == "/new")
        #expect(server.requests.count == 1)
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "http://[/?key=secret"])
    func otherProtocolsAreNotFollowed(location: String) async throws {
        let server = try LocalWebServer { _ in Self.redirect(to: location) }
        let error = await #expect(throws: WebError.self) {
            try await WebClient().send(WebClientTests.request(server.url()))
        }
        #expect(error?.code == .protocolError)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func aRedirectionWithoutALocationIsAnAnswer() async throws {
        let server = try LocalWebServer { _ in .init(302, text: "nowhere") }
        let response = try await WebClient().send(WebClientTests.request(server.url()))
        #expect(response.status == 302)
        #expect(response.body == Array("nowhere".utf8))
    }
}
