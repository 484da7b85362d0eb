import Digests
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Settings
import Testing

@testable import WebInterface

@Suite struct AccessTests {
    private func access(_ tokens: (name: String, role: Configuration.HTTP.Role, text: String)...) -> Access {
        Access(
            tokens: tokens.map {
                Access.Token(
                    name: $0.name,
                    role: $0.role,
                    sha256: SHA256.hexadecimal(SHA256.digest(Array($0.text.utf8)))
                )
            }
        )
    }

    private func request(_ authorization: String? = nil) -> Request {
        var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/metrics")
        head.headerFields[.authorization] = authorization
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    private func status(of error: HTTPError?) -> Int? { error.map { $0.status.code } }

    @Test func withoutTokensEverybodyMayLookAndNobodyHandIn() throws {
        let access = access()
        try access.requireReading(request())
        try access.requireReading(request("Bearer whatever"))
        for authorization in [nil, "Bearer whatever"] {
            let error = #expect(throws: HTTPError.self) { try access.requireIngest(request(authorization)) }
            #expect(status(of: error) == 403)
        }
    }

    @Test(arguments: [nil, "", "Bearer", "Bearer ", "Basic reader", "reader", "Bearerreader"])
    func withoutATokenNobodyIsLetIn(authorization: String?) {
        let access = access(("r", .read, "reader"), ("i", .ingest, "feeder"))
        let error = #expect(throws: HTTPError.self) { try access.requireReading(request(authorization)) }
        #expect(status(of: error) == 401 && error?.headers[.wwwAuthenticate] == "Bearer")
        #expect(throws: HTTPError.self) { try access.requireIngest(request(authorization)) }
    }

    @Test(arguments: ["reade", "readerr", "READER", "reader feeder"])
    func aTokenThatIsNotKnownIsRefused(token: String) {
        let access = access(("r", .read, "reader"), ("i", .ingest, "feeder"))
        let error = #expect(throws: HTTPError.self) { try access.requireReading(request("Bearer \(token)")) }
        #expect(status(of: error) == 401)
        #expect(error?.headers[.wwwAuthenticate] == "Bearer error=\"invalid_token\"")
        #expect(error?.body?.contains(token) == false)
    }

    @Test func rolesMayDoWhatTheOnesBeforeMay() throws {
        let access = access(("r", .read, "reader"), ("i", .ingest, "feeder"), ("a", .admin, "chief"))
        for token in ["reader", "feeder", "chief"] { try access.requireReading(request("Bearer \(token)")) }
        #expect(try access.requireIngest(request("Bearer feeder")).name == "i")
        #expect(try access.requireIngest(request("bearer chief")).name == "a")
        let error = #expect(throws: HTTPError.self) { try access.requireIngest(request("Bearer reader")) }
        #expect(status(of: error) == 403 && error?.body?.contains("'r'") == true)
        #expect(error?.body?.contains("reader") == false)
    }

    @Test func whereOnlyReadersAreKnownNobodyHandsIn() {
        let access = access(("r", .read, "reader"))
        let error = #expect(throws: HTTPError.self) { try access.requireIngest(request("Bearer reader")) }
        #expect(status(of: error) == 403)
    }
}
