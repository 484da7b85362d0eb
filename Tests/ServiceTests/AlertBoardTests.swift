import Alerts
import Feeds
import Ingest
import Live
import MarketData
import Synchronization
import Testing

@testable import Service

/// A board with a tap on a source of Binance, and the frames that it is fed.
private struct BoardBench: Sendable {
    /// The clock of the board.
    final class Clock: Sendable {
        private let offset = Mutex(Duration.zero)

        func advance(by duration: Duration) { offset.withLock { $0 += duration } }

        var now: Timestamp {
            let (seconds, attoseconds) = offset.withLock { $0.components }
            return Timestamp(nanoseconds: testTime.nanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        }
    }

    let board: AlertBoard
    let clock = Clock()
    let gaps = Collected<GapChange>()
    private let tap: any FeedWatcher
    /// Alerts from the beginning on.
    let alerts: AsyncStream<Alert>

    init(_ rules: [AlertRule]) throws {
        let clock = clock
        board = try AlertBoard(rules: rules, now: { clock.now }, log: { Issue.record("\($0)") })
        let header = try TapeHeader(venue: "BINANCE", source: "spot", dialect: "binance")
        let gaps = gaps
        tap = try board.tap(header, source: "spot", venue: "BINANCE") { for gap in $0 { gaps.add(gap) } }
        alerts = try #require(board.listen(after: nil)).alerts
    }

    func receive(_ text: String) {
        let (name, bytes) = (Array("stream.1".utf8), Array(text.utf8))
        name.withUnsafeBytes { name in
            bytes.withUnsafeBytes { tap.received(.receive, at: clock.now, connection: name, payload: $0) }
        }
    }

    /// A trade so long after the beginning by the clock of the venue.
    func trade(_ number: Int, _ price: String, after seconds: Double = 0, symbol: String = "BTCUSDT") {
        let time = testTime.nanoseconds / 1_000_000 + Int64(seconds * 1_000)
        receive(
            #"{"stream":"\#(symbol.lowercased())@trade","data":{"e":"trade","E":\#(time),"s":"\#(symbol)","#
                + #""t":\#(number),"p":"\#(price)","q":"2","T":\#(time),"m":false,"M":true}}"#
        )
    }

    func quote(bid: String, ask: String) {
        receive(
            #"{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"\#(bid)","B":"1","a":"\#(ask)","A":"1"}}"#
        )
    }

    /// Waits until the last price of BTCUSDT is this one: everything before it was looked at.
    func untilPrice(_ price: String) async throws {
        try await until { lastPrice == price }
    }

    var lastPrice: String? {
        board.report.prices.first { $0.instrument.symbol == "BTCUSDT" }?.prices.trade?.description
    }
}

@Suite(.timeLimit(.minutes(10))) struct AlertBoardTests {
    private func number(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(parsing: text)) }

    private func above(
        _ level: String,
        name: String = "above",
        severity: AlertSeverity = .warning,
        coolDown: Duration = .zero
    ) throws -> AlertRule {
        try AlertRule(
            name: name,
            scope: .instruments([]),
            condition: .priceAbove(number(level)),
            severity: severity,
            coolDown: coolDown
        )
    }

    private func first(_ count: Int, of alerts: AsyncStream<Alert>) async -> [Alert] {
        var found: [Alert] = []
        for await alert in alerts.prefix(count) { found.append(alert) }
        return found
    }

    @Test func aRuleFiresForWhatATapReceives() async throws {
        let bench = try BoardBench([above("100")])
        bench.trade(1, "99")
        bench.trade(2, "100.5")
        bench.trade(3, "101")
        let alerts = await first(1, of: bench.alerts)
        let alert = try #require(alerts.first)
        #expect(alert.rule == "above" && alert.subject.description == "BINANCE:BTCUSDT" && alert.value == "100.5")
        #expect(alert.eventTime == testTime && alert.receiptTime == testTime)
        try await bench.untilPrice("101")
        let report = bench.board.report
        #expect(report.recent.map(\.id) == [alert.id] && report.summary.rules.first?.fired == 1)
        #expect(report.delay.counts.reduce(0, +) >= 1 && report.skipped == 0)
    }

