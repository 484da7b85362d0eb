import Foundation
import MarketData
import Testing

@testable import Live

@Suite struct LiveVenueTests {
    private func texts(_ venue: LiveVenue, _ symbols: [String], _ kinds: Set<EventKind>) -> [String] {
        venue.connections(symbols: symbols, kinds: kinds).flatMap { plan in
            [plan.address.description] + plan.messages
        }
    }

    @Test func theySayWhatTheVenuesWantToHear() {
        let all: Set<EventKind> = [.trade, .quote, .candle]
        #expect(
            texts(.binance, ["BTCUSDT"], all) == [
                "wss://data-stream.binance.vision/stream",
                #"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@bookTicker","btcusdt@kline_1m"],"id":1}"#,
            ]
        )
        #expect(
            texts(.binanceUSDM, ["BTCUSDT"], [.trade, .quote]) == [
                "wss://fstream.binance.com/market/stream",
                #"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}"#,
                "wss://fstream.binance.com/public/stream",
                #"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}"#,
            ]
        )
        #expect(
            texts(.coinbase, ["BTC-USD", "ETH-USD"], [.trade]) == [
                "wss://advanced-trade-ws.coinbase.com/",
                #"{"type":"subscribe","channel":"heartbeats"}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"market_trades"}"#,
            ]
        )
        #expect(
            texts(.kraken, ["XBT/USD"], [.trade, .candle]) == [
                "wss://ws.kraken.com/",
                #"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"trade"}}"#,
                #"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"ohlc","interval":1}}"#,
            ]
        )
        #expect(
            texts(.bybitLinear, ["BTCUSDT"], [.trade, .quote]) == [
                "wss://stream.bybit.com/v5/public/linear",
                #"{"req_id":"1","op":"subscribe","args":["publicTrade.BTCUSDT","orderbook.1.BTCUSDT"]}"#,
            ]
        )
    }

    @Test(arguments: LiveVenue.allCases)
    func manySymbolsAreSplitAndNoneIsForgotten(_ venue: LiveVenue) throws {
        let symbols = (0..<1_003).map { "S\($0)X" }
        let plans = venue.connections(symbols: symbols, kinds: [.trade, .quote])
        #expect(Set(plans.map(\.name)).count == plans.count)
        let text = plans.flatMap(\.messages).joined().uppercased()
        #expect(symbols.allSatisfy { text.contains($0) })
        for message in plans.flatMap(\.messages) {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(message.utf8)) }
        }
    }

    @Test func namesCannotBreakAMessage() throws {
        let plans = LiveVenue.coinbase.connections(symbols: ["A\"]},\u{1}\\"], kinds: [.trade])
        let message = try #require(plans.first?.messages.last)
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(message.utf8)) as? [String: Any]
        )
        #expect(document["product_ids"] as? [String] == ["A\"]},\\"])
    }

    @Test(arguments: [
        ("wss://stream.example.com:9443/ws?x=1", "wss://stream.example.com:9443/ws?x=1"),
        ("ws://127.0.0.1:80", "ws://127.0.0.1/"), ("wss://h?x", "wss://h/?x"), ("ws://[::1]:9", "ws://[::1]:9/"),
        ("http://h", nil), ("wss://", nil), ("wss://u:p@h", nil), ("wss://h:0", nil), ("wss://h:x", nil),
        ("wss://h/#f", nil), ("wss://h /", nil),
    ])
    func addresses(text: String, expected: String?) {
        #expect(WebSocketAddress(parsing: text)?.description == expected)
    }

    @Test func delaysGrowToALimitAndBeginAnew() {
        var delay = ReconnectDelay(first: .seconds(1), longest: .seconds(10))
        let longest = (0..<8).map { _ in delay.next(0.999_999) }
        #expect(zip(longest, longest.dropFirst()).allSatisfy { $0 <= $1 } && longest.allSatisfy { $0 <= .seconds(10) })
        #expect(longest[0] < .seconds(1) && longest[7] > .seconds(9))
        #expect(delay.next(0) == .zero)
        delay.reset()
        #expect(delay.next(0.5) == .milliseconds(500))
    }
}
