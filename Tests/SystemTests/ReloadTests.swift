import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// SIGHUP: the daemon reads its configuration again.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct ReloadTests {
        private static let taken = "the configuration was read again: "
        private static let refused = "the configuration was read again, and is not taken over: "

        /// Has the daemon read its configuration, and waits until it has said what came of it.
        private func reload(_ daemon: RunningDaemon, _ outcome: String) async throws {
            let before = daemon.count(outcome)
            daemon.program.hangUp()
            try await poll("it says: \(outcome)") { daemon.count(outcome) > before }
        }

        @Test func sourcesComeAndGoAndOthersAreNotDisturbed() async throws {
            let service = try await ServiceDesk()
            let (one, two) = (try await TradeVenue(), try await TradeVenue())
            let first = "sources:\n" + one.source("one")
            let second = two.source("two", "venue_name: OTHER")
            try service.configure(first)
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            one.trade(1...1_000)

            try service.configure(first + second)
            try await reload(daemon, Self.taken + "2 sources")
            one.trade(1_001...2_000)
            try await poll("the added one is connected") { two.connections == 1 }
            two.trade(1...1_000)
            try await poll("its trades are received") { try await daemon.source("two")?["messages"] == 1_000 }

            // What the old one has on its tape is stored by the time that the new one begins.
            try service.configure(first + two.source("two", symbols: "BTCUSDT, ETHUSDT", "venue_name: OTHER"))
            try await reload(daemon, Self.taken + "2 sources")
            one.trade(2_001...3_000)
            try await poll("the changed one is connected anew") {
                if !daemon.program.isRunning { throw HarnessError(description: "the daemon ended: \(daemon.log)") }
                return two.connections == 2
            }
            two.trade(1_001...2_000)
            two.trade(1...10, symbol: "ETHUSDT")
            try await poll("they are stored") { try await service.stored("OTHER:ETHUSDT") == Array(1...10) }
            #expect(try await service.stored("OTHER:BTCUSDT") == Array(1...2_000))

            try service.configure(first)
            try await reload(daemon, Self.taken + "1 sources")
            try await poll("the removed one is gone") { try await daemon.status()["sources"]?.elements.count == 1 }
            one.trade(3_001...4_000)
            try await poll("all is stored") { try await service.stored() == Array(1...4_000) }
            #expect(one.connections == 1 && two.connections == 2)
            #expect(try await daemon.source("one")?["connects"] == 1)

            // A name may come back, and goes on with its tape.
            try service.configure(first + second)
            try await reload(daemon, Self.taken + "2 sources")
            try await poll("it is back") { two.connections == 3 }
            two.trade(2_001...2_500)
            try await poll("all is stored") { try await service.stored("OTHER:BTCUSDT") == Array(1...2_500) }
            #expect(one.connections == 1)
            try await service.desk.verifyClean()
            try await daemon.stop()
        }

        @Test func changesInQuickSuccessionLoseNothing() async throws {
            let service = try await ServiceDesk()
            let (one, two) = (try await TradeVenue(), try await TradeVenue())
            let first = "sources:\n" + one.source("one")
            try service.configure(first)
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            var sent = 0
            for round in 0..<12 {
                let second = two.source("two", symbols: round % 2 == 0 ? "BTCUSDT" : "BTCUSDT, ETHUSDT")
                try service.configure(round % 3 == 2 ? first : first + second)
                daemon.program.hangUp()
                one.trade((sent + 1)...(sent + 500))
                sent += 500
                try await poll("they are received") { try await daemon.source("one")?["messages"]?.integer == sent }
            }
            try await poll("all is stored") { try await service.stored().count >= sent }
            #expect(try await service.stored() == Array(1...sent) && one.connections == 1)
            try await daemon.stop()
        }

        @Test func aFileWithMistakesChangesNothing() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let sources = "sources:\n" + venue.source("spot")
            let rule = "alerts: [{ name: high, price_above: 1 }]"
            try service.configure(sources)
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            let mistakes = [
                (rule + "\n" + sources + "    symbls: [ETHUSDT]", "tapedesk.yaml:10:5: unknown key 'symbls'"),
                (rule + "\nsources: [", "tapedesk.yaml:"),
                (rule + "\nsources: [{ name: spot, venue: nowhere, symbols: [X] }]", "tapedesk.yaml:4:"),
            ]
            for (text, message) in mistakes {
                try service.configure(text)
                try await reload(daemon, Self.refused)
                let said = daemon.log.components(separatedBy: Self.refused).last ?? ""
                #expect(said.contains(message), "\(said)")
            }
            try FileManager.default.removeItem(atPath: service.file)
            try await reload(daemon, Self.refused)
            venue.trade(1...10)
            try await poll("it goes on") { try await service.stored() == Array(1...10) }
            #expect(venue.connections == 1)
            #expect(try await daemon.alerts().isEmpty, "nothing of a refused file is taken over")
            try service.configure(sources, rule)
            try await reload(daemon, Self.taken + "1 sources")
            try await daemon.stop()
        }

        @Test func whatNeedsARestartIsRefusedByName() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let sources = "sources:\n" + venue.source("spot")
            let more = "sources:\n" + venue.source("spot", symbols: "BTCUSDT, ETHUSDT")
            try service.configure(sources)
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            let changes = [
                ("mongo: { database: elsewhere }", "'mongo'"),
                ("tickets: { targets: { normal: { first_response: 1s, resolution: 1h } } }", "'tickets'"),
                ("webhooks: [{ name: ops, url: \"http://127.0.0.1:1/\" }]", "'webhooks'"),
                ("tickets: { agent: mia }\nwebhooks: [{ name: ops, url: \"http://a/\" }]", "'tickets', 'webhooks'"),
            ]
            for (text, names) in changes {
                try service.configure(more, text)
                try await reload(daemon, Self.refused + "\(names) changed, which needs a restart")
            }
            try service.configure(more, http: "{ listen: \"127.0.0.1:1\" }")
            try await reload(daemon, Self.refused + "'http' changed, which needs a restart")
            let elsewhere = "service: { state: \"\(service.state)2\" }\nhttp: \(ServiceDesk.anyPort)\n" + more
            try elsewhere.write(toFile: service.file, atomically: true, encoding: .utf8)
            try await reload(daemon, Self.refused + "'service.state' changed, which needs a restart")
            venue.trade(1...10)
            try await poll("it goes on as before") { try await service.stored() == Array(1...10) }
            #expect(venue.connections == 1)
            try await daemon.stop()
        }

        @Test func rulesOfAlertsAreReplaced() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let sources = "sources:\n" + venue.source("spot")
            try service.configure(
                sources,
                "alerts: [{ name: kept, price_above: 100 }, { name: old, price_above: 120 }]"
            )
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade([1], price: 104)
            try await poll("the first rule fires") { try await daemon.alerts().count == 1 }
            try service.configure(
                sources,
                "alerts: [{ name: kept, price_above: 100 }, { name: new, price_above: 108 }]"
            )
            try await reload(daemon, Self.taken + "1 sources")
            venue.trade([2], price: 112)
            try await poll("the new rule fires") { try await daemon.alerts().count >= 2 }
            venue.trade([3], price: 122)
            try await poll("all is stored") { try await service.stored() == [1, 2, 3] }
            // The kept one remembers that it has fired, and the old one is gone.
            #expect(try await daemon.alerts().compactMap { $0["rule"]?.text } == ["kept", "new"])
            #expect(venue.connections == 1)
            try await daemon.stop()
        }

        @Test func systemdIsToldWhatHappens() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            server.kill()
            let (service, venue) = (try await ServiceDesk(at: server), try await TradeVenue())
            let socket = try NotifySocket(in: service.desk.folder)
            try service.configure("sources:\n" + venue.source("spot"))
            let daemon = try service.serve(environment: ["NOTIFY_SOCKET": socket.path])
            try await poll("it asks for time") { socket.messages.contains { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") } }
            #expect((socket.number("EXTEND_TIMEOUT_USEC") ?? 0) >= 5_000_000)
            #expect(!socket.messages.contains("READY=1"))
            try await server.restart()
            try await poll("it is ready") { socket.messages.contains("READY=1") }
            try await poll("it has a status") {
                socket.messages.contains { $0.hasPrefix("STATUS=running; 1 of 1 connections") }
            }

            let before = Self.monotonic()
            let told = socket.messages.count
            daemon.program.hangUp()
            try await poll("it is ready again") { socket.messages.dropFirst(told).contains("READY=1") }
            let messages = socket.messages.dropFirst(told).filter { !$0.hasPrefix("STATUS=") }
            #expect(messages.first?.hasPrefix("RELOADING=1|MONOTONIC_USEC=") == true, "\(messages)")
            #expect(messages.dropFirst().first == "READY=1", "\(messages)")
            let time = try #require(socket.number("MONOTONIC_USEC"))
            #expect(before...Self.monotonic() ~= time)

            let count = socket.messages.count
            try await daemon.stop()
            #expect(socket.messages.dropFirst(count).contains("STOPPING=1"), "\(socket.messages)")
        }

        /// The clock of `MONOTONIC_USEC`.
        private static func monotonic() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
        }
    }
}
