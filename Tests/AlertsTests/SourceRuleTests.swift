import MarketData
import Testing

@testable import Alerts

@Suite struct SourceRuleTests {
    @Test func aSilentSourceIsToldOnce() throws {
        let rule = try AlertRule(name: "quiet", scope: .sources(["binance"]), condition: .silent(.seconds(30)))
        var bench = try Bench([rule])
        _ = bench.engine.source("kraken")
        bench.engine.received(source: bench.source, at: .at(0))
        #expect(bench.tick(29.9) == 0)
        #expect(bench.tick(30.5) == 1)
        #expect(bench.alerts.first?.message == "Nothing was received from binance for 30.5s; the rule is 30s.")
        #expect(bench.alerts.first?.json.contains("\"event_time\":null") == true)
        #expect(bench.tick(31) == 0)
        #expect(bench.tick(3_000) == 0)
    }

    @Test func aSourceThatCameBackCanFallSilentAgain() throws {
        var bench = try Self.silentSource()
        bench.engine.received(source: bench.source, at: .at(0))
        #expect(bench.tick(30) == 1)
        bench.engine.received(source: bench.source, at: .at(40))
        // No look between: that something was received is seen all the same.
        #expect(bench.tick(95) == 1)
    }

    @Test func silenceThatOutlastsTheCoolDownIsTold() throws {
        var bench = try Self.silentSource()
        bench.engine.received(source: bench.source, at: .at(0))
        #expect(bench.tick(30) == 1)
        bench.engine.received(source: bench.source, at: .at(40))
        #expect(bench.tick(70) == 0)
        #expect(bench.counts.heldBack == 1)
        #expect(bench.tick(80) == 0)
        #expect(bench.tick(90) == 1)
        #expect(bench.alerts.last?.heldBack == 0)
        #expect(bench.alerts.last?.value == "50s")
        #expect(bench.counts.heldBack == 0)
    }

    @Test func aSourceThatWasNeverHeardOfIsSilentFromTheFirstTickOn() throws {
        var bench = try Self.silentSource()
        #expect(bench.tick(1_000) == 0)
        #expect(bench.tick(1_029) == 0)
        #expect(bench.tick(1_030) == 1)
    }

    @Test func nobodyIsSilentWhomNobodyListensTo() throws {
        let rules = [
            try AlertRule(name: "source", scope: .sources(["binance"]), condition: .silent(.seconds(30))),
            try AlertRule(name: "instrument", scope: .instruments([]), condition: .silent(.seconds(30))),
        ]
        var bench = try Bench(rules)
        bench.engine.received(source: bench.source, at: .at(0))
        bench.engine.came(bench.lane, from: bench.source)
        bench.quote("1", "2", at: 0)
        bench.engine.follow(false, source: bench.source)
        #expect(bench.tick(1_000) == 0)
        bench.engine.follow(true, source: bench.source)
        // From the first look on.
        #expect(bench.tick(1_010) == 0)
        #expect(bench.tick(1_039) == 0)
        #expect(bench.tick(1_040) == 2)
    }

    @Test func aClockThatIsSetBackDoesNotHideSilence() throws {
        var bench = try Self.silentSource()
        bench.engine.received(source: bench.source, at: .at(100_000))
        #expect(bench.tick(0) == 0)
        #expect(bench.tick(30) == 1)
    }

    @Test func aSilentInstrumentIsTold() throws {
        let rule = try AlertRule(name: "quiet", scope: .instruments([]), condition: .silent(.seconds(5_400)))
        var bench = try Bench([rule])
        bench.quote("1", "2", at: 0)
        #expect(bench.trade("1", at: 100, flags: .offMarket) == 0, "a doubtful event is received too")
        #expect(bench.tick(5_499) == 0)
        #expect(bench.tick(5_500) == 1)
        let message = "Nothing was received from BINANCE:BTCUSDT for 1h30m; the rule is 1h30m."
        #expect(bench.alerts.first?.message == message)
    }

    static func silentSource() throws -> Bench {
        try Bench([AlertRule(name: "quiet", scope: .sources([]), condition: .silent(.seconds(30)))])
    }

