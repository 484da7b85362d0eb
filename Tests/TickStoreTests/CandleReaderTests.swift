import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

@Suite struct CandleReaderTests {
    private let second: Int64 = 1_000_000_000
    private let minute: Int64 = 60_000_000_000

    /// Trades of two sources in three hours, some of them at the same time.
    private func standWithTrades() async throws -> Stand {
        let stand = try await Stand()
        try await stand.store(
            [
                Market.sided(1, 5 * second, 100, 10, .buy), Market.sided(2, 5 * second, 101, 20, .sell),
                Market.sided(3, minute, 90, 5, .unknown), Market.sided(4, 2 * Market.hour, 95, 1, .buy),
            ],
            source: "b"
        )
        try await stand.store(
            [
                Market.sided(7, 5 * second, 99, 10, .buy), Market.sided(8, 50 * second, 103, 1, .buy),
                Market.sided(9, Market.hour - 1, 80, 0, .sell),
            ],
            source: "a"
        )
        return stand
    }

    private func text(_ rows: [CandleRow]) -> [String] {
        rows.map { row in
            let bar = row.bar
            let numbers = [bar.open, bar.high, bar.low, bar.close].map(\.description)
            let sums = [bar.volume, bar.buyVolume, bar.sellVolume].map(\.description)
            let start = "\((bar.start - Market.start) / second)"
            return ([start] + numbers + sums + ["\(bar.count)"]).joined(separator: " ")
        }
    }

