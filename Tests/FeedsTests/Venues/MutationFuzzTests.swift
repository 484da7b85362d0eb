import Feeds
import MarketData
import Testing

/// Messages that are nearly right must become events, ignored messages or rejected records: never a crash.
@Suite struct MutationFuzzTests {
    static let messages: [(venue: String, text: String)] = [
        (
            "BINANCE",
            #"""
            {"stream":"btcusdt@trade","data":{"e":"trade","E":1,"T":17,"s":"BTCUSDT","t":900,"p":"61800.30",\#
            "q":"0.006","X":"MARKET","m":false}}
            """#
        ),
        (
            "BINANCE",
            #"""
            {"stream":"b@bookTicker","data":{"u":400900,"s":"BNBUSDT","b":"25.35","B":"31.21","a":"25.36",\#
            "A":"40.66"}}
            """#
        ),
        (
            "BINANCE",
            #"{"e":"kline","s":"B","k":{"t":60000,"i":"1m","o":"1","c":"2","h":"3","l":"0.5","v":"1e3","x":true}}"#
        ),
        (
            "COINBASE",
            #"""
            {"channel":"market_trades","timestamp":"2023-02-09T20:32:50Z","sequence_num":3,\#
            "events":[{"type":"update","trades":[{"trade_id":"9","product_id":"E-U","price":"1","size":"0.3",\#
            "side":"BUY","time":"2019-08-14T20:42:27.265Z"}]}]}
            """#
        ),
        (
            "COINBASE",
            #"""
            {"channel":"ticker","timestamp":"2023-02-09T20:32:50.7Z","sequence_num":4,\#
            "events":[{"tickers":[{"product_id":"B","best_bid":"1","best_bid_quantity":"8","best_ask":"2",\#
            "best_ask_quantity":"9"}]}]}
            """#
        ),
        ("KRAKEN", #"[0,[["5541.2","0.1","1534614057.321597","s","l",""]],"trade","XBT\/USD"]"#),
        ("KRAKEN", #"[0,{"a":["5525.4",1,"1.0"],"b":["5525.1",1,"1.5"]},"ticker","XBT/USD"]"#),
        ("KRAKEN", #"[42,["1542057314.7","1542057600.0","3","4","1","2","2","0.03","2"],"ohlc-5","XBT/USD"]"#),
        (
            "BYBIT",
            #"""
            {"topic":"publicTrade.B","ts":1,"data":[{"T":16,"s":"B","S":"Buy","v":"0.001","p":"16",\#
            "i":"20f43950-d8dd","seq":17}]}
            """#
        ),
        (
            "BYBIT",
            #"""
            {"topic":"orderbook.1.B","type":"snapshot","ts":20,"data":{"s":"B","b":[["16","0.006"]],"a":[["17",\#
            "0.02"]],"seq":79},"cts":10}
            """#
        ),
        (
            "BYBIT",
            #"""
            {"topic":"kline.5.B","data":[{"start":16,"interval":"5","open":"1","close":"2","high":"2","low":"1",\#
            "volume":"2","confirm":false}]}
            """#
        ),
        (
            "OKX",
            #"""
            {"arg":{"channel":"trades","instId":"B"},"data":[{"instId":"B","tradeId":"13","px":"4.9","sz":"0.1",\#
            "side":"sell","ts":"1630","seqId":12}]}
            """#
        ),
        (
            "OKX",
            #"""
            {"arg":{"channel":"bbo-tbt","instId":"B"},"data":[{"asks":[["11.06","5"]],"bids":[["11.05","5"]],\#
            "ts":"167","seqId":36}]}
            """#
        ),
        ("OKX", #"{"arg":{"channel":"candle1m","instId":"B"},"data":[["15","8","9","7","8","4","5","5","0"]]}"#),
        (
            "BITSTAMP",
            #"""
            {"data":{"id":12,"amount_str":"0.5","price_str":"92.1","type":1,"microtimestamp":"15941"},\#
            "channel":"live_trades_b","event":"trade"}
            """#
        ),
        (
            "GEMINI",
            #"""
            {"type":"l2_updates","symbol":"B","changes":[["buy","1","2"]],"trades":[{"type":"trade",\#
            "symbol":"B","event_id":3,"tid":2,"timestamp":15,"price":"3","quantity":"0.1","side":"sell"}]}
            """#
        ),
        ("GEMINI", #"{"type":"candles_1m_updates","symbol":"B","changes":[[15,9,9.5,8,9,2],[14,9,9.5,8,9,2]]}"#),
        ("PHEMEX", #"{"sequence":1,"symbol":"s","trades":[[16,"Buy",7,1]],"type":"incremental"}"#),
    ]

    /// Bytes that mean something to JSON, numbers or times, and some that never belong there.
    private static let alphabet = Array("{}[]\",:\\/0123456789.-+eETZtfnu \u{0}\u{7F}é".utf8)

    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    static func mutate(_ text: [UInt8], _ random: inout Generator) -> [UInt8] {
        var text = text
        for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
            let place = Int.random(in: 0..<text.count, using: &random)
            let other = Int.random(in: 0..<text.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: text[place] = alphabet.randomElement(using: &random) ?? 0
            case 1: text.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
            case 2: text.remove(at: place)
            case 3: text.removeSubrange(min(place, other)..<max(place, other))
            default: text.insert(contentsOf: text[min(place, other)..<max(place, other)], at: place)
            }
        }
        return text
    }

    @Test(arguments: messages.indices)
    func mutatedMessages(index: Int) throws {
        let (venue, original) = Self.messages[index]
        #expect(try decode(messages: [original], venue: venue).rejected.isEmpty)
        var random = Generator(state: UInt64(index))
        var dialect: any VenueDialect = try VenueRegistry.dialect(named: venue).init()
        let tokenizer = JSONTokenizer()
        var builder = BatchBuilder(venue: venue)
        builder.begin(byteCount: 0)
        let count = 4_000
        for _ in 0..<count {
            Self.mutate(Array(original.utf8), &random).withUnsafeBytes { text in
                let slab = Slab(copying: text, offset: 0)
                builder.beginRecord(slab.bytes)
                dialect.decode(
                    slab.bytes,
                    frame: Frame(receiptTime: Timestamp(nanoseconds: 1)),
                    with: tokenizer,
                    into: &builder
                )
                builder.endLine()
            }
        }
        // Every message left a trace. Only an empty list of events leaves none.
        var decoded = Decoded()
        decoded.add(builder.finish(Slab(copying: UnsafeRawBufferPointer(start: nil, count: 0), offset: 0)))
        let traces = Set(decoded.raw.map(\.position.line)).union(decoded.rejected.map(\.position.line)).count
        #expect(traces + decoded.ignoredCount > count * 9 / 10)
        #expect(decoded.raw.allSatisfy { $0.eventTime.nanoseconds >= 0 })
    }

    /// The same through lines and envelopes, whose own bytes change too.
    @Test(arguments: ["COINBASE", "KRAKEN", "BYBIT", "OKX"])
    func mutatedLines(exchange: String) throws {
        var random = Generator(state: 7)
        var tape: [UInt8] = []
        for (venue, text) in Self.messages where venue == exchange {
            let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let line = Array(#"{"t":"recv","conn":"c","ts":1.5,"data":"\#(escaped)"}"#.utf8)
            for _ in 0..<2_000 {
                tape += Self.mutate(line, &random)
                tape.append(UInt8(ascii: "\n"))
            }
        }
        let format = try CryptofeedFormat(exchange: exchange)
        let large = try decode(tape, as: format)
        let small = try decode(tape, as: format, slabBytes: 512)
        #expect(large.events == small.events)
        #expect(large.observations == small.observations)
        #expect(large.records == small.records && large.lines == small.lines)
        #expect(large.rejected.count == small.rejected.count)
    }
}
