import MarketData
import SimulatedStore
import Testing
import TickStore

@Suite struct OverviewTests {
    @Test func countsAndLastPriceOfEachInstrument() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        let other = Instrument(venue: "TEST", symbol: "C")
        let events = (Int64(0)..<5).map { Market.trade(at: $0, time: (5 - $0) * Market.hour) }
        _ = try await writer.write(Market.buckets(events))
        _ = try await writer.write(Market.buckets([Market.trade(at: 9, time: 0)], source: "s", instrument: other))
        let all = try await InstrumentOverview.load(stand.writer)
        #expect(all.map(\.instrument) == ["TEST:A-B", "TEST:C"])
        #expect(all.map(\.trades) == [5, 1])
        #expect(all.map(\.lastPrice) == ["1", "1.09"], "that of the greatest event time")
        #expect(try await InstrumentOverview.load(stand.writer, source: "s").map(\.instrument) == ["TEST:C"])
        #expect(try await InstrumentOverview.load(stand.writer, source: "none").isEmpty)
    }

    @Test func whatIsRecentCountsFromTheNewestWindowOfAllInstruments() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        let other = Instrument(venue: "TEST", symbol: "C")
        let events = [0, 10, 11, 30].enumerated().map { Market.trade(at: Int64($0), time: $1 * Market.hour) }
        _ = try await writer.write(Market.buckets(events))
        _ = try await writer.write(
            Market.buckets([Market.trade(at: 9, time: 34 * Market.hour)], source: "s", instrument: other)
        )
        let all = try await InstrumentOverview.load(stand.writer)
        #expect(all.map(\.recentEvents) == [2, 1], "neither what is a day older, nor older than that")
    }
}