    @Test func sourcesMergeInTheOrderOfTheirNames() async throws {
        let stand = try await standWithTrades()
        #expect(
            text(try await stand.bars(.minute)) == [
                "0 0.99 1.03 0.99 1.03 4.1 2.1 2 4", "60 0.9 0.9 0.9 0.9 0.5 0 0 1", "3540 0.8 0.8 0.8 0.8 0 0 0 1",
                "7200 0.95 0.95 0.95 0.95 0.1 0.1 0 1",
            ]
        )
        #expect(text(try await stand.bars(.second)).first == "5 0.99 1.01 0.99 1.01 4 2 2 3")
        #expect(text(try await stand.bars(.hour)).first == "0 0.99 1.03 0.8 0.8 4.6 2.1 2 6")
        #expect(text(try await stand.bars(.day)).map { $0.dropFirst(7) } == ["0.99 1.03 0.8 0.95 4.7 2.2 2 7"])
        #expect(try await stand.bars(.fiveMinutes).allSatisfy { !$0.isFinal })
    }

    @Test func boundsAreStartsOfBars() async throws {
        let stand = try await standWithTrades()
        let starts = [0, minute, 59 * minute, 2 * Market.hour]
        for from in starts + starts.map({ $0 + 1 }) {
            for to in starts + starts.map({ $0 + 1 }) {
                let found = try await stand.bars(.minute, from: from, to: to).map { $0.bar.start - Market.start }
                #expect(found == starts.filter { $0 >= from && $0 < to }, "\(from) to \(to)")
            }
        }
        #expect(try await stand.bars(.day, from: 1).isEmpty)
        #expect(try await stand.bars(.hour, from: 1, to: 2 * Market.hour).isEmpty)
    }

    @Test func finalBarsAreThoseOfTheTrades() async throws {
        let stand = try await standWithTrades()
        let made = try await stand.allBars()
        for (hour, source) in [(Int64(0), "a"), (0, "b"), (2, "b")] {
            #expect(try await stand.finalize(hour: hour, source: source) == .finalized)
        }
        let final = try await stand.allBars()
        #expect(final.map { $0.map(\.bar) } == made.map { $0.map(\.bar) })
        #expect(final.allSatisfy { $0.allSatisfy(\.isFinal) })
        // They stay when the trades are gone.
        let bars = try await stand.copy([CandlesCollection.name])
        #expect(try await bars.allBars() == final)
        #expect(try await bars.finalize(hour: 0) == nil)
    }

    @Test func anHourIsFinalWithAllOfItsSources() async throws {
        let stand = try await standWithTrades()
        try await stand.finalize(hour: 0, source: "a")
        #expect(try await stand.bars(.minute).map(\.isFinal) == [false, false, true, false])
        try await stand.finalize(hour: 0, source: "b", isDayOver: false)
        #expect(try await stand.bars(.minute).map(\.isFinal) == [true, true, true, false])
        #expect(try await stand.bars(.day).map(\.isFinal) == [false])
        try await stand.finalize(hour: 2, source: "b", isDayOver: false)
        #expect(try await stand.bars(.hour).map(\.isFinal) == [true, true])
        #expect(try await stand.bars(.day).map(\.isFinal) == [false])
        try await stand.finalize(hour: 2, source: "b")
        #expect(try await stand.bars(.day).map(\.isFinal) == [true])
    }

    @Test func aLateTradeTakesFinalityBack() async throws {
        let stand = try await standWithTrades()
        for source in ["a", "b"] { try await stand.finalize(hour: 0, source: source) }
        try await stand.store([Market.sided(20, 6 * second, 300, 10, .buy)], source: "b")
        let late = try await stand.bars(.minute)
        #expect(late[0].bar.high.description == "3" && late[0].bar.count == 5)
        #expect(late.map(\.isFinal) == [false, false, true, false])
        let stale = try await stand.finalizer.finalizeHour(
            source: "b",
            instrument: Market.instrument,
            hourStart: Market.start,
            appliedThrough: 3
        )
        #expect(stale == .movedOn)
        #expect(try await stand.bars(.minute) == late)
        try await stand.finalize(hour: 0, source: "b")
        let final = try await stand.bars(.minute)
        #expect(final.map(\.bar) == late.map(\.bar))
        #expect(final.map(\.isFinal) == [true, true, true, false])
    }

    /// The last position of the day is that of another hour than the one that changed.
    @Test func aDayIsMadeAgainWhicheverHourChanged() async throws {
        let stand = try await Stand()
        try await stand.store([Market.sided(0, 0, 100, 10, .buy)])
        try await stand.store([Market.sided(1, Market.hour, 100, 10, .buy)])
        func isDayFinal() async throws -> Bool {
            let windows = try await TradeWindow.load(stand.writer, Market.instrument, starts: .min..<(.max))
            let hours = windows.map { window in
                CandleHour(
                    source: Market.source,
                    instrument: Market.instrument,
                    start: window.start,
                    appliedThrough: window.appliedThrough,
                    isSealed: true
                )
            }
            let marks = try await CandleMarks.load(stand.writer, Market.instrument)
            return marks.isDayFinal(Market.source, CandleInterval.day.start(of: Market.start), hours)
        }
        for hour in [Int64(0), 1] { try await stand.finalize(hour: hour) }
        #expect(try await isDayFinal())
        try await stand.store([Market.sided(21, Market.hour + 1, 100, 10, .buy)])
        try await stand.finalize(hour: 1)
        #expect(try await isDayFinal())
        try await stand.store([Market.sided(20, 1, 100, 10, .buy)])
        try await stand.finalize(hour: 0, isDayOver: false)
        #expect(try await !isDayFinal())
        try await stand.finalize(hour: 0)
        #expect(try await isDayFinal())
    }

    /// Trades were deleted by their age, and one more arrives: a bar of it alone would be wrong.
    @Test func barsStandWhereTheirTradesAreGone() async throws {
        let stand = try await standWithTrades()
        for source in ["a", "b"] { try await stand.finalize(hour: 0, source: source) }
        let before = try await stand.bars(.hour)
        let bars = try await stand.copy([CandlesCollection.name])
        try await bars.store([Market.sided(20, 6 * second, 300, 10, .buy)], source: "b")
        #expect(try await bars.finalize(hour: 0, source: "b") == .withoutTrades)
        let after = try await bars.bars(.hour)
        #expect(after.first?.bar == before.first?.bar && after.first?.isFinal == false)
    }

    @Test func aBarThatIsMissingOrOfAnotherStateIsMadeAnew() async throws {
        let stand = try await standWithTrades()
        for source in ["a", "b"] { try await stand.finalize(hour: 0, source: source) }
        typealias Field = CandlesCollection.Field
        let expected = try await stand.bars(.minute).map(\.bar)
        let changed = try await stand.copy([CandlesCollection.name, MarketDataCollection.name]) { document in
            guard document[Field.interval]?.string == "1m", document[Field.source]?.string == "b" else {
                return document
            }
            return document.setting(Field.isFinal, false).setting(Field.count, 77)
        }
        let found = try await changed.bars(.minute)
        #expect(found.map(\.bar) == expected)
        #expect(found.map(\.isFinal) == [false, false, true, false])
    }

    @Test func timesBefore1970() async throws {
        let stand = try await Stand()
        let times: [Int64] = [-61 * second, -1, 0]
        try await stand.store(
            times.enumerated().map { Market.sided(Int64($0.offset), $0.element - Market.start, 100, 10, .buy) }
        )
        let starts = try await stand.bars(.minute).map(\.bar.start)
        #expect(starts == [-2 * minute, -minute, 0])
        #expect(try await stand.bars(.day).map(\.bar.start) == [-86_400 * second, 0])
    }
}
