import Foundation
import Synchronization
import TestSupport
import Testing

extension SystemTests {
    /// Alerts of the daemon: to those who listen, to webhooks, and into the database.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct AlertTests {
        private static let high = "{ name: high, price_above: 100, instruments: [\"BINANCE:BTCUSDT\"] }"

        @Test(.enabled(if: Product.hasTool("openssl"), "there is no openssl program"))
        func aPriceIsToldToAllWhoWantToKnow() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let hook = try WebhookServer()
            let secret = try service.desk.file("secret", "a key of the test\n")
            try service.configure(
                "sources:\n" + venue.source("spot", symbols: "BTCUSDT, ETHUSDT"),
                "alerts: [\(Self.high)]",
                hook.section("secret_file: \"\(secret)\"")
            )
            let daemon = try service.serve()
            let listener = try await AlertListener(daemon)
            try await daemon.wait(for: "ready")
            venue.trade([1], price: 96)
            venue.trade([1], price: 500, symbol: "ETHUSDT")
            // More than a tenth at once would be off the market.
            venue.trade([2, 3], price: 104)
            venue.trade([4], price: 96)
            try await poll("it is heard") { try listener.alerts.count == 1 }
            let alert = try #require(try listener.alerts.first)
            let id = try #require(alert["id"]?.text)
            #expect(id.hasPrefix("high/BINANCE:BTCUSDT/") && listener.ids == [id])
            #expect(alert["rule"] == "high" && alert["severity"] == "warning" && alert["value"] == "104.2", "\(alert)")
            #expect(alert["threshold"] == "100" && alert["event_time"] == 1_723_161_255_002_000_000)

            try await poll("it is posted") { !hook.taken.isEmpty }
            let request = try #require(hook.server.requests.first)
            #expect(try JSON(String(decoding: request.body, as: UTF8.self)) == alert)
            #expect(request.header("Content-Type") == "application/json")
            let time = try #require(request.header("X-Tapedesk-Timestamp"))
            let signed = try service.desk.file("signed", Data("\(time).".utf8) + Data(request.body))
            let words = ["openssl", "dgst", "-sha256", "-hmac", "a key of the test", "-r", signed]
            let digest = try await ChildProcess(words, folder: service.desk.folder).wait().text.prefix(64)
            #expect(request.header("X-Tapedesk-Signature") == "sha256=" + digest)