    @Test func aGapIsToldToWhomItConcernsAndAlertedOnce() async throws {
        let rule = try AlertRule(
            name: "gap",
            scope: .sources([]),
            condition: .gap(missingAtLeast: 2),
            coolDown: .zero
        )
        let bench = try BoardBench([rule])
        bench.trade(10, "1")
        bench.trade(14, "2")
        try await bench.untilPrice("2")
        let gap = try #require(bench.gaps.all.first)
        #expect(bench.gaps.count == 1 && gap.stream == "stream.1|btcusdt@trade")
        #expect(gap.after == 10 && gap.before == 14 && gap.missing == 3)
        let alert = try #require(bench.board.report.recent.first)
        #expect(alert.rule == "gap" && alert.subject.description == "spot" && alert.value == "3")
        // A part of it comes late: the gap is smaller, and no other one.
        bench.trade(12, "3")
        try await until { bench.gaps.count == 2 }
        bench.trade(15, "4")
        try await bench.untilPrice("4")
        #expect(bench.gaps.all.last?.missing == 2 && bench.board.report.recent.count == 1)
        bench.clock.advance(by: .seconds(1))
        bench.trade(18, "5")
        try await bench.untilPrice("5")
        #expect(bench.board.report.recent.map(\.value) == ["3", "2"])
    }

