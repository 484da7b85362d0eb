import Feeds
import TestSupport
import Testing
import WebClient

@testable import Live

/// What becomes of answers that a tape does not take at once, and of those that two ask for.
@Suite(.timeLimit(.minutes(10))) struct PollerTapeTests {
    private func poller(_ server: LocalWebServer, _ tape: TapeBench, _ rest: RestBench) -> Poller {
        let plan = PollPlan(
            name: "rest.BTCUSDT",
            server: String(server.url().dropLast()),
            target: "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=100",
            every: .seconds(60)
        )
        return Poller(plan, dialect: BinanceDialect.self, recorder: tape.recorder, environment: rest.environment)
    }

    /// Makes room on a tape that is full.
    private func makeRoom(on tape: TapeBench) async {
        await tape.recorder.tape.sync()
        tape.recorder.tape.trim(before: tape.recorder.tape.status.durable.offset)
        await tape.recorder.tape.untilTrimmed()
    }

    /// A tape that takes one answer, and another one when the segment before it is gone.
    private func smallTape(_ policy: FullTapePolicy) throws -> TapeBench {
        let tape = try TapeBench(
            dialect: "binance",
            bytesMax: Int64(Self.first.utf8.count) * 3 + 300,
            segmentBytes: 200,
            policy: policy
        )
        let filler = [UInt8](repeating: UInt8(ascii: " "), count: Self.first.utf8.count * 3 / 2)
        #expect(filler.withUnsafeBytes { tape.recorder.record(.send, "ws.1", $0) })
        return tape
    }

    private static let first = bars((-5, "10"), (-4, "11"), (-3, "12"), (-2, "13"), (-1, "14"))
    private static let closes = ["10", "11", "12", "13", "14", "20", "21", "22", "23", "24"]
    private static let second = bars((-5, "20"), (-4, "21"), (-3, "22"), (-2, "23"), (-1, "24"))

    @Test func anAnswerWaitsForAFullTapeAndIsNotAskedForAgain() async throws {
        let tape = try smallTape(.block)
        let rest = RestBench(try WebClient())
        let server = try LocalWebServer(answering: [.init(text: Self.first), .init(text: Self.second)])
        let poller = poller(server, tape, rest)
        let task = Task { await poller.run() }
        try await until { rest.time.pauses.count { $0 == .milliseconds(100) } > 3 }
        #expect(server.requests.count == 2 && tape.recorder.counts.messages == 1)
        await makeRoom(on: tape)
        _ = await server.requests(atLeast: 3)
        task.cancel()
        await task.value
        await tape.close()
        #expect(tape.recorder.counts.messages == 2 && tape.recorder.counts.dropped == 0)
        #expect(try tape.events().map(\.close) == Self.closes)
    }

    @Test func aPollerThatIsCancelledDoesNotWaitForAFullTape() async throws {
        let tape = try smallTape(.block)
        let rest = RestBench(try WebClient())
        let server = try LocalWebServer(answering: [.init(text: Self.first), .init(text: Self.second)])
        let poller = poller(server, tape, rest)
        let task = Task { await poller.run() }
        try await until { rest.time.pauses.contains(.milliseconds(100)) }
        task.cancel()
        await task.value
        #expect(tape.recorder.counts.open == 0)
    }

    @Test func whatAFullTapeDropsIsNewsAgainOnceThereIsRoom() async throws {
        let tape = try smallTape(.drop)
        let rest = RestBench(try WebClient())
        let gate = Gate()
        let answers = [Self.first, Self.second, Self.second]
        let server = try LocalWebServer(answering: answers.map { .init(text: $0) })
        let environment = Poller.Environment(
            client: rest.client,
            now: rest.environment.now,
            uptime: rest.environment.uptime,
            chance: rest.environment.chance,
            sleep: { pause in
                try await rest.time.sleep(pause)
                // The second answer came, and there was no room; before the third one there is.
                if rest.time.pauses.count == 2 { await gate.wait() }
            }
        )
        let plan = PollPlan(
            name: "rest.BTCUSDT",
            server: String(server.url().dropLast()),
            target: "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=100",
            every: .seconds(60)
        )
        let poller = Poller(plan, dialect: BinanceDialect.self, recorder: tape.recorder, environment: environment)
        let task = Task { await poller.run() }
        try await until { rest.time.pauses.count == 2 }
        await makeRoom(on: tape)
        gate.open()
        _ = await server.requests(atLeast: 3)
        try await until { rest.time.pauses.count >= 3 }
        task.cancel()
        await task.value
        await tape.close()
        #expect(try tape.events().compactMap(\.close) == Self.closes)
    }

    @Test func twoSourcesThatAskForTheSameBothRecordIt() async throws {
        let rest = RestBench(try WebClient())
        let server = try LocalWebServer { request in
            if request.header("If-None-Match") != nil { return .init(304) }
            return .init(headers: [("ETag", "\"one\"")], text: Self.first)
        }
        for _ in 0..<2 {
            let tape = try TapeBench(dialect: "binance")
            let poller = poller(server, tape, rest)
            let before = server.requests.count
            let task = Task { await poller.run() }
            _ = await server.requests(atLeast: before + 2)
            task.cancel()
            await task.value
            await tape.close()
            #expect(try tape.events().map(\.close) == ["10", "11", "12", "13", "14"])
        }
    }
}
