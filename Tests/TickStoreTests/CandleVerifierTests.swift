import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

@Suite struct CandleVerifierTests {
    private typealias Field = CandlesCollection.Field

    private func finalStand() async throws -> Stand {
        let stand = try await Stand()
        let events = (0..<200).map { Market.sided($0, $0 * 7_000_000_000, 100 + $0 % 13, $0 % 5, .buy) }
        try await stand.store(events)
        try await stand.finalize(hour: 0)
        return stand
    }

    private func verify(_ stand: Stand) async throws -> CandleVerification {
        try await CandleVerifier(reading: stand.writer).verify()
    }

    @Test func finalBarsAreMadeAgain() async throws {
        let stand = try await finalStand()
        let report = try await verify(stand)
        #expect(report.isClean && report.hoursChecked == 1 && report.compared == 0)
        let withoutTrades = try await verify(try await stand.copy([CandlesCollection.name]))
        #expect(withoutTrades.isClean && withoutTrades.hoursChecked == 0 && withoutTrades.hoursWithoutTrades == 1)
    }

    @Test(arguments: [CandleInterval.minute, .hour, .day])
    func aBarThatIsNotWhatItsTradesMakeIsNamed(_ interval: CandleInterval) async throws {
        let start = interval.start(of: Market.start)
        let both = [CandlesCollection.name, MarketDataCollection.name]
        for field in [Field.open, Field.high, Field.low, Field.close, Field.volume, Field.turnover, Field.buyVolume] {
            let damaged = try await finalStand().copy(both) { document in
                guard document[Field.interval]?.string == interval.name,
                    document[Field.start]?.integer == start
                else { return document }
                return document.setting(field, .decimal(ExactDecimal(mantissa: 123_456, exponent: -3)))
            }
            let report = try await verify(damaged)
            let name = "\(Market.source)|\(Market.instrument)|\(interval.name)|\(start)"
            let finding = CandleVerification.Finding(candle: name, problem: "it is not what its trades make")
            #expect(report.findings.contains(finding), "\(field)")
            // A day is compared with its hours.
            #expect(report.findingCount == (interval == .hour ? 2 : 1), "\(field)")
        }
    }

    @Test func barsOfSecondsComeBackFromTheirDocument() async throws {
        let stand = try await finalStand()
        let hour = CandleKey(
            source: Market.source,
            instrument: Market.instrument,
            interval: .hour,
            start: Market.start
        )
        let seconds = try #require(try await CandleLoader(reading: stand.writer).loadSeconds(hour: hour))
        let made = try #require(try await TradeHour.read(stand.writer, hour, bars: .second))
        #expect(seconds.bars == made.bars && seconds.bars.count == 200 && seconds.isFinal)
        let document = stand.store.documents(in: CandlesCollection.name).first { $0[Field.bars] != nil }
        let bytes = try #require(document?[Field.bars]?.binary)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x10
            // Damage is refused, or shows in the numbers; it never crashes.
            _ = try? SecondBars(try #require(document).setting(Field.bars, .binary(damaged)))
        }
        #expect(throws: StoreError.self) {
            try SecondBars(try #require(document).setting(Field.bars, .binary(Array(bytes.dropLast()))))
        }
        #expect(Zstandard.decompress(Zstandard.compress([1, 2, 3]), sizeMax: 2) == nil)
        #expect(Zstandard.decompress(Zstandard.compress([]), sizeMax: 2) == [])
    }

    @Test func sumsThatDoNotFitComeBack() throws {
        let huge = Trade(
            price: ExactDecimal(mantissa: .max, exponent: 0),
            size: ExactDecimal(mantissa: .max, exponent: 0)
        )
        let key = CandleKey(source: "s", instrument: Market.instrument, interval: .second, start: Market.start)
        let bars = SecondBars(
            key: key,
            bars: [TradeBar(start: Market.start, huge, at: Market.start + 7)],
            isFinal: true,
            appliedThrough: 3
        )
        guard case .create(let created) = bars.change(ObjectID(high: 1, low: 1)).action else {
            Issue.record("a document without a version is created")
            return
        }
        let document = created.setting(DocumentField.version, 1)
            .setting(Field.instrumentSymbol, .string(Market.instrument.description))
        #expect(try SecondBars(document).bars == bars.bars)
        #expect(bars.bars.first?.turnover.isOverflown == true && bars.bars.first?.averagePrice == nil)
    }
}
