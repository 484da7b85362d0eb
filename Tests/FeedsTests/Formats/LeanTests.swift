import Foundation
import MarketData
import Testing

@testable import Feeds

@Suite("LEAN")
struct LeanTests {
    private func format(_ layout: LeanFormat.Layout, zone: String = "UTC") throws -> LeanFormat {
        LeanFormat(
            layout: layout,
            instrument: Instrument(venue: "LEAN", symbol: "SPY"),
            date: try #require(CalendarDate(parsing: "20131008")),
            zone: try TimeZoneRules(named: zone)
        )
    }

    private func decode(_ layout: LeanFormat.Layout, _ text: String) throws -> EventBatch {
        let decoder = try format(layout).makeDecoder()
        return Array(text.utf8).withUnsafeBytes { decoder.decode(Slab(copying: $0, offset: 0)) }
    }

    @Test("A trade")
    func trade() throws {
        let batch = try decode(.equityTrade, "14417034,1674200,210,Q,2000,0\n1,5,0,,,1\r\n2.5,10.5,1,ABCDEFGH,@,0\n")
        #expect(batch.rejected.isEmpty)
        #expect(batch.instruments == [Instrument(venue: "LEAN", symbol: "SPY")])
        let first = try #require(batch.events.first)
        let midnight: Int64 = 1_381_190_400_000_000_000
        #expect(first.eventTime.nanoseconds == midnight + 14_417_034_000_000)
        #expect(first.receiptTime.isAbsent)
        #expect(first.sequenceRule == .none)
        guard case .trade(let trade) = first.payload, case .trade(let third) = batch.events[2].payload else {
            Issue.record("no trade")
            return
        }
        #expect(trade.price.mantissa == 1_674_200)
        #expect(trade.price.exponent == -4)
        #expect(trade.size == ExactDecimal(mantissa: 210, exponent: 0))
        #expect(trade.venueCode.description == "Q")
        #expect(trade.condition.description == "2000")
        #expect(trade.id == .absent)
        #expect(batch.events[1].flags == [.suspicious, .zeroSize])
        #expect(third.price.description == "0.00105")
        #expect(third.venueCode.description == "ABCDEFGH")
        #expect(batch.events[2].eventTime.nanoseconds == midnight + 2_500_000)
        #expect(batch.events.map(\.position.line) == [0, 1, 2])
    }

    @Test("A quote of one side, of both, of none, crossed and locked")
    func quote() throws {
        let rows = "1,475000,200,0,0,P,1,0\n1,0,0,484800,3000,P,1,0\n1,2,1,1,1,P,1,0\n1,2,1,2,1,P,,0\n1,0,0,0,0,P,1,0\n"
        let batch = try decode(.equityQuote, rows)
        #expect(batch.rejected.map(\.rule) == [.emptyQuote])
        #expect(batch.events.map(\.flags) == [[], [], .crossed, .locked])
        let quotes = batch.events.compactMap { event -> Quote? in
            if case .quote(let quote) = event.payload { quote } else { nil }
        }
        #expect(quotes[0].bidPrice.description == "47.5")
        #expect(quotes[0].bidSize.description == "200")
        #expect(quotes[0].askPrice.isAbsent && quotes[0].askSize.isAbsent)
        #expect(quotes[1].bidPrice.isAbsent && quotes[1].bidSize.isAbsent)
        #expect(quotes[1].askPrice.description == "48.48")
    }

    @Test(
        "Rows that are none",
        arguments: [
            ("", nil), ("x", RejectRule.invalidTime), ("1", .malformed), ("1,2,3,Q,0", .malformed),
            ("1,2,3,Q,0,0,", .malformed), ("1,2,3,Q,0,2", .malformed), ("1,2,3,Q,0,", .malformed),
            ("1,2,3,NINECHARS,0,0", .malformed), ("1,a,3,Q,0,0", .invalidNumber), ("1,,3,Q,0,0", .missingField),
            ("1,-2,3,Q,0,0", .priceNotPositive), ("1,0,3,Q,0,0", .priceNotPositive), ("1,2,-3,Q,0,0", .sizeNegative),
            ("86400000,2,3,Q,0,0", .invalidTime), ("-1,2,3,Q,0,0", .invalidTime), ("1e3,2,3,Q,0,0", nil),
            ("1,99999999999999999999,3,Q,0,0", .invalidNumber), ("1,NaN,3,Q,0,0", .invalidNumber),
            ("1,2,3,Q,0,0\u{0}", .malformed), (",2,3,Q,0,0", .invalidTime),
        ] as [(String, RejectRule?)]
    )
    func malformed(row: String, rule: RejectRule?) throws {
        let batch = try decode(.equityTrade, row + "\n1,2,3,Q,0,0\n")
        #expect(batch.rejected.map(\.rule) == (rule.map { [$0] } ?? []))
        #expect(batch.events.last.map(\.position.line) == 1)
        #expect(batch.rejected.allSatisfy { $0.kind == .trade && $0.raw == Array(row.utf8) })
    }

