import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// What the daemon answers over HTTP, asked with curl.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct ServeHTTPTests {
        @Test func itIsReadyWhenMongoDBIsThereAndSaysWhatIsMissing() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            server.kill()
            let (service, venue) = (try await ServiceDesk(at: server), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot"))
            let daemon = try service.serve()
            let alive = try await daemon.get("/healthz")
            #expect(alive.status == 200 && alive.body == "alive\n")
            // A new source begins its tape behind what MongoDB knows of it.
            let cause = "spot: waits for MongoDB before it begins a tape"
            try await poll("it says what it waits for") {
                try await daemon.readiness().reasons.contains { $0.hasPrefix(cause) }
            }
            let starting = try await daemon.readiness()
            #expect(starting.code == 503 && starting.status == "starting", "\(starting)")
            #expect(venue.connections == 0)

            try await server.restart()
            try await daemon.wait(for: "ready")
            let ready = try await daemon.readiness()
            #expect(ready.code == 200 && ready.reasons.isEmpty, "\(ready)")
            venue.trade(1...100)
            try await poll("the trades are stored") { try await service.stored() == Array(1...100) }

            server.kill()
            venue.trade(101...200)
            try await daemon.wait(for: "degraded")
            let degraded = try await daemon.readiness()
            #expect(degraded.code == 200, "a daemon that records is not to be restarted")
            #expect(degraded.reasons.contains { $0.hasPrefix("spot: nothing is stored, the tape goes on") })
            #expect(try await daemon.get("/healthz").status == 200)

            try await server.restart()
            try await daemon.wait(for: "ready")
            try await poll("the rest is stored") { try await service.stored() == Array(1...200) }
            try await daemon.stop()
        }

        @Test func metricsCountWhatWasSent() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot", symbols: "BTCUSDT, ETHUSDT"))
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade(1...300)
            venue.trade(1...200, symbol: "ETHUSDT")
            venue.trade([250, 205], symbol: "ETHUSDT")
            venue.send([#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":301}}"#])
            let label = "{source=\"spot\"}"
            try await poll("all is counted") {
                let metrics = try await daemon.metrics()
                let isStored = metrics["tapedesk_stored_events_total" + label] == 502
                return isStored && metrics["tapedesk_tape_waiting_bytes" + label] == 0
            }
            let metrics = try await daemon.metrics()
            let expected: [String: Double] = [
                "tapedesk_messages_total" + label: 503, "tapedesk_dropped_messages_total" + label: 0,
                "tapedesk_connects_total" + label: 1, "tapedesk_connections" + label: 1,
                "tapedesk_wanted_connections" + label: 1, "tapedesk_disconnects_total" + label: 0,
                "tapedesk_source_degraded" + label: 0, "tapedesk_tape_waiting_bytes" + label: 0,
                "tapedesk_health{state=\"running\"}": 1, "tapedesk_health{state=\"degraded\"}": 0,
                "tapedesk_commit_events_sum" + label: 502,
                "tapedesk_alert_listeners": 0, "tapedesk_unwatched_messages_total": 0,
            ]
            for (name, value) in expected {
                #expect(metrics[name] == value, "\(name) is \(metrics[name].map { "\($0)" } ?? "missing")")
            }
            let rejected = metrics.filter { $0.key.hasPrefix("tapedesk_rejected_records_total{") }
            #expect(rejected.values.reduce(0, +) == 1, "\(rejected)")
            let bytes = metrics["tapedesk_received_bytes_total" + label] ?? 0
            #expect((metrics["tapedesk_tape_bytes" + label] ?? 0) >= bytes && bytes > 503 * 100)
            #expect((metrics["tapedesk_storing_lag_seconds_count" + label] ?? 0) >= 1)
            // Those numbered 201 to 204 and 206 to 249 did not come: one hole, of which a part was filled.
            #expect(try await daemon.source("spot")?["open_gaps"] == 1)
            #expect(metrics["tapedesk_open_gaps" + label] == 1)
            #expect(try await service.stored() == Array(1...300))
            try await daemon.stop()
        }

        @Test(.enabled(if: Product.hasTool("promtool"), "there is no promtool program"))
        func prometheusFindsNothingWrongWithTheMetrics() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let spool = service.desk.folder + "/spool"
            try service.configure(
                "sources:\n" + venue.source("spot") + "  - { name: files, kind: spool, path: \"\(spool)\" }",
                "alerts: [{ name: high, price_above: 1 }]"
            )
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade(1...10)
            try await poll("there is an alert") { try await !daemon.alerts().isEmpty }
            let answer = try await daemon.get("/metrics")
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let file = try service.desk.file("metrics", answer.body)
            let words = ["promtool", "check", "metrics"]
            let checked = try await ChildProcess(words, input: .file(file), folder: service.desk.folder).wait()
            #expect(checked.code == 0 && checked.error.isEmpty, "\(checked.text)\(checked.error)")
            try await daemon.stop()
        }

        @Test func theStatusIsForProgramsAndForPeople() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot"))
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            venue.trade(1...10, price: 61_234)
            try await poll("they are stored") { try await daemon.source("spot")?["stored_events"]?.integer == 10 }
            let answer = try await daemon.get("/status")
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
            let status = try answer.json
            #expect(status["state"] == "running" && status["reasons"] == [] && status["alerts"] == [])
            let source = status["sources"]?.elements.first
            #expect(source?["source"] == "spot" && source?["venue"] == "BINANCE" && source?["connections"] == 1)
            let prices = status["prices"]?.elements.first
            #expect(prices?["instrument"] == "BINANCE:BTCUSDT" && prices?["trade"] == "61234")
            let text = try await daemon.get("/status", "--header", "Accept: text/plain")
            #expect(text.headers["content-type"]?.hasPrefix("text/plain") == true)
            #expect(text.body.hasPrefix("tapedesk is running") && text.body.contains("61234"), "\(text.body)")

            let unknown = try await daemon.get("/nothing-here")
            #expect(unknown.status == 404 && unknown.body == "Not Found\n", "\(unknown)")
            #expect(try await daemon.get("/status", "--request", "POST").status == 404)
            #expect(try await daemon.get("/ingest/tickets").status == 404)
            try await daemon.stop()
        }

        @Test func aListenerDoesNotHoldUpTheEnd() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot"))
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            let words = ["curl", "--silent", "--no-buffer", try await daemon.url("/alerts")]
            let listener = try RunningProgram(words, folder: service.desk.folder)
            try await poll("it listens") { listener.output.contains(": alerts") }
            #expect(try await daemon.metrics()["tapedesk_alert_listeners"] == 1)
            try await daemon.stop()
            _ = try await listener.wait(within: .seconds(20))
        }

        @Test func withoutHTTPThereIsNoPort() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            try service.configure("sources:\n" + venue.source("spot"), http: "{ listen: off }")
            let daemon = try service.serve()
            try await poll("it records") { venue.connections == 1 }
            venue.trade(1...10)
            try await poll("it stores") { try await service.stored() == Array(1...10) }
            #expect(!(try await daemon.stop()).error.contains("HTTP"))
            try service.configure(http: "{ listen: off }")
            let idle = try await service.serveToTheEnd()
            #expect(idle.code == 2 && idle.error.contains("there is nothing to do"), "\(idle.error)")
        }

        @Test func aPortThatIsTakenIsSaid() async throws {
            let (service, venue) = (try await ServiceDesk(), try await TradeVenue())
            let other = try LocalWebServer { _ in .init(text: "another server") }
            try service.configure("sources:\n" + venue.source("spot"), http: "{ listen: \"127.0.0.1:\(other.port)\" }")
            let ending = try await service.serveToTheEnd()
            #expect(ending.code == 2 && ending.error.contains("127.0.0.1:\(other.port)"), "\(ending.error)")
            #expect(ending.error.contains("use"), "\(ending.error)")
        }
    }
}
