import Foundation
import MarketData
import TestSupport
import Testing
import WebClient

@testable import Service

/// SHA-256 and HMAC as FIPS 180-4 and RFC 2104 have them, written without a look at what is tested.
enum Oracle {
    private static let primes: [Int] = (2...311).filter { number in !(2..<number).contains { number % $0 == 0 } }

    /// The first 32 bits of the fractional part of a root.
    private static func fraction(_ root: Double) -> UInt32 {
        UInt32((root - root.rounded(.down)) * 4_294_967_296)
    }

    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    static func sha256(_ message: [UInt8]) -> [UInt8] {
        let constants = primes.prefix(64).map { fraction(cbrt(Double($0))) }
        var state = primes.prefix(8).map { fraction(Double($0).squareRoot()) }
        var bytes = message + [0x80]
        while bytes.count % 64 != 56 { bytes.append(0) }
        bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: UInt64(message.count * 8) >> (8 * $0)) }
        for start in stride(from: 0, to: bytes.count, by: 64) {
            var words = (0..<16).map { word in
                (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[start + word * 4 + $1]) }
            }
            for place in 16..<64 {
                let (early, late) = (words[place - 15], words[place - 2])
                let small = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3
                let large = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10
                words.append(words[place - 16] &+ small &+ words[place - 7] &+ large)
            }
            var (a, b, c, d, e, f, g, h) = (
                state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
            )
            for place in 0..<64 {
                let choice = e & f ^ ~e & g
                let mixed = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
                let first = h &+ mixed &+ choice &+ constants[place] &+ words[place]
                let majority = a & b ^ a & c ^ b & c
                let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ majority
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
            }
            state = zip(state, [a, b, c, d, e, f, g, h]).map { $0 &+ $1 }
        }
        return state.flatMap { word in (0..<4).reversed().map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    static func hmac(_ message: [UInt8], key: [UInt8]) -> String {
        var key = key.count > 64 ? sha256(key) : key
        key += Array(repeating: 0, count: 64 - key.count)
        let digest = sha256(key.map { $0 ^ 0x5C } + sha256(key.map { $0 ^ 0x36 } + message))
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

@Suite(.timeLimit(.minutes(10))) struct WebhookTests {
    private let folder = ServiceFolder()

    private func letter(_ text: String) throws -> Outbox.Letter {
        let outbox = try Outbox(folder: folder.path)
        try outbox.put(Array(text.utf8))
        let letter = try #require(try outbox.first())
        try outbox.remove(letter)
        return letter
    }

    private func webhook(_ url: String, secret: String? = nil) throws -> Webhook {
        try Webhook(url: url, secret: secret.map { Array($0.utf8) }, client: WebClient(), environment: .test())
    }

    /// RFC 4231, test cases 1, 2, 6 and 7.
    @Test func theOracleIsRight() {
        let long = [UInt8](repeating: 0xAA, count: 131)
        #expect(
            Oracle.hmac(Array("Hi There".utf8), key: [UInt8](repeating: 0x0B, count: 20))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        )
        #expect(
            Oracle.hmac(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        )
        #expect(
            Oracle.hmac(Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8), key: long)
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        )
        let text =
            "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
            + "to be hashed before being used by the HMAC algorithm."
        #expect(
            Oracle.hmac(Array(text.utf8), key: long)
                == "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        )
    }

    @Test func theBodyIsTheLetterAndItsSignatureCoversTheTime() async throws {
        let server = try LocalWebServer { _ in .init(204) }
        let text = #"{"id":"rule/binance/1","message":"„Silent“"}"#
        #expect(try await webhook(server.url("/hook?x=1"), secret: "geheim").post(letter(text)) == .delivered)
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.target == "/hook?x=1" && request.body == Array(text.utf8))
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.header("X-Tapedesk-Timestamp") == "1700000000")
        let expected = Oracle.hmac(Array("1700000000.\(text)".utf8), key: Array("geheim".utf8))
        #expect(request.header("X-Tapedesk-Signature") == "sha256=\(expected)")
    }

    @Test func withoutASecretNothingIsSigned() async throws {
        let server = try LocalWebServer { _ in .init(200) }
        #expect(try await webhook(server.url()).post(letter("{}")) == .delivered)
        #expect(server.requests.first?.header("X-Tapedesk-Signature") == nil)
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [301, 400, 404, 500, 503])
    func anAnswerThatIsNoSuccessIsAFailure(status: Int) async throws {
        let server = try LocalWebServer { _ in .init(status, headers: [("Location", "/other")], text: "secret text") }
        let outcome = try await webhook(server.url()).post(letter("{}"))
        guard case .failed(let reason, let pause) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(pause == nil && !reason.contains("secret text"))
        if status != 301 { #expect(reason == "answered with status \(status)") }
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [
        ("120", Duration.seconds(120)), ("0", .zero), ("9999999", .seconds(3_600)),
        ("Tue, 14 Nov 2023 22:14:20 GMT", .milliseconds(59_500)), ("soon", nil),
    ])
    func aPauseThatItAsksForIsHandedOn(text: String, expected: Duration?) async throws {
        let server = try LocalWebServer { _ in .init(429, headers: [("Retry-After", text)]) }
        let outcome = try await webhook(server.url()).post(letter("{}"))
        #expect(outcome == .failed(reason: "answered with status 429", retryAfter: expected))
    }

    @Test func aServerThatIsNotThereIsAFailureWithoutTheURL() async throws {
        let webhook = try webhook("http://127.0.0.1:\(try FreePort.take())/hook?key=geheim")
        guard case .failed(let reason, nil) = await webhook.post(try letter("{}")) else {
            Issue.record("it was delivered to nobody")
            return
        }
        #expect(!reason.isEmpty && !reason.contains("geheim"))
    }

    @Test func anAddressThatIsNoneIsAFailure() async throws {
        guard case .failed = try await webhook("nowhere").post(letter("{}")) else {
            Issue.record("it was delivered to nobody")
            return
        }
    }
}