    @Test func manyRejectedRecordsAreAlerted() async throws {
        let rule = try AlertRule(
            name: "rejects",
            scope: .sources(["spot"]),
            condition: .rejectRate(percentage: number("50"), window: .seconds(60), minimumRecords: 4)
        )
        let bench = try BoardBench([rule])
        bench.trade(1, "1")
        bench.receive("no message")
        bench.receive("{")
        // Two of three are too few to judge.
        try await until { bench.board.report.prices.count == 1 }
        bench.receive(#"{"e":"trade","s":"BTCUSDT"}"#)
        let alerts = await first(1, of: bench.alerts)
        #expect(alerts.first?.value == "75" && alerts.first?.subject.description == "spot")
    }

    @Test func messagesOfOtherInstrumentsDoNotFire() async throws {
        let pattern = try #require(InstrumentPattern(parsing: "BINANCE:BTC*"))
        let rule = try AlertRule(name: "btc", scope: .instruments([pattern]), condition: .priceAbove(number("100")))
        let bench = try BoardBench([rule])
        bench.trade(1, "500", symbol: "ETHUSDT")
        bench.trade(1, "50")
        try await bench.untilPrice("50")
        #expect(bench.board.report.recent.isEmpty)
        #expect(bench.board.report.prices.map { $0.instrument.symbol } == ["BTCUSDT", "ETHUSDT"])
    }

    @Test func newestPricesAreShownOfTradesAndQuotes() async throws {
        let bench = try BoardBench([])
        bench.quote(bid: "99.5", ask: "100.5")
        bench.trade(1, "100")
        bench.trade(2, "100.25")
        try await bench.untilPrice("100.25")
        try await until { bench.board.report.prices.first?.prices.ask != nil }
        let prices = try #require(bench.board.report.prices.first).prices
        #expect(prices.bid?.description == "99.5" && prices.ask?.description == "100.5" && prices.time == testTime)
    }

    @Test func aTradeThatComesLateIsNotTheNewestPrice() async throws {
        let bench = try BoardBench([])
        bench.trade(1, "101", after: -61)
        bench.trade(5, "103")
        bench.trade(3, "102", after: -60)
        bench.trade(1, "7", symbol: "ZUSDT")
        try await until { bench.board.report.prices.count == 2 }
        #expect(bench.lastPrice == "103")
    }

    @Test func whoComesBackGetsWhatWasMissed() async throws {
        let bench = try BoardBench([above("100")])
        var crossings = 0
        func cross() {
            bench.clock.advance(by: .seconds(1))
            bench.trade(crossings * 2 + 1, "95", after: Double(crossings))
            bench.clock.advance(by: .seconds(1))
            bench.trade(crossings * 2 + 2, "100.5", after: Double(crossings))
            crossings += 1
        }
        for _ in 0..<3 { cross() }
        let alerts = await first(3, of: bench.alerts)
        #expect(Set(alerts.map(\.id)).count == 3)
        let back = try #require(bench.board.listen(after: alerts[0].id))
        #expect(back.missed.map(\.id) == alerts.dropFirst().map(\.id))
        #expect(try #require(bench.board.listen(after: alerts[2].id)).missed.isEmpty)
        #expect(try #require(bench.board.listen(after: nil)).missed.isEmpty)
        cross()
        let next = await first(1, of: back.alerts)
        #expect(next.first.map { alert in alerts.contains { $0.id == alert.id } } == false)
    }

    @Test func listenersAreBoundedAndMakeRoomWhenTheyLeave() async throws {
        let board = try BoardBench([]).board
        var streams = (0..<200).compactMap { _ in board.listen(after: nil)?.alerts }
        // The bench that listened first is gone.
        #expect(streams.count >= 99 && streams.count <= 100)
        #expect(board.listen(after: nil) == nil)
        streams.removeAll()
        try await until { board.report.listeners == 0 }
        #expect(board.listen(after: nil) != nil)
    }

    @Test func rulesThatStayTheSameRememberWhatTheySaw() async throws {
        let bench = try BoardBench([above("100")])
        bench.trade(1, "101")
        _ = await first(1, of: bench.alerts)
        try bench.board.replaceRules([above("100"), above("100.5", name: "higher")])
        bench.trade(2, "102")
        try await bench.untilPrice("102")
        #expect(bench.board.report.recent.map(\.rule) == ["above", "higher"])
        #expect(bench.board.report.summary.rules.map(\.fired) == [1, 1])
        #expect(throws: AlertRuleError.self) { try bench.board.replaceRules([above("1"), above("2")]) }
        #expect(bench.board.report.summary.rules.map(\.rule) == ["above", "higher"])
    }

    @Test func timeAloneMakesSilence() async throws {
        let rule = try AlertRule(
            name: "silent",
            scope: .sources([]),
            condition: .silent(.seconds(10)),
            coolDown: .zero
        )
        let bench = try BoardBench([rule])
        bench.trade(1, "1")
        try await bench.untilPrice("1")
        let delays = bench.board.report.delay.counts
        bench.clock.advance(by: .seconds(9))
        bench.board.tick()
        #expect(bench.board.report.recent.isEmpty)
        bench.clock.advance(by: .seconds(1))
        bench.board.tick()
        bench.board.tick()
        #expect(bench.board.report.recent.map(\.rule) == ["silent"])
        // An alert without an event says nothing of how fast alerts are.
        #expect(bench.board.report.delay.counts == delays)
        bench.trade(2, "2")
        try await bench.untilPrice("2")
        bench.clock.advance(by: .seconds(20))
        bench.board.tick()
        #expect(bench.board.report.recent.count == 2)
    }

    @Test func overdueTicketsAreWatchedWhereARuleSaysSo() throws {
        let rule = try AlertRule(name: "late", scope: .tickets, condition: .ticketOverdue)
        let board = try AlertBoard(rules: [], now: { testTime }, log: { _ in })
        #expect(!board.watchesTickets)
        try board.replaceRules([rule])
        #expect(board.watchesTickets)
        board.tickets(overdue: [OverdueTicket(number: "T-1", since: Timestamp(nanoseconds: 1))])
        #expect(board.report.recent.map(\.subject.description) == ["T-1"])
    }

    @Test func recipientsGetWhatIsSevereEnough() async throws {
        let bench = try BoardBench([
            above("100", name: "low", severity: .info), above("101", name: "high", severity: .critical),
        ])
        let folder = ServiceFolder()
        try folder.make()
        let all = try Outbox(folder: folder.path + "/all")
        let severe = try Outbox(folder: folder.path + "/severe")
        let letter: @Sendable (Alert) -> [UInt8] = { Array($0.rule.utf8) }
        bench.board.setRecipients([
            AlertBoard.Recipient(outbox: all, severity: .info, letter: letter),
            AlertBoard.Recipient(outbox: severe, severity: .warning, letter: letter),
        ])
        bench.trade(1, "100.5")
        bench.trade(2, "102")
        try await until { all.count == 2 && severe.count >= 1 }
        #expect(severe.count == 1)
        #expect(try all.first().map { String(decoding: $0.bytes, as: UTF8.self) } == "low")
        #expect(try severe.first().map { String(decoding: $0.bytes, as: UTF8.self) } == "high")
    }

    @Test func aTapForAnUnknownDialectIsRefused() throws {
        let board = try AlertBoard(rules: [], now: { testTime }, log: { _ in })
        let header = try TapeHeader(venue: "V", source: "s", dialect: "nonesuch")
        #expect(throws: TapeError.self) { try board.tap(header, source: "s", venue: "V") { _ in } }
    }
}
