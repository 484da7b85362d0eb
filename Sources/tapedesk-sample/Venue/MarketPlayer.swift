import NIOCore

/// Plays trades, quotes and bars to an audience, and remembers what it played.
///
/// Lives on the event loop.
final class MarketPlayer {
    let streams: StreamList
    let audience: Audience
    private(set) var ring = TradeRing()
    private(set) var bars: KlineBook
    private(set) var record: SentRecord
    let text: StreamText

    private var walk: MarketWalk
    private var frame = OutgoingFrame()
    /// Of a hundred events, so many are quotes.
    private let quotes: Int
    private let skipEvery: Int?
    private var events = 0
    private var trades = 0
    private var time: Int64 = 0

    /// - Parameters:
    ///   - quotes: how many of a hundred events are quotes.
    ///   - skipEvery: every trade of that number is not sent to anybody; it is played all the same.
    ///   - firstID: of the trades of each instrument; nil for numbers of the generator.
    init(instruments: Int, seed: UInt64, quotes: Int, skipEvery: Int?, firstID: UInt64?) {
        walk = MarketWalk(instruments: instruments, seed: seed)
        if let firstID {
            for index in walk.instruments.indices { walk.instruments[index].nextTradeID = firstID }
        }
        streams = StreamList(walk.instruments)
        text = StreamText(streams, walk.instruments)
        audience = Audience(streams: streams.names.count)
        record = SentRecord(symbols: streams.symbols)
        bars = KlineBook(instruments: instruments)
        self.quotes = quotes
        self.skipEvery = skipEvery
    }

    /// Plays the next events; they leave with the next flush of the audience.
    ///
    /// - Parameter now: milliseconds since 1970; a clock that was set back is not followed.
    func play(_ count: Int, at now: Int64) {
        time = max(time, now)
        for _ in 0..<count {
            // Quotes are spread evenly among the trades.
            let isQuote = (events + 1) * quotes / 100 > events * quotes / 100
            events += 1
            if isQuote { playQuote() } else { playTrade() }
        }
    }

    private func playTrade() {
        let drawn = walk.nextTrade(longestPause: 0)
        let trade = PlayedTrade(
            instrument: drawn.instrument,
            id: drawn.tradeID,
            time: time,
            price: drawn.price,
            size: drawn.size,
            isBuy: drawn.isBuy
        )
        trades += 1
        ring.append(trade)
        bars.add(trade) { send($0, $1) }
        if let skipEvery, trades % skipEvery == 0 {
            return record.skip(trade)
        }
        record.add(trade)
        let plain = StreamList.number(instrument: trade.instrument, kind: StreamList.trade)
        if audience.wants(plain) {
            frame.build { text.writeTrade(trade, to: &$0) }
            audience.send(frame.bytes, of: plain)
        }
        let aggregate = StreamList.number(instrument: trade.instrument, kind: StreamList.aggregateTrade)
        if audience.wants(aggregate) {
            frame.build { text.writeAggregate(trade, to: &$0) }
            audience.send(frame.bytes, of: aggregate)
        }
    }

    private func playQuote() {
        let quote = walk.nextQuote()
        record.addQuote(of: quote.instrument)
        let stream = StreamList.number(instrument: quote.instrument, kind: StreamList.bookTicker)
        guard audience.wants(stream) else { return }
        frame.build { text.writeQuote(quote, to: &$0) }
        audience.send(frame.bytes, of: stream)
    }

    // MARK: Bars

    /// Sends the bars as they stand, and those that have ended; to be called every second.
    func playBars(at now: Int64) {
        time = max(time, now)
        bars.showAll(at: time) { send($0, $1) }
    }

    private func send(_ bar: KlineBar, _ stream: Int) {
        guard audience.wants(stream) else { return }
        frame.build { text.writeKline(bar, stream: stream, at: time, to: &$0) }
        audience.send(frame.bytes, of: stream)
    }
}
