import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// `tapedesk status --watch`, without a terminal.
    @Suite(.timeLimit(.minutes(5)))
    struct WatchTests {
        private func watch(_ service: ServiceDesk, _ words: [String], token: String = "") async throws -> Ending {
            try await service.desk.runAlone(["status", "--watch"] + words, environment: ["TAPEDESK_TOKEN": token])
        }

        @Test func itPrintsOnceHowADaemonIsDoing() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot"))
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade(1...5, price: 4_321)
            try await poll("the price is known") { try await daemon.get("/status").body.contains("4321") }
            let ending = try await watch(service, ["--url", try await daemon.url()])
            #expect(ending.code == 0 && ending.error.isEmpty, "\(ending.error)")
            #expect(ending.text.hasPrefix("tapedesk is running") && ending.text.contains("BINANCE:BTCUSDT"))
            #expect(!ending.text.contains("\u{1B}"), "nothing that steers a terminal")
            try await daemon.stop()
        }

        @Test func theAddressIsThatOfTheConfiguration() async throws {
            let service = try await ServiceDesk()
            let server = try LocalWebServer { request in
                .init(
                    text: "\(request.target) \(request.header("Accept") ?? "") \(request.header("Authorization") ?? "")"
                )
            }
            try service.configure(http: "{ listen: \"127.0.0.1:\(server.port)\" }")
            let ending = try await watch(service, ["--config", service.file], token: "secret")
            #expect(ending.code == 0 && ending.text == "/status text/plain Bearer secret", "\(ending)")
        }

        @Test func aDaemonThatIsNotThereIsSaid() async throws {
            let service = try await ServiceDesk()
            let server = try LocalWebServer { _ in .silence }
            let port = server.port
            await server.stop()
            let ending = try await watch(service, ["--url", "http://127.0.0.1:\(port)"])
            #expect(ending.code == 2 && ending.text.isEmpty, "\(ending)")
            #expect(ending.error.contains("127.0.0.1:\(port)"), "\(ending.error)")
            try service.configure(http: "{ listen: off }")
            let off = try await watch(service, ["--config", service.file])
            #expect(off.code == 2 && off.error.contains("'http.listen' is off"), "\(off.error)")
        }

        @Test func aMissingTokenIsAskedFor() async throws {
            let service = try await ServiceDesk()
            try service.configure(http: try await service.http(tokens: [("watcher", "read", "see")]))
            let daemon = try service.serve()
            let url = try await daemon.url()
            let refused = try await watch(service, ["--url", url])
            #expect(refused.code == 2 && refused.error.contains("TAPEDESK_TOKEN"), "\(refused.error)")
            let known = try await watch(service, ["--url", url], token: "see")
            #expect(known.code == 0 && known.text.hasPrefix("tapedesk is"), "\(known.error)")
            try await daemon.stop()
        }

        @Test func wrongUsageIsRefused() async throws {
            let service = try await ServiceDesk()
            for words in [["status", "--watch", "--json"], ["status", "--url", "http://127.0.0.1:1"]] {
                #expect(try await service.desk.runAlone(words).code == 64)
            }
        }
    }
}
