import Feeds
import Foundation
import MarketData
import TestSupport
import Testing
import WebClient

@testable import Live

/// An answer of Binance with bars of a minute: when they began, and what they closed at.
func bars(_ bars: (minute: Int, close: String)...) -> String {
    let start = testTime.nanoseconds / 60_000_000_000 * 60_000
    let rows = bars.map { bar in
        let time = start + Int64(bar.minute) * 60_000
        return #"[\#(time),"1","900","0.5","\#(bar.close)","10",\#(time + 59_999),"10",5,"1","1","0"]"#
    }
    return "[\(rows.joined(separator: ","))]"
}

/// An answer of Binance with aggregated trades of these numbers.
func aggregatedTrades(_ numbers: ClosedRange<Int>) -> String {
    let rows = numbers.map {
        #"{"a":\#($0),"p":"100.5","q":"2","f":1,"l":2,"T":1699999999000,"m":true,"M":true}"#
    }
    return "[\(rows.joined(separator: ","))]"
}

@Suite(.timeLimit(.minutes(10))) struct PollerTests {
    /// Polls until a server that answers like this has nothing more to say, and closes the tape.
    private func poll(
        _ venue: PolledVenue,
        _ tape: TapeBench,
        _ rest: RestBench,
        _ answers: [LocalWebServer.Response],
        closes: Bool = true,
        plan change: (inout PollPlan) -> Void = { _ in }
    ) async throws -> [LocalWebServer.Request] {
        let server = try LocalWebServer(answering: answers)
        var plan = try #require(Self.plan(venue, server))
        change(&plan)
        let poller = Poller(
            plan,
            dialect: try VenueRegistry.dialect(named: venue.dialect),
            recorder: tape.recorder,
            environment: rest.environment
        )
        let task = Task { await poller.run() }
        // Who asks once more is done with the last answer.
        let requests = await server.requests(atLeast: answers.count + 1)
        task.cancel()
        await task.value
        await tape.recorder.tape.sync()
        if closes { await tape.close() }
        return requests
    }

    private static func plan(_ venue: PolledVenue, _ server: LocalWebServer) -> PollPlan? {
        let symbol = venue == .kraken ? "XBT/USD" : venue == .alphavantage ? "IBM" : "BTCUSDT"
        return venue.plans(
            symbols: [symbol],
            kinds: venue == .kraken ? [.trade] : [.candle],
            bars: "1m",
            every: .seconds(60),
            server: String(server.url().dropLast()),
            key: "GEHEIM"
        ).first
    }

    private func rest() throws -> RestBench { RestBench(try WebClient()) }

    private let target = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=100"

    @Test func whatDidNotChangeIsRecordedOnce() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let answer = LocalWebServer.Response(text: bars((-2, "10"), (-1, "11")))
        let requests = try await poll(.binance, tape, rest, [answer, answer, answer])
        #expect(requests.allSatisfy { $0.method == "GET" && $0.target == target })
        let frames = try tape.frames()
        #expect(frames.map(\.kind) == [.answer] && frames.first?.connection == "rest.BTCUSDT")
        #expect(frames.first?.target == target)
        #expect(try tape.events().map(\.close) == ["10", "11"])
        #expect(tape.recorder.counts.messages == 1 && tape.recorder.counts.connects == 1)
        #expect(rest.time.pauses == Array(repeating: .seconds(60), count: 3))
    }

    @Test func whatChangedIsRecordedAgainAndNothingElse() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        _ = try await poll(
            .binance,
            tape,
            rest,
            [
                .init(text: bars((-2, "10"), (-1, "11"), (0, "12"))),
                .init(text: bars((-2, "10"), (-1, "11"), (0, "13"), (1, "14"))),
                .init(text: bars((-2, "20"), (-1, "11"), (0, "13"), (1, "14"))),
            ]
        )
        #expect(try tape.frames().map(\.target) == [target, "\(target)#new=2-3", "\(target)#new=0"])
        #expect(try tape.events().map(\.close) == ["10", "11", "12", "13", "14", "20"])
    }

    @Test func whatAnEarlierRunRecordedIsNoNews() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let known = LocalWebServer.Response(text: bars((-2, "10"), (-1, "11")))
        _ = try await poll(.binance, tape, rest, [known], closes: false)
        let revised = LocalWebServer.Response(text: bars((-2, "10"), (-1, "12")))
        _ = try await poll(.binance, tape, rest, [known, revised])
        #expect(try tape.frames().map(\.target) == [target, "\(target)#new=1"])
        #expect(try tape.events().map(\.close) == ["10", "11", "12"])
    }

    @Test func anAnswerThatSaysNothingChangedIsNoTrouble() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let requests = try await poll(
            .binance,
            tape,
            rest,
            [
                .init(headers: [("ETag", "\"one\"")], text: bars((-1, "10"))), .init(304),
                .init(headers: [("ETag", "\"two\"")], text: bars((-1, "11"))),
            ]
        )
        #expect(requests.map { $0.header("If-None-Match") } == [nil, "\"one\"", "\"one\"", "\"two\""])
        #expect(try tape.events().map(\.close) == ["10", "11"])
        #expect(tape.recorder.counts.connects == 1 && rest.time.pauses.count == 3)
    }

    @Test func aVenueThatAsksToBeLeftAloneIs() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let requests = try await poll(
            .binance,
            tape,
            rest,
            [.init(429, headers: [("Retry-After", "77")]), .init(text: bars((-1, "10")))]
        )
        #expect(requests.count == 3)
        #expect(rest.budgetTime.pauses == [.seconds(77)])
        #expect(try tape.events().map(\.close) == ["10"])
    }

    @Test func aServerThatFailsIsTriedAgainAndTold() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        _ = try await poll(.binance, tape, rest, [.init(500), .init(503), .init(text: bars((-1, "10"))), .init(500)])
        let pauses = rest.time.pauses
        #expect(pauses.count == 4 && pauses.prefix(2) == [.milliseconds(500), .seconds(1)])
        // What worked makes the next failure a first one.
        #expect(pauses.last == .milliseconds(500))
        let counts = tape.recorder.counts
        #expect(counts.connects == 1 && counts.disconnects == 1 && counts.open == 0)
        #expect(counts.lastTrouble?.contains("rest.BTCUSDT") == true && counts.lastTrouble?.contains("500") == true)
        #expect(try tape.events().map(\.close) == ["10"])
    }

    @Test func afterALongOutageAVenueIsNotAskedTwiceAtOnce() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let failures = Array(repeating: LocalWebServer.Response(500), count: 12)
        _ = try await poll(.binance, tape, rest, failures + [.init(text: bars((-1, "10")))])
        #expect(rest.time.pauses.last.map { $0 > .seconds(30) } == true)
    }

    @Test func connectionsStandWhilePollsWork() async throws {
        let tape = try TapeBench(dialect: "binance")
        let server = try LocalWebServer(answering: [.init(text: bars((-1, "10")))])
        let poller = Poller(
            try #require(Self.plan(.binance, server)),
            dialect: BinanceDialect.self,
            recorder: tape.recorder,
            environment: try rest().environment
        )
        let task = Task { await poller.run() }
        _ = await server.requests(atLeast: 2)
        #expect(tape.recorder.counts.open == 1 && tape.recorder.counts.lastTrouble == nil)
        task.cancel()
        await task.value
        #expect(tape.recorder.counts.open == 0)
    }

    @Test func whatIsNoAnswerIsRecordedOnceForPeopleAndGoodOnesFollow() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let garbage = LocalWebServer.Response(text: "<html>down for maintenance</html>")
        _ = try await poll(.binance, tape, rest, [garbage, garbage, .init(text: bars((-1, "10")))])
        let events = try tape.events()
        #expect(events.count { $0.rejected != nil } == 1 && events.compactMap(\.close) == ["10"])
        #expect(try tape.frames().first?.payload.contains("maintenance") == true)
    }

    @Test func whatIsNoAnswerIsTrouble() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        _ = try await poll(.binance, tape, rest, [.init(text: "<html>down for maintenance</html>")])
        #expect(tape.recorder.counts.connects == 0)
        #expect(rest.time.pauses == [.milliseconds(500)])
    }

    @Test func whatIsNotEvenHTTPIsTrouble() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let cut = LocalWebServer.Response(text: bars((-1, "10")), delivery: .cut(afterBytes: 20))
        _ = try await poll(.binance, tape, rest, [.garbage("hello\r\n\r\n"), cut, .init(text: bars((-1, "11")))])
        #expect(rest.time.pauses.prefix(2) == [.milliseconds(500), .seconds(1)])
        #expect(try tape.events().map(\.close) == ["11"])
    }

    @Test func aRefusalInAnAnswerIsTroubleAndTheVenueIsAskedLessOften() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let refusal = LocalWebServer.Response(text: #"{"code":-1121,"msg":"Invalid symbol."}"#)
        _ = try await poll(.binance, tape, rest, [refusal, refusal, .init(text: "[]")])
        #expect(rest.time.pauses.prefix(2) == [.milliseconds(500), .seconds(1)])
        #expect(tape.recorder.counts.connects == 1)
        #expect(tape.recorder.counts.lastTrouble?.hasPrefix("rest.BTCUSDT: ") == false)
    }

    @Test func krakenIsAskedForWhatFollows() async throws {
        func trades(_ number: Int, last: String) -> LocalWebServer.Response {
            .init(
                text: #"{"error":[],"result":{"XXBTZUSD":[["100.1","0.5",1699999999.25,"b","l","",\#(number)]],"#
                    + #""last":"\#(last)"}}"#
            )
        }
        let (tape, rest) = (try TapeBench(dialect: "kraken"), try rest())
        let requests = try await poll(
            .kraken,
            tape,
            rest,
            [trades(7, last: "1700000000111222333"), .init(500), trades(8, last: "1700000000444555666")]
        )
        let plain = "/0/public/Trades?pair=XBT%2FUSD"
        #expect(
            requests.map(\.target) == [
                plain, "\(plain)&since=1700000000111222333", "\(plain)&since=1700000000111222333",
                "\(plain)&since=1700000000444555666",
            ]
        )
        #expect(try tape.events().map(\.trade) == [7, 8])
        #expect(try tape.events().first?.stream == "rest.XBT/USD|Trades|XBT/USD")
    }

    @Test func binanceIsAskedForTheNumbersThatFollow() async throws {
        let (tape, rest) = (try TapeBench(dialect: "binance"), try rest())
        let requests = try await poll(
            .binance,
            tape,
            rest,
            [.init(text: aggregatedTrades(5...9)), .init(text: "[]"), .init(text: aggregatedTrades(10...12))]
        ) { plan in
            plan.target = "/api/v3/aggTrades?symbol=BTCUSDT&limit=1000"
            plan.cursor = .binanceFromID
        }
        #expect(
            requests.map { $0.target.components(separatedBy: "&").last } == [
                "limit=1000", "fromId=10", "fromId=10", "fromId=13",
            ]
        )
        #expect(try tape.events().map(\.trade) == Array(5...12))
    }

    @Test func secretsAreSentAndNotRecorded() async throws {
        let (tape, rest) = (try TapeBench(dialect: "alphavantage"), try rest())
        let series =
            #"{"Meta Data":{"1. Information":"x","2. Symbol":"IBM","3. Last Refreshed":"2023-11-14 16:00:00","#
            + #""4. Interval":"1min","5. Output Size":"Compact","6. Time Zone":"US/Eastern"},"#
            + #""Time Series (1min)":{"2023-11-14 16:00:00":{"1. open":"1","2. high":"3","3. low":"0.5","#
            + #""4. close":"2","5. volume":"7"}}}"#
        let requests = try await poll(.alphavantage, tape, rest, [.init(text: series), .init(500)])
        let plain = "/query?function=TIME_SERIES_INTRADAY&symbol=IBM&interval=1min"
        #expect(requests.allSatisfy { $0.target == "\(plain)&apikey=GEHEIM" })
        #expect(try tape.events().map(\.close) == ["2"])
        #expect(try tape.frames().map(\.target) == [plain])
        #expect(!String(decoding: try tape.bytes(), as: UTF8.self).contains("GEHEIM"))
        #expect(tape.recorder.counts.lastTrouble?.contains("GEHEIM") == false)
    }
}