    @Test("Any bytes are decoded or rejected, and the slab's neighbours are not read")
    func fuzz() throws {
        let row = Array("14726965,1673300,200,Q,20002020,0".utf8)
        var random = SystemRandomNumberGenerator()
        let layouts: [LeanFormat.Layout] = [.equityTrade, .equityQuote, .forexQuote]
        let decoders = try layouts.map { try format($0).makeDecoder() }
        for _ in 0..<20_000 {
            var bytes = row
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            for decoder in decoders {
                let batch = bytes.withUnsafeBytes { decoder.decode(Slab(copying: $0, offset: 0)) }
                #expect(batch.events.count + batch.rejected.count == batch.records)
            }
        }
    }

    @Test("Names")
    func names() {
        let spy = LeanNaming(parsing: "20131008_spy_Trade_Tick.csv")
        #expect(spy.symbol == "SPY" && spy.kind == .trade && spy.resolution == "tick")
        #expect(spy.date == CalendarDate(parsing: "2013-10-08"))
        let forex = LeanNaming(parsing: "a/b/20140508_eurusd_tick_quote.csv")
        #expect(forex.symbol == "EURUSD" && forex.kind == .quote && forex.date == CalendarDate(parsing: "20140508"))
        #expect(LeanNaming(parsing: "20131008_spy_minute_trade.csv").resolution == "minute")
        let plain = LeanNaming(parsing: "lean-spy-20131008-trade.zip")
        #expect(plain.symbol == nil && plain.date == nil)
        #expect(LeanNaming(parsing: "20131008_trade.zip").symbol == nil)
        #expect(LeanNaming(parsing: "20139908_spy_trade.zip").date == nil)
        #expect(LeanNaming(parsing: "").kind == nil)
    }

    @Test("Symbol and date come from the names, and what is given goes before")
    func naming() throws {
        let folder = try TemporaryFolder()
        let content = Array("1,2,3,Q,0,0\n".utf8)
        let archive = Archives.zip([Archives.ZipFile(name: "20131008_spy_Trade_Tick.csv", content: content)])
        let input = try TapeInput.open(path: try folder.write(archive, "20140101_aig_trade.zip"))
        let named = try LeanFormat(layout: .equityTrade, venue: "V", input: input, zone: .utc)
        #expect(named.instrument.description == "V:SPY")
        #expect(named.date == CalendarDate(parsing: "20131008"))
        let date = CalendarDate(parsing: "20200102")
        let given = try LeanFormat(layout: .equityTrade, venue: "V", input: input, symbol: "x", date: date, zone: .utc)
        #expect(given.instrument.symbol == "x" && given.date == date)
        let plain = try TapeInput.open(path: try folder.write(content, "rows.csv"))
        #expect(throws: InputError.self) { try LeanFormat(layout: .equityTrade, venue: "V", input: plain, zone: .utc) }
        let bars = try TapeInput.open(path: try folder.write(content, "20131008_spy_minute_trade.csv"))
        #expect(throws: InputError.self) { try LeanFormat(layout: .equityTrade, venue: "V", input: bars, zone: .utc) }
    }
}

/// Recordings that nobody here made, with counts that were taken independently.
@Suite("LEAN recordings", .enabled(if: Recordings.arePresent, Recordings.absence))
struct LeanRecordingTests {
    struct Totals {
        var records = 0
        var rejected = 0
        var flags: [EventFlags: Int] = [:]
        var events = 0
        var first: MarketEvent?
        var last: MarketEvent?
        var lines: Int64 = 0
    }