    @Test func aGapIsTold() throws {
        var bench = try Bench(.gap(missingAtLeast: 10))
        #expect(bench.gap(missing: 9, at: 0) == 0)
        #expect(bench.gap(missing: 10, at: 1) == 1)
        #expect(
            bench.alerts.first?.message
                == "10 records are missing in the stream trades of binance; the rule is at least 10."
        )
        #expect(bench.gap(missing: 11, at: 2) == 0)
        #expect(bench.gap(missing: 12, at: 3) == 0)
        #expect(bench.counts.heldBack == 2)
        #expect(bench.tick(60) == 0)
        #expect(bench.tick(61) == 1, "the last one is told when the cool-down is over")
        #expect(bench.alerts.last?.value == "12")
        #expect(bench.alerts.last?.heldBack == 1)
        #expect(bench.tick(200) == 0)
        #expect(bench.gap(missing: 10, at: 201) == 1)
    }

    @Test func tooManyRejectsAreTold() throws {
        var bench = try Bench(.rejectRate(percentage: .of("5"), window: .seconds(64), minimumRecords: 100))
        #expect(bench.records(99, rejected: 99, at: 0) == 0, "too few to say anything")
        #expect(bench.records(1_901, rejected: 1, at: 1) == 0, "five percent is not more than five percent")
        #expect(bench.records(1, rejected: 1, at: 2) == 1)
        #expect(
            bench.alerts.first?.message
                == "101 of the last 2001 records of binance were rejected within 1m4s, which is 5.0475 %;"
                + " the rule is more than 5 %."
        )
        #expect(bench.records(200, rejected: 0, at: 3) == 0, "4.59 % is not far enough from 5 %")
        #expect(bench.records(100, rejected: 50, at: 70) == 0, "it has not re-armed")
        #expect(bench.records(1_200, rejected: 0, at: 71) == 0)
        #expect(bench.records(1_000, rejected: 500, at: 72) == 1, "what is from before the window does not count")
        #expect(bench.alerts.last?.message.hasPrefix("550 of the last 2300 records") == true)
    }

    @Test func rejectsAreNotTakenFromBeforeAClockWasSetBack() throws {
        var window = RejectWindow(length: .seconds(64))
        _ = window.add(count: 10, rejected: 10, at: .at(10_000))
        #expect(window.add(count: 5, rejected: 1, at: .at(0)) == (5, 1))
        #expect(window.add(count: 5, rejected: 1, at: .at(10_000)) == (5, 1))
        #expect(window.add(count: .max, rejected: .max, at: .at(10_001)) == (.max, .max))
        #expect(window.add(count: 5, rejected: 1, at: .absent).count == 0)
    }

    @Test func anOverdueTicketIsToldOnceUntilItIsNotOverdue() throws {
        var bench = try Bench(.ticketOverdue)
        #expect(bench.overdue(["T-1", "T-2"], at: 0) == 2)
        #expect(bench.alerts.first?.message == "Ticket T-1 has been overdue for 1m30s.")
        #expect(bench.alerts.first?.id == "rule/T-1/1764255600000000000")
        #expect(bench.overdue(["T-2", "T-1"], at: 1_000) == 0)
        #expect(bench.overdue(["T-2"], at: 1_001) == 0)
        #expect(bench.overdue(["T-1", "T-2"], at: 1_002) == 1)
        #expect(bench.overdue([], at: 1_010) == 0)
        #expect(bench.overdue(["T-1"], at: 1_020) == 0, "within the cool-down")
        #expect(bench.overdue(["T-1"], at: 1_062) == 1)
    }

    @Test func ticketsThatAreNotTrackedAreCounted() throws {
        let rule = try AlertRule(name: "late", scope: .tickets, condition: .ticketOverdue)
        var bench = try Bench([rule], limits: AlertLimits(tickets: 1))
        #expect(bench.overdue(["T-1", "T-2"], at: 1) == 1)
        #expect(bench.engine.summary.untracked == 1)
        #expect(bench.overdue(["T-2"], at: 62) == 1, "there is room again")
        #expect(bench.alerts.map(\.subject) == [.ticket("T-1"), .ticket("T-2")])
    }
}
