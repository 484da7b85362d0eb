import Feeds
import Foundation
import TestSupport
import Testing
import WebClient

@testable import Live

@Suite(.timeLimit(.minutes(10))) struct GapRepairTests {
    /// The value of a key of a query.
    private static func value(_ key: String, in target: String) -> Int? {
        let pair = target.split(separator: "?").last?.split(separator: "&").first { $0.hasPrefix("\(key)=") }
        return pair.flatMap { Int($0.dropFirst(key.utf8.count + 1)) }
    }

    /// What Binance answers about trades: those up to a number.
    private static func trades(_ target: String, upTo last: Int = .max) -> LocalWebServer.Response {
        guard let from = value("fromId", in: target), let limit = value("limit", in: target) else { return .init(400) }
        let rows = (from..<min(from + limit, max(from, last == .max ? .max : last + 1))).map {
            #"{"id":\#($0),"price":"100.5","qty":"2","quoteQty":"1","time":1699999999000,"isBuyerMaker":false,"#
                + #""isBestMatch":true}"#
        }
        return .init(text: "[\(rows.joined(separator: ","))]")
    }

    private let stream = "stream.1|btcusdt@trade"
    /// A gap of another stream, by which a test sees that those before it are done with.
    private static let last = StreamGap(stream: "stream.1|lastusdt@trade", after: 1, before: 3)

    /// Repairs gaps until the last one is asked for, and closes the tape.
    private func repair(
        _ venue: LiveVenue,
        _ gaps: [StreamGap],
        _ tape: TapeBench,
        _ rest: RestBench,
        _ handler: @escaping LocalWebServer.Handler
    ) async throws -> [String] {
        let isOver = Gate()
        let server = try LocalWebServer { request in
            guard request.target.contains("symbol=LASTUSDT") else { return handler(request) }
            isOver.open()
            return .silence
        }
        let repair = GapRepair(
            venue: venue,
            server: String(server.url().dropLast()),
            recorder: tape.recorder,
            environment: rest.environment
        )
        for gap in gaps { repair.add(gap) }
        repair.add(Self.last)
        let task = Task { await repair.run() }
        await isOver.wait()
        task.cancel()
        await task.value
        await tape.close()
        return server.requests.map(\.target).filter { !$0.contains("LASTUSDT") }
    }

    private func bench(_ dialect: String = "binance") throws -> (TapeBench, RestBench) {
        (try TapeBench(dialect: dialect), RestBench(try WebClient()))
    }

    @Test func aHoleIsFetchedInPagesUnderTheNameOfItsConnection() async throws {
        let (tape, rest) = try bench()
        let gap = StreamGap(stream: stream, after: 10, before: 2_013)
        let targets = try await repair(.binance, [gap], tape, rest) { Self.trades($0.target) }
        let path = "/api/v3/historicalTrades?symbol=BTCUSDT"
        #expect(
            targets == [
                "\(path)&fromId=11&limit=1000", "\(path)&fromId=1011&limit=1000", "\(path)&fromId=2011&limit=2",
            ]
        )
        let frames = try tape.frames()
        #expect(frames.map(\.target) == targets)
        #expect(frames.allSatisfy { $0.kind == .answer && $0.connection == "stream.1" })
        let events = try tape.events()
        #expect(events.map(\.trade) == Array(11...2_012))
        // They close the gap of the stream that live messages are on.
        #expect(Set(events.map(\.stream)) == [stream])
        // What is late comes by itself first.
        #expect(rest.time.pauses.first == .seconds(2))
    }

    @Test func shortPagesAreGoneOnFrom() async throws {
        let (tape, rest) = try bench()
        let gap = StreamGap(stream: stream, after: 0, before: 8)
        let targets = try await repair(.binance, [gap], tape, rest) { request in
            // No more than three at once.
            Self.trades(request.target, upTo: (Self.value("fromId", in: request.target) ?? 0) + 2)
        }
        #expect(targets.map { Self.value("fromId", in: $0) } == [1, 4, 7])
        #expect(try tape.events().map(\.trade) == Array(1...7))
    }

    @Test func theSameGapIsAskedForOnce() async throws {
        let (tape, rest) = try bench()
        let gap = StreamGap(stream: stream, after: 10, before: 12)
        let other = StreamGap(stream: stream, after: 20, before: 22)
        let targets = try await repair(.binance, [gap, gap, other, gap], tape, rest) { Self.trades($0.target) }
        #expect(targets.map { Self.value("fromId", in: $0) } == [11, 21])
        #expect(try tape.events().map(\.trade) == [11, 21])
    }

    @Test func aVenueThatFailsIsTriedAgain() async throws {
        let (tape, rest) = try bench()
        let failures = Collected<Int>()
        let gap = StreamGap(stream: stream, after: 10, before: 12)
        let targets = try await repair(.binance, [gap], tape, rest) { request in
            failures.add(1)
            return failures.count <= 2 ? .init(500) : Self.trades(request.target)
        }
        #expect(targets.count == 3 && Set(targets).count == 1)
        #expect(try tape.events().map(\.trade) == [11])
        #expect(rest.time.pauses.prefix(3) == [.seconds(2), .seconds(4), .seconds(8)])
    }

    @Test func aVenueThatAlwaysFailsIsLeftAlone() async throws {
        let (tape, rest) = try bench()
        let gap = StreamGap(stream: stream, after: 10, before: 12)
        let targets = try await repair(.binance, [gap], tape, rest) { _ in .init(500) }
        #expect(targets.count == 5)
        #expect(try tape.frames().isEmpty)
    }

    @Test func whatTheVenueDoesNotHaveStaysMissing() async throws {
        let (tape, rest) = try bench()
        let gaps = [
            StreamGap(stream: stream, after: 10, before: 20), StreamGap(stream: stream, after: 30, before: 40),
            StreamGap(stream: stream, after: 50, before: 60),
        ]
        let targets = try await repair(.binance, gaps, tape, rest) { request in
            switch Self.value("fromId", in: request.target) {
            case 11: .init(text: "[]")
            case 31: .init(text: #"{"code":-1100,"msg":"Illegal characters"}"#)
            default: .init(text: "no JSON")
            }
        }
        #expect(targets.map { Self.value("fromId", in: $0) } == [11, 31, 51])
        #expect(try tape.events().isEmpty)
    }

    @Test func holesThatAreTooLargeOrNoneAreNotAskedFor() async throws {
        let (tape, rest) = try bench()
        let gaps = [
            StreamGap(stream: stream, after: 10, before: 200_012), StreamGap(stream: stream, after: 10, before: 11),
            StreamGap(stream: stream, after: 10, before: 9), StreamGap(stream: stream, after: .min, before: 9),
            StreamGap(stream: "noconnection", after: 10, before: 20),
            StreamGap(stream: "stream.1|btcusdt@bookTicker", after: 10, before: 20),
        ]
        let targets = try await repair(.binance, gaps, tape, rest) { Self.trades($0.target) }
        #expect(targets.isEmpty)
    }

    @Test func theLargestHoleThatIsFetchedIsAskedFor() async throws {
        let (tape, rest) = try bench()
        let gap = StreamGap(stream: stream, after: 10, before: 200_011)
        let targets = try await repair(.binance, [gap], tape, rest) { _ in .init(text: "[]") }
        #expect(targets.map { Self.value("fromId", in: $0) } == [11])
    }

    @Test func whereToAskDependsOnTheVenue() {
        func target(_ venue: LiveVenue, _ topic: String) -> String? {
            venue.repairTarget(topic: topic, after: 4, before: 10)
        }
        #expect(
            target(.binance, "btcusdt@trade") == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=5&limit=5"
        )
        #expect(target(.binance, "btcusdt@aggTrade") == nil)
        #expect(target(.binanceUSDM, "btcusdt@aggTrade") == "/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=5&limit=5")
        #expect(
            target(.coinbase, "market_trades|BTC-USD")
                == "/api/v3/brokerage/market/products/BTC-USD/ticker?limit=1000"
        )
        #expect(target(.coinbase, "") == nil && target(.coinbase, "ticker|BTC-USD") == nil)
        for venue in [LiveVenue.kraken, .bybitSpot, .bybitLinear] {
            #expect(target(venue, "trade|XBT/USD") == nil && venue.restServer == nil)
        }
    }

    @Test func coinbaseIsAskedForItsNewestTrades() async throws {
        let tape = try TapeBench(dialect: "coinbase")
        let rest = RestBench(try WebClient())
        let rows = (1...9).reversed().map {
            #"{"trade_id":"\#($0)","product_id":"BTC-USD","price":"1.5","size":"2","#
                + #""time":"2023-11-14T22:13:1\#($0).5Z","side":"SELL"}"#
        }
        let body = "{\"trades\":[\(rows.joined(separator: ","))],\"best_bid\":\"1\",\"best_ask\":\"2\"}"
        let server = try LocalWebServer { _ in .init(text: body) }
        let repair = GapRepair(
            venue: .coinbase,
            server: String(server.url().dropLast()),
            recorder: tape.recorder,
            environment: rest.environment
        )
        repair.add(StreamGap(stream: "ws.1|market_trades|BTC-USD", after: 3, before: 6))
        let task = Task { await repair.run() }
        try await until { tape.recorder.counts.messages == 1 }
        task.cancel()
        await task.value
        await tape.close()
        let events = try tape.events()
        #expect(events.map(\.trade) == Array(1...9))
        #expect(Set(events.map(\.stream)) == ["ws.1|market_trades|BTC-USD"])
        #expect(server.requests.count == 1)
    }
}
