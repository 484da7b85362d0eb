import Feeds
import MarketData
import Testing

@Suite struct FreqtradeTests {
    private let format = FreqtradeFormat(
        instrument: Instrument(venue: "V", symbol: "BTC/USDT"),
        fileName: "BTC_USDT-5m.json.gz"
    )

    private func bars(_ decoded: Decoded) -> [String] {
        decoded.raw.map { event in
            guard case .candle(let bar) = event.payload else { return "no bar" }
            let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume].map(\.description)
            return "\(event.eventTime.nanoseconds / 1_000_000) \(numbers.joined(separator: " ")) \(bar.interval)"
        }
    }

    private static let rows = [
        "1509836520000 0.00162008 0.0018 0.0016 0.0017 108.14853839 300", "1509836580000 1 2 1 2 0.00000001 300",
        "1509836640000 3 3 3 3 0 300",
    ]

    @Test(arguments: [
        "[[1509836520000, 0.00162008, 0.0018, 0.00160, 0.0017, 108.14853839], [1509836580000, 1, 2.0, 1, 2, 1e-08],"
            + " [1509836640000, 3, 3, 3, 3, 0.0]]",
        "[\n  [\n    1509836520000,\n    0.00162008,\n 0.0018,\n0.0016,0.0017,108.14853839\n  ]\n,"
            + "[1509836580000,1,2,1,2,1e-8],\r\n[1509836640000,3,3,3,3,0]\n]\n",
    ])
    func rowsAreRecordsHoweverTheTapeIsCut(text: String) throws {
        for slabBytes in [1, 7, 40, 4_096] {
            let decoded = try decode(Array(text.utf8), as: format, slabBytes: slabBytes)
            #expect(decoded.records == 3 && decoded.rejected.isEmpty)
            #expect(bars(decoded) == Self.rows)
            #expect(decoded.events.map(\.line) == [0, 1, 2], "slabs of \(slabBytes)")
            #expect(decoded.events.allSatisfy { $0.instrument == "V:BTC/USDT" })
        }
    }

    @Test func whatIsNoBarIsRejected() throws {
        let text =
            "[[1,2,3],[\"x\",1,1,1,1,1],[1509836520000,1,null,1,1,1],[1509836520000,1,2,1,2,1,7],"
            + "[1509836520000,2,1,1,2,1],[1509836520000,0,1,1,1,1],7],[1509836580000,1,1,1,1,1]]"
        let decoded = try decode(Array(text.utf8), as: format)
        #expect(
            decoded.rejected.map(\.rule) == [
                .malformed, .invalidTime, .invalidNumber, .malformed, .candleRange, .priceNotPositive, .malformed,
            ]
        )
        #expect(decoded.rejected.map(\.position.line) == [0, 1, 2, 3, 4, 5, 6])
        #expect(decoded.raw.count == 1 && decoded.records == 8)
    }

    @Test func aFileThatEndsEarlyHasAnOpenRow() throws {
        let text = "[[1509836520000,1,1,1,1,1], [1509836580000,1,1"
        let reader = SlabReader(MemorySource(Array(text.utf8)), format: format)
        let decoder = format.makeDecoder()
        var batches: [EventBatch] = []
        while let slab = try reader.next() { batches.append(decoder.decode(slab)) }
        #expect(batches.map(\.events.count) == [1, 0])
        #expect(batches.last?.truncatedRecord != nil)
        #expect(batches.allSatisfy { $0.rejected.isEmpty })
    }

    @Test func emptyArraysHoldNothing() throws {
        for text in ["[]", "[ ]\n", "[[]]", ""] {
            let decoded = try decode(Array(text.utf8), as: format)
            #expect(decoded.records == 0 && decoded.rejected.isEmpty, "\(text)")
        }
    }

    @Test func theIntervalIsInTheName() {
        let names: [(String, Int32)] = [
            ("BTC_USDT-1m.json", 60), ("freqtrade-btc-1h.json", 3_600), ("ETH_BTC-1d.json.zst", 86_400),
            ("BTC_USDT.json", 0), ("bars-of-btc.json", 0), ("", 0),
        ]
        for (name, interval) in names {
            #expect(
                FreqtradeFormat(instrument: Instrument(venue: "V", symbol: "S"), fileName: name).interval == interval
            )
        }
    }

    @Test(.enabled(if: Recordings.arePresent, Recordings.absence))
    func recording() throws {
        let input = try TapeInput.open(path: Recordings.folder + "/candles/freqtrade-btc-1m.json")
        let format = FreqtradeFormat(instrument: Instrument(venue: "V", symbol: "BTC"), fileName: input.name)
        let reader = SlabReader(input.source, format: format)
        let decoder = format.makeDecoder()
        var times: [Int64] = []
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            #expect(batch.rejected.isEmpty)
            times += batch.events.map(\.eventTime.nanoseconds)
        }
        #expect(format.interval == 60 && times.count == 13_681)
        let minute: Int64 = 60_000_000_000
        let gaps = zip(times, times.dropFirst()).map { ($1 - $0) / minute - 1 }.filter { $0 > 0 }
        #expect(gaps.count == 538 && gaps.reduce(0, +) == 717)
    }
}
