import Feeds
import MarketData
import Testing

/// Counts of real recordings, taken by independent scripts.
@Suite(.enabled(if: Recording.arePresent, Recording.absence), .serialized)
struct RecordingTests {
    private func cryptofeed(_ exchange: String, slabBytes: Int = SlabReader.slabBytes) throws -> Decoded {
        let bytes = try Recording.bytes("venues/\(exchange).jsonl.zst")
        let named = bytes.withUnsafeBytes { CryptofeedFormat.exchange(inFirstLine: $0) }
        #expect(named == exchange)
        return try decode(bytes, as: CryptofeedFormat(exchange: exchange), slabBytes: slabBytes)
    }

    @Test func binanceFutures() throws {
        let bytes = try Recording.bytes("binance/usdm_btcusdt_20240808.gz")
        let decoded = try decode(bytes, as: BinanceRecorderFormat())
        #expect(decoded.records == 93_954)
        #expect(decoded.count(.trade) == 21_313)
        #expect(decoded.count(.quote) == 66_089)
        #expect(decoded.ignored == ["book": 6_551, "book_snapshot": 1])
        #expect(decoded.rejected.isEmpty)
        #expect(Set(decoded.events.map(\.instrument)) == ["BINANCE:BTCUSDT"])
        #expect(Set(decoded.events.map(\.stream)) == ["btcusdt@trade", "btcusdt@bookTicker"])
        #expect(decoded.raw.allSatisfy { $0.flags.isEmpty })
        let trades = decoded.raw.filter { $0.payload.kind == .trade }.map(\.orderNumber)
        #expect(zip(trades, trades.dropFirst()).allSatisfy { $0 + 1 == $1 })
        // The first quote of the recording.
        #expect(
            decoded.events.first?.text
                == "1723161256313000000 1723161255088169167 5123107839020 increasing:5123107839020 "
                + " quote 61800.2 2.507 61800.3 2.51"
        )
    }

    @Test func binanceSpotQuotesHaveNoEventTime() throws {
        let bytes = try Recording.bytes("binance/spot_btcusdt_20240808.gz")
        let decoded = try decode(bytes, as: BinanceRecorderFormat())
        #expect(decoded.records == 41_249)
        #expect(decoded.count(.trade) == 9_757)
        #expect(decoded.count(.quote) == 28_040)
        #expect(decoded.ignored == ["book": 3_451, "book_snapshot": 1])
        #expect(decoded.rejected.isEmpty)
        for event in decoded.raw {
            let isQuote = event.payload.kind == .quote
            #expect(event.flags == (isQuote ? .noEventTime : []))
            #expect(!isQuote || event.eventTime == event.receiptTime)
        }
    }

    @Test func coinbaseNumbersMessagesAndSendsTradesNewestFirst() throws {
        let decoded = try cryptofeed("COINBASE")
        #expect(decoded.records == 1_038)
        #expect(decoded.count(.trade) == 279)
        #expect(decoded.count(.quote) == 160)
        #expect(decoded.count(.candle) == 204)
        #expect(decoded.rejected.isEmpty)
        #expect(decoded.observations.first?.number == nil)
        #expect(decoded.observations.dropFirst().map(\.number) == (0...1_029).map { $0 })
        #expect(Set(decoded.observations.map(\.stream)) == ["COINBASE.ws.2"])
        #expect(
            decoded.ignored == [
                "header": 1, "http": 1, "connect": 1, "send": 5, "book": 775, "heartbeat": 25, "acknowledgement": 5,
            ]
        )
        var last: [String: Int64] = [:]
        for (event, raw) in zip(decoded.events, decoded.raw) where raw.payload.kind == .trade {
            #expect(raw.orderNumber > last[event.instrument, default: 0], "oldest first within \(event.instrument)")
            last[event.instrument] = raw.orderNumber
        }
    }

    /// The side is the maker's: a trade at the best ask was bought by the taker.
    @Test func coinbaseSidesAreTheAggressors() throws {
        let decoded = try cryptofeed("COINBASE")
        var quotes: [Int32: Quote] = [:]
        var (right, wrong) = (0, 0)
        for event in decoded.raw {
            switch event.payload {
            case .quote(let quote): quotes[event.instrument] = quote
            case .trade(let trade):
                guard let quote = quotes[event.instrument] else { continue }
                if trade.price == quote.askPrice { if trade.side == .buy { right += 1 } else { wrong += 1 } }
                if trade.price == quote.bidPrice { if trade.side == .sell { right += 1 } else { wrong += 1 } }
            case .candle: break
            }
        }
        #expect(right > 4 * wrong && right > 10, "\(right) trades agree with the quotes, \(wrong) do not")
    }

    @Test func kraken() throws {
        let decoded = try cryptofeed("KRAKEN")
        #expect(decoded.records == 4_438)
        #expect(decoded.count(.trade) == 10)
        #expect(decoded.count(.quote) == 18)
        #expect(decoded.rejected.isEmpty)
        #expect(
            decoded.ignored == [
                "header": 1, "http": 1, "connect": 3, "send": 3, "book": 4_279, "heartbeat": 92, "status": 3,
                "acknowledgement": 30,
            ]
        )
        #expect(
            decoded.events.contains { $0.instrument == "KRAKEN:XMR/USD" && $0.stream == "KRAKEN.ws.48|trade|XMR/USD" }
        )
    }

    @Test func bybitTopicsOfTwoConnectionsAreTwoStreams() throws {
        let decoded = try cryptofeed("BYBIT")
        #expect(decoded.records == 3_256)
        #expect(decoded.count(.trade) == 347)
        #expect(decoded.count(.candle) == 100)
        #expect(decoded.rejected.isEmpty)
        let streams = Set(decoded.events.map(\.stream)).filter { $0.hasSuffix("publicTrade.BTCUSDT") }
        #expect(streams == ["BYBIT.ws.2|publicTrade.BTCUSDT", "BYBIT.ws.3|publicTrade.BTCUSDT"])
    }

    @Test func geminiHistoryComesOldestFirst() throws {
        let decoded = try cryptofeed("GEMINI")
        #expect(decoded.records == 914)
        #expect(decoded.count(.trade) == 812)
        #expect(decoded.rejected.isEmpty)
        #expect(
            decoded.ignored == [
                "header": 1, "http": 348, "connect": 1, "send": 1, "heartbeat": 2, "book": 549, "book_snapshot": 1,
            ]
        )
        var last: [String: Int64] = [:]
        for (event, raw) in zip(decoded.events, decoded.raw) {
            #expect(raw.orderNumber > last[event.instrument, default: 0])
            last[event.instrument] = raw.orderNumber
        }
    }

    @Test func phemexPricesNeedAScale() throws {
        let decoded = try cryptofeed("PHEMEX")
        #expect(decoded.records == 1_482)
        #expect(decoded.raw.isEmpty && decoded.rejected.isEmpty && decoded.observations.isEmpty)
        #expect(
            decoded.ignored == [
                "header": 1, "http": 1, "connect": 2, "send": 30, "acknowledgement": 30, "book": 1_324,
                "book_snapshot": 13, "trade_scaled": 35, "candle_scaled": 46,
            ]
        )
    }

    /// Where slabs begin and end is an accident: it must not show.
    @Test(arguments: ["COINBASE", "KRAKEN", "BYBIT", "GEMINI"])
    func slabSizeDoesNotMatter(exchange: String) throws {
        let small = try cryptofeed(exchange, slabBytes: 4_096)
        let large = try cryptofeed(exchange)
        #expect(small.events == large.events)
        #expect(small.observations == large.observations)
        #expect(small.ignored == large.ignored)
        #expect(small.lines == large.lines)
    }

    @Test func slabSizeDoesNotMatterToRecorderLines() throws {
        let bytes = try Recording.bytes("binance/spot_btcusdt_20240808.gz")
        let small = try decode(bytes, as: BinanceRecorderFormat(), slabBytes: 4_096)
        let large = try decode(bytes, as: BinanceRecorderFormat())
        #expect(small.events == large.events)
        #expect(small.ignored == large.ignored)
    }

    @Test func venuesThatAreNotUnderstoodAreNamed() throws {
        let bytes = try Recording.bytes("venues/KUCOIN.jsonl.zst")
        let exchange = try #require(bytes.withUnsafeBytes { CryptofeedFormat.exchange(inFirstLine: $0) })
        #expect(throws: UnknownVenueError.self) { try CryptofeedFormat(exchange: exchange) }
    }
}
