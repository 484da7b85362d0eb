import TestSupport
import Testing
import WebClient

/// Who is believed to be the server, and on what terms.
@Suite struct WebClientTLSTests {
    static func code(_ url: String, caFile: String?) async throws -> WebError.Code? {
        let client = try WebClient(caFile: caFile)
        do throws(WebError) {
            let response = try await client.send(WebClientTests.request(url))
            #expect(response.status == 200)
            #expect(!response.body.isEmpty)
            return nil
        } catch {
            #expect(!error.message.contains("sesame"))
            return error.code
        }
    }

    @Test func aServerIsBelievedWhereItsAuthorityIs() async throws {
        let server = try TLSServer()
        let url = "https://sesame:sesame@localhost:\(server.port)/answer"
        #expect(try await Self.code(url, caFile: server.caFile) == nil)
        // An authority that the system does not know, and one of another server.
        #expect(try await Self.code(url, caFile: nil) == .tls)
        let other = try TLSServer()
        #expect(try await Self.code(url, caFile: other.caFile) == .tls)
        #expect(try await Self.code(url, caFile: "/no/such/file.pem") == .tls)
    }

    @Test func aCertificateForAnotherNameIsNone() async throws {
        let server = try TLSServer()
        #expect(try await Self.code("https://127.0.0.1:\(server.port)/answer", caFile: server.caFile) == nil)
        #expect(try await Self.code("https://other.localhost:\(server.port)/answer", caFile: server.caFile) == .tls)
    }

    @Test(arguments: ["-tls1", "-tls1_1"])
    func olderVersionsAreNotSpoken(option: String) async throws {
        let server = try TLSServer(options: "\(option) -cipher DEFAULT@SECLEVEL=0")
        #expect(try await Self.code("https://localhost:\(server.port)/answer", caFile: server.caFile) == .tls)
    }

    @Test func theOldestVersionThatIsSpokenIs() async throws {
        let server = try TLSServer(options: "-tls1_2")
        #expect(try await Self.code("https://localhost:\(server.port)/answer", caFile: server.caFile) == nil)
    }

    @Test func aServerWithoutTLSIsNotSecure() async throws {
        let server = try LocalWebServer { _ in .init(text: "plain") }
        #expect(try await Self.code("https://127.0.0.1:\(server.port)/?apikey=sesame", caFile: nil) == .tls)
    }

    @Test func aRedirectionOutOfTLSIsNotFollowedAndOneIntoItIs() async throws {
        let plain = try LocalWebServer { _ in .init(text: "plain") }
        let secure = try TLSServer("HTTP/1.0 302 Found\r\nLocation: \(plain.url())\r\n\r\n")
        let url = "https://localhost:\(secure.port)/answer"
        #expect(try await Self.code(url, caFile: secure.caFile) == .protocolError)
        #expect(plain.connectionCount == 0)
        let believed = try TLSServer()
        let location = "https://localhost:\(believed.port)/answer"
        let entrance = try LocalWebServer { _ in
            .init(302, headers: [("Location", location)])
        }
        #expect(try await Self.code(entrance.url(), caFile: believed.caFile) == nil)
    }
}