    private func replay(_ path: String, _ layout: LeanFormat.Layout) throws -> (format: LeanFormat, totals: Totals) {
        let input = try TapeInput.open(path: Recordings.folder + "/" + path)
        #expect(try FormatDetection.detect(input).format == layout.formatName)
        let zone = try TimeZoneRules(named: LeanFormat.defaultTimeZone)
        let format = try LeanFormat(layout: layout, venue: "LEAN", input: input, zone: zone)
        let reader = SlabReader(input.source, format: format)
        let decoder = format.makeDecoder()
        var totals = Totals()
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            totals.records += batch.records
            totals.rejected += batch.rejected.count
            totals.events += batch.events.count
            totals.lines += batch.lines
            totals.first = totals.first ?? batch.events.first
            totals.last = batch.events.last ?? totals.last
            for event in batch.events where !event.flags.isEmpty { totals.flags[event.flags, default: 0] += 1 }
            #expect(batch.truncatedRecord == nil)
        }
        return (format, totals)
    }

    @Test("SPY trades")
    func spy() throws {
        let (format, totals) = try replay("equity/lean-spy-20131008-trade.zip", .equityTrade)
        #expect(format.instrument.symbol == "SPY")
        #expect(totals.records == 451_545)
        #expect(totals.events == 451_545)
        #expect(totals.lines == 451_545)
        #expect(totals.rejected == 0)
        #expect(totals.flags.isEmpty)
        // 8 October 2013, four hours behind UTC: 04:00:17.034 and 19:59:58.962.
        #expect(totals.first?.eventTime == Timestamp(parsing: "2013-10-08T08:00:17.034Z"))
        #expect(totals.last?.eventTime == Timestamp(parsing: "2013-10-08T23:59:58.962Z"))
        guard case .trade(let first)? = totals.first?.payload, case .trade(let last)? = totals.last?.payload else {
            Issue.record("no trade")
            return
        }
        #expect(first.price.description == "167.42" && first.size.description == "210")
        #expect(first.venueCode.description == "Q" && first.condition.description == "2000")
        #expect(last.price.description == "165.95" && last.size.description == "100")
        #expect(last.venueCode.description == "P" && last.condition.description == "20002020")
    }

    @Test("AIG quotes")
    func aig() throws {
        let (format, totals) = try replay("equity/lean-aig-20131009-quote.zip", .equityQuote)
        #expect(format.instrument.symbol == "AIG")
        #expect(totals.records == 1_424_012)
        #expect(totals.events == 1_424_012)
        #expect(totals.rejected == 0)
        #expect(totals.flags.isEmpty)
        #expect(totals.first?.eventTime == Timestamp(parsing: "2013-10-09T08:00:00.521Z"))
        #expect(totals.last?.eventTime == Timestamp(parsing: "2013-10-10T00:00:00.149Z"))
        guard case .quote(let first)? = totals.first?.payload, case .quote(let last)? = totals.last?.payload else {
            Issue.record("no quote")
            return
        }
        #expect(first.bidPrice.description == "47.5" && first.bidSize.description == "200")
        #expect(first.askPrice.isAbsent)
        #expect(last.bidPrice.isAbsent)
        #expect(last.askPrice.description == "47.95" && last.askSize.description == "300")
    }

    @Test("FXCM quotes")
    func fxcm() throws {
        let (format, totals) = try replay("forex/lean-fxcm-eurusd-20140508-quote.zip", .forexQuote)
        #expect(format.instrument.symbol == "EURUSD")
        #expect(totals.records == 167_466)
        #expect(totals.events == 167_466)
        #expect(totals.rejected == 0)
        #expect(totals.flags == [.crossed: 18_285, .locked: 19_051])
        #expect(totals.first?.eventTime == Timestamp(parsing: "2014-05-08T04:00:17.007Z"))
        #expect(totals.last?.eventTime == Timestamp(parsing: "2014-05-09T03:59:59.235Z"))
        guard case .quote(let first)? = totals.first?.payload, case .quote(let last)? = totals.last?.payload else {
            Issue.record("no quote")
            return
        }
        #expect(first.bidPrice.description == "1.39147" && first.askPrice.description == "1.39148")
        #expect(last.bidPrice.description == "1.38371" && last.askPrice.description == "1.38374")
        #expect(last.bidSize.isAbsent)
    }
}
