import Foundation
import Synchronization
import TestSupport
import Testing

extension SystemTests {
    /// What the daemon asks for: bars, and what connections missed.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct PollAndRepairTests {
        @Test func whatConnectionsMissedIsFetched() async throws {
            let service = try await ServiceDesk()
            let venue = try await SkippingVenue(
                in: service.desk.folder,
                ["--rate", "40", "--quotes", "0", "--instruments", "1", "--first-id", "1", "--wait"]
                    + ["--skip-every", "150", "--cut-every", "4s"]
            )
            let address = "127.0.0.1:\(venue.port)"
            try service.configure(
                """
                sources:
                  - name: spot
                    venue: binance
                    symbols: [BTCUSDT]
                    events: [trade]
                    url: ws://\(address)
                    rest_url: http://\(address)
                """
            )
            let daemon = try service.serve()
            var before: [Int] = []
            // More than three were skipped by then, and connections were cut.
            try await poll("much is stored, and nothing missing", within: .seconds(120)) {
                let source = try await daemon.source("spot")
                let isMuch = (source?["stored_events"]?.integer ?? 0) > 600
                guard isMuch, source?["open_gaps"] == 0, source?["connects"] != 1 else { return false }
                // Meanwhile another one may have been skipped.
                before = try await service.stored()
                return before.count == (before.last ?? 0) - (before.first ?? 0) + 1
            }
            let sent = try await venue.end()
            try await daemon.stop()
            let stored = try await service.stored()
            let (first, last) = (try #require(before.first), try #require(before.last))
            #expect(Array(stored.prefix(before.count)) == before && before == Array(first...last))
            let skipped = sent.skippedIDs.filter { (first...last).contains($0) }
            #expect(skipped.count >= 3 && Set(stored).isSuperset(of: skipped), "\(skipped)")
            #expect(Set(stored).count == stored.count)
            let status = try JSON(try await service.desk.run("status", "--json").text)
            let open = status["gaps"]?["list"]?.elements.compactMap { $0["after"]?.integer } ?? []
            #expect(open.allSatisfy { $0 >= last }, "what is open is behind what was looked at: \(open), \(last)")
            try await service.desk.verifyClean()
        }

        @Test func barsAreStoredWhenTheyAreNews() async throws {
            let script = try BarScript([Self.bar(0, close: "101"), Self.bar(1, close: "102")])
            let (service, daemon) = try await polling(script)
            try await poll("both are stored") { try await daemon.source("bars")?["stored_events"] == 2 }
            let asked = script.requests.count
            try await poll("it asks again") { script.requests.count >= asked + 3 }
            #expect(try await daemon.source("bars")?["messages"] == 1, "what is known is not recorded again")

            script.answer(.bars([Self.bar(0, close: "101"), Self.bar(1, close: "103")]))
            try await poll("the revised one is stored") { try await daemon.source("bars")?["stored_events"] == 3 }
            let rows = try await service.desk.export("BINANCE:BTCUSDT", "candle").split(separator: UInt8(ascii: "\n"))
            let bars = rows.dropFirst().map { String(decoding: $0, as: UTF8.self).split(separator: ",") }
            #expect(bars.map { $0[6] } == ["101", "102", "103"], "closes, the last one behind what it revises")
            #expect(bars.map { $0[0] }.suffix(2) == ["1764000060000000000", "1764000060000000000"])
            #expect(script.targets == ["/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=100"])
            try await service.desk.verifyClean()
            try await daemon.stop()
        }

        @Test func aServerThatWantsToBeLeftAloneIs() async throws {
            let script = try BarScript([Self.bar(0, close: "101")])
            let (_, daemon) = try await polling(script)
            try await daemon.wait(for: "ready")
            script.answer(.init(429, headers: [("Retry-After", "4")], text: "slow down"))
            try await poll("it was told") { script.requests.last?.status == 429 }
            script.answer(.bars([Self.bar(0, close: "102")]))
            try await daemon.wait(for: "degraded")
            #expect(try await daemon.readiness().reasons.contains { $0.contains("answered with status 429") })
            try await daemon.wait(for: "ready")
            let requests = script.requests
            let refused = requests.filter { $0.status == 429 }
            let told = try #require(requests.lastIndex { $0.status == 429 })
            #expect(refused.count == 1 && told + 1 < requests.count)
            let pause = requests[told + 1].time - requests[told].time
            #expect(pause >= .seconds(4), "it came back after \(pause)")
            try await poll("the next answer is taken") { try await daemon.source("bars")?["stored_events"] == 2 }
            try await daemon.stop()
        }

        @Test func answersThatAreNoneAreSaidAndGoByAgain() async throws {
            let script = try BarScript([Self.bar(0, close: "101")])
            let (service, daemon) = try await polling(script)
            try await daemon.wait(for: "ready")
            var close = 200
            let half = String(Self.bar(5, close: "7").dropLast(20))
            let faults: [(LocalWebServer.Response, String)] = [
                (.init(500, text: "broken"), "answered with status 500"),
                (.garbage("this is not HTTP\n"), "rest.BTCUSDT: "),
                (.init(text: "[" + half), "rest.BTCUSDT: "),
                (.init(text: "<html>sorry</html>"), "rest.BTCUSDT: "),
                (.init(text: "[[1,2,3]]", delivery: .cut(afterBytes: 4)), "rest.BTCUSDT: "),
                (.init(text: #"{"code":-1003,"msg":"Too many requests."}"#), "the venue refused"),
            ]
            for (number, (fault, reason)) in faults.enumerated() {
                script.answer(fault)
                try await poll("fault \(number) is said: \(reason)", within: .seconds(60)) {
                    try await daemon.readiness().status == "degraded"
                }
                let reasons = try await daemon.readiness().reasons
                #expect(reasons.contains { $0.hasPrefix("bars: ") && $0.contains(reason) }, "\(reason): \(reasons)")
                close += 1
                script.answer(.bars([Self.bar(0, close: "\(close)")]))
                try await daemon.wait(for: "ready")
            }
            try await poll("every good answer is stored") {
                try await daemon.source("bars")?["stored_events"]?.integer == 1 + faults.count
            }
            #expect(daemon.program.isRunning)
            try await service.desk.verifyClean()
            try await daemon.stop()
        }

        /// Bars of one minute, of the day before yesterday: they are over.
        private static func bar(_ minute: Int, close: String) -> String {
            let start = 1_764_000_000_000 + minute * 60_000
            return #"[\#(start),"100","900","1","\#(close)","5.5",\#(start + 59_999),"550",7,"1","1","0"]"#
        }

        /// A daemon that asks a script for bars every second.
        private func polling(_ script: BarScript) async throws -> (ServiceDesk, RunningDaemon) {
            let service = try await ServiceDesk()
            try service.configure(
                """
                sources:
                  - name: bars
                    kind: poll
                    venue: binance
                    symbols: [BTCUSDT]
                    events: [candle]
                    interval: 1m
                    every: 1s
                    url: \(script.server.url(""))
                """
            )
            return (service, try service.serve())
        }
    }
}

extension LocalWebServer.Response {
    fileprivate static func bars(_ bars: [String]) -> Self { .init(text: "[\(bars.joined(separator: ","))]") }
}

/// A server that answers as it is told to, and notes when it was asked.
private final class BarScript: Sendable {
    struct Asked: Sendable {
        let status: Int
        let target: String
        let time: ContinuousClock.Instant
    }

    let server: LocalWebServer
    private let state: Shared

    private struct State {
        var response: LocalWebServer.Response
        var requests: [Asked] = []
    }

    private final class Shared: Sendable {
        let value: Mutex<State>
        init(_ state: State) { value = Mutex(state) }
    }

    init(_ bars: [String]) throws {
        let state = Shared(State(response: .bars(bars)))
        self.state = state
        server = try LocalWebServer { request in
            state.value.withLock { state in
                let asked = Asked(status: state.response.status, target: request.target, time: .now)
                state.requests.append(asked)
                return state.response
            }
        }
    }

    /// What is answered from now on.
    func answer(_ response: LocalWebServer.Response) { state.value.withLock { $0.response = response } }

    var requests: [Asked] { state.value.withLock { $0.requests } }
    var targets: Set<String> { Set(requests.map(\.target)) }
}

/// The venue of `tapedesk-sample`, on a free port.
private struct SkippingVenue {
    let port: Int
    private let program: RunningProgram
    private let record: String

    init(in folder: String, _ options: [String]) async throws {
        record = folder + "/sent.json"
        let sample = try #require(Product.sampleGenerator)
        let words = [sample, "venue", "--port", "0", "--sent", record] + options
        let program = try RunningProgram(words, folder: folder)
        self.program = program
        var port: Int?
        try await poll("the venue is open") {
            let address = program.output.split(separator: ",").first { $0.hasPrefix("venue: ws://127.0.0.1:") }
            port = address.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
            return port != nil
        }
        self.port = try #require(port)
    }

    /// Ends it, and answers which trades it sent to nobody.
    func end() async throws -> (trades: Int, skippedIDs: [Int]) {
        program.terminate()
        let ending = try await program.wait()
        #expect(ending.code == 0, "\(ending.error)")
        let sent = try JSON(try String(contentsOfFile: record, encoding: .utf8))
        let symbol = sent["symbols"]?.elements.first
        let skipped = symbol?["skipped_ids"]?.elements.compactMap(\.integer) ?? []
        return (symbol?["trades"]?.integer ?? 0, skipped)
    }
}
