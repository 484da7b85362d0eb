import TestSupport
import Testing
import WebClient

/// A suite of its own, for the machine to itself: beside hundreds of others, a connection may be idle for longer than
/// the client keeps it.
@Suite struct KeptConnectionsTests {
    @Test func connectionsAreKept() async throws {
        let server = try LocalWebServer { _ in .init(text: "x") }
        let client = try WebClient()
        for _ in 1...5 { _ = try await client.send(WebClientTests.request(server.url())) }
        #expect(server.connectionCount == 1)
    }
}