            try await poll("it is stored") { try await service.desk.records("alerts").count == 1 }
            let stored = try #require(try await service.desk.records("alerts").first)
            for name in ["rule", "severity", "subject", "message", "value", "threshold"] {
                #expect(stored[name] == alert[name], "\(name)")
            }
            try await poll("all trades are stored") { try await service.stored() == [1, 2, 3, 4] }
            #expect(hook.server.requests.count == 1 && listener.ids.count == 1)
            #expect(try await daemon.metrics()["tapedesk_alerts_total{rule=\"high\"}"] == 1)
            try await daemon.stop()
        }

        @Test func whoComesBackHearsWhatWasMissed() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let rules = [100, 105, 110].map { "{ name: above-\($0), price_above: \($0) }" }
            try service.configure("sources:\n" + venue.source("spot"), "alerts: [\(rules.joined(separator: ", "))]")
            let daemon = try service.serve()
            let listener = try await AlertListener(daemon)
            try await daemon.wait(for: "ready")
            venue.trade([1], price: 102)
            try await poll("the first is heard") { listener.ids.count == 1 }
            listener.stop()
            venue.trade([2], price: 107)
            venue.trade([3], price: 112)
            try await poll("there are three") { try await daemon.alerts().count == 3 }
            let again = try await AlertListener(daemon, lastID: listener.ids.last)
            try await poll("the others are heard") { again.ids.count == 2 }
            #expect(try again.alerts.compactMap { $0["rule"]?.text } == ["above-105", "above-110"])
            // That somebody went away is noticed when something is sent.
            try await poll("the one who left is forgotten", within: .seconds(60)) {
                try await daemon.metrics()["tapedesk_alert_listeners"] == 1
            }
            try await daemon.stop()
        }

        @Test func alertsSurviveAKilledDaemonAndArriveOnce() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let hook = try WebhookServer(isFailing: true)
            let rules = [100, 101, 102].map { "{ name: above-\($0), price_above: \($0) }" }
            try service.configure(
                "sources:\n" + venue.source("spot"),
                "alerts: [\(rules.joined(separator: ", "))]",
                hook.section()
            )
            let first = try service.serve()
            try await first.wait(for: "ready")
            venue.trade([1], price: 110)
            try await poll("they wait") {
                try await first.status()["undelivered_alerts"]?["webhook-ops"] == 3 && !hook.server.requests.isEmpty
            }
            try await first.kill()
            #expect(hook.taken.isEmpty)
            hook.isFailing = false
            let second = try service.serve()
            try await poll("they arrive") { hook.taken.count >= 3 }
            try await poll("none waits") { try await second.status()["undelivered_alerts"]?["webhook-ops"] == 0 }
            #expect(Set(hook.taken).count == 3 && hook.taken.count == 3, "\(hook.taken)")
            try await poll("they are stored") { try await service.desk.records("alerts").count == 3 }
            try await second.stop()
        }

        @Test func aDatabaseThatIsAwayHoldsUpNoAlert() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let (service, venue) = (try await ServiceDesk(at: server), try await TradeVenue())
            let hook = try WebhookServer()
            try service.configure("sources:\n" + venue.source("spot"), "alerts: [\(Self.high)]", hook.section())
            let daemon = try service.serve()
            let listener = try await AlertListener(daemon)
            try await daemon.wait(for: "ready")
            venue.trade([1], price: 96)
            try await poll("it is stored") { try await service.stored() == [1] }
            server.kill()
            venue.trade([2], price: 104)
            try await poll("it is heard") { listener.ids.count == 1 }
            try await poll("it is posted") { hook.taken.count == 1 }
            #expect(try await daemon.status()["undelivered_alerts"]?["mongodb"] == 1)
            try await server.restart()
            try await poll("it is stored") { try await service.desk.records("alerts").count == 1 }
            try await poll("none waits") { try await daemon.status()["undelivered_alerts"]?["mongodb"] == 0 }
            #expect(hook.taken.count == 1 && listener.ids.count == 1)
            try await daemon.stop()
        }

        @Test func lettersThatAreGivenUpAreKept() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let hook = try WebhookServer(isFailing: true)
            try service.configure(
                "sources:\n" + venue.source("spot"),
                "alerts: [\(Self.high)]",
                hook.section("attempts: 1")
            )
            let dead = service.state + "/alerts/webhook-ops/dead"
            for round in 1...2 {
                let daemon = try service.serve()
                try await daemon.wait(for: "ready")
                try await poll("it is connected") { venue.connections == round }
                venue.trade([round], price: 110)
                try await poll("it is given up") { daemon.log.contains("an alert is given up after 1 attempts") }
                #expect(try FileManager.default.contentsOfDirectory(atPath: dead).count == round)
                try await daemon.stop()
            }
        }

        @Test func silenceGapsAndTicketsThatAreOverdueAreTold() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure(
                "sources:\n" + venue.source("spot"),
                "tickets: { targets: { normal: { first_response: 1s, resolution: 1h } } }",
                """
                alerts:
                  - { name: quiet, silent: 3s, sources: [spot], severity: critical }
                  - { name: hole, gap: 2, sources: [spot] }
                  - { name: overdue, ticket_overdue: true }
                """,
                http: try await service.http(tokens: [("helpdesk", "admin", "all")])
            )
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade([1, 2, 4, 7])
            let body = #"{"ticket":"O-1","sequence":1,"type":"create","fields":{"subject":"s","requester":"r"}}"# + "\n"
            try await poll("it takes tickets") { try await daemon.post(body, token: "all").status == 200 }
            var alerts: [String: JSON] = [:]
            try await poll("all three are told", within: .seconds(60)) {
                let list = try await daemon.get("/status", token: "all").json["alerts"]?.elements ?? []
                for alert in list { alerts[alert["rule"]?.text ?? ""] = alert }
                return alerts.count == 3
            }
            #expect(alerts["quiet"]?["subject"] == "spot" && alerts["quiet"]?["severity"] == "critical")
            #expect(alerts["hole"]?["subject"] == "spot", "\(alerts)")
            #expect(alerts["hole"]?["message"]?.text?.contains("2") == true, "\(alerts)")
            #expect(alerts["overdue"]?["subject"] == "helpdesk:O-1", "\(alerts)")
            try await daemon.stop()
        }
    }
}

/// Somebody who listens to the alerts of a daemon.
private final class AlertListener: Sendable {
    private let curl: RunningProgram

    /// Waits until the daemon has let it listen.
    init(_ daemon: RunningDaemon, lastID: String? = nil) async throws {
        let header = lastID.map { ["--header", "Last-Event-ID: \($0)"] } ?? []
        let words = ["curl", "--silent", "--no-buffer"] + header + [try await daemon.url("/alerts")]
        let curl = try RunningProgram(words, folder: daemon.desk.folder)
        self.curl = curl
        try await poll("it may listen") { curl.output.hasPrefix(": alerts\n\n") }
    }

    func stop() { curl.kill() }

    private func lines(_ name: String) -> [String] {
        // The last line may not be complete.
        let lines = curl.output.split(separator: "\n\n", omittingEmptySubsequences: true)
        return lines.flatMap { $0.split(separator: "\n") }.filter { $0.hasPrefix(name + ": ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }

    var ids: [String] { lines("id") }
    var alerts: [JSON] { get throws { try lines("data").map { try JSON($0) } } }
}

/// Where alerts are posted to.
private final class WebhookServer: Sendable {
    let server: LocalWebServer
    private let state: Shared

    private final class Shared: Sendable {
        let value = Mutex((isFailing: false, taken: [String]()))
    }

    init(isFailing: Bool = false) throws {
        let state = Shared()
        state.value.withLock { $0.isFailing = isFailing }
        self.state = state
        server = try LocalWebServer { request in
            let id = try? JSON(String(decoding: request.body, as: UTF8.self))["id"]?.text
            return state.value.withLock { state in
                if state.isFailing { return .init(500, text: "not now") }
                state.taken.append(id ?? "no alert")
                return .init(text: "taken")
            }
        }
    }

    var isFailing: Bool {
        get { state.value.withLock { $0.isFailing } }
        set { state.value.withLock { $0.isFailing = newValue } }
    }

    /// The ids of the alerts that were taken, in order.
    var taken: [String] { state.value.withLock { $0.taken } }

    /// The section `webhooks` of a configuration.
    func section(_ more: String...) -> String {
        "webhooks: [{ \((["name: ops", "url: \"\(server.url("/hook"))\""] + more).joined(separator: ", ")) }]"
    }
}
