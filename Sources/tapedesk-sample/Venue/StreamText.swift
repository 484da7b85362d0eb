import NIOCore

/// Writes what is played as Binance's streams of spot send it, in envelopes of combined streams.
///
/// What does not change from one message to the next is prepared per stream.
struct StreamText {
    private let instruments: [Scales]
    /// By the number of the stream: everything up to the first value.
    private let openings: [[UInt8]]
    /// By instrument: between time and trade id.
    private let symbolInTrade: [[UInt8]]
    private let symbolInAggregate: [[UInt8]]

    /// How the numbers of an instrument are written.
    struct Scales {
        let priceDecimals: Int
        let priceScale: UInt64
        let sizeDecimals: Int
        let sizeScale: UInt64

        init(_ instrument: Instrument) {
            priceDecimals = instrument.priceDecimals
            priceScale = instrument.priceScale
            sizeDecimals = instrument.sizeDecimals
            sizeScale = instrument.sizeScale
        }

        @inline(__always)
        func writePrice(_ price: Int64, to text: inout ByteBuffer) {
            text.writeDecimal(mantissa: price, decimals: priceDecimals, scale: priceScale)
        }

        @inline(__always)
        func writeSize(_ size: Int64, to text: inout ByteBuffer) {
            text.writeDecimal(mantissa: size, decimals: sizeDecimals, scale: sizeScale)
        }

        /// Writes a sum of prices by sizes.
        func writeTurnover(_ turnover: Int128, to text: inout ByteBuffer) {
            text.writeDecimal(
                product: turnover,
                decimals: priceDecimals + sizeDecimals,
                scale: priceScale * sizeScale
            )
        }
    }

    init(_ streams: StreamList, _ instruments: [Instrument]) {
        self.instruments = instruments.map(Scales.init)
        openings = streams.names.enumerated().map { number, name in
            let symbol = streams.symbols[number / StreamList.kinds]
            let opening: String
            switch number % StreamList.kinds {
            case StreamList.trade: opening = #"{"e":"trade","E":"#
            case StreamList.aggregateTrade: opening = #"{"e":"aggTrade","E":"#
            case StreamList.bookTicker: opening = #"{"s":"\#(symbol)","u":"#
            default:
                let interval = name.split(separator: "_").last ?? ""
                opening = #"{"e":"kline","s":"\#(symbol)","k":{"s":"\#(symbol)","i":"\#(interval)","t":"#
            }
            return Array(#"{"stream":"\#(name)","data":\#(opening)"#.utf8)
        }
        symbolInTrade = streams.symbols.map { Array(#","s":"\#($0)","t":"#.utf8) }
        symbolInAggregate = streams.symbols.map { Array(#","s":"\#($0)","a":"#.utf8) }
    }

    /// How the numbers of an instrument are written.
    func scales(of instrument: Int) -> Scales { instruments[instrument] }

    func writeTrade(_ trade: PlayedTrade, to text: inout ByteBuffer) {
        text.writeBytes(openings[StreamList.number(instrument: trade.instrument, kind: StreamList.trade)])
        text.writeDecimal(trade.time)
        text.writeBytes(symbolInTrade[trade.instrument])
        text.writeDecimal(trade.id)
        writePriceAndSize(of: trade, to: &text)
        writeEnd(of: trade, to: &text)
    }

    /// An aggregated trade that is one trade.
    func writeAggregate(_ trade: PlayedTrade, to text: inout ByteBuffer) {
        text.writeBytes(openings[StreamList.number(instrument: trade.instrument, kind: StreamList.aggregateTrade)])
        text.writeDecimal(trade.time)
        text.writeBytes(symbolInAggregate[trade.instrument])
        text.writeDecimal(trade.id)
        writePriceAndSize(of: trade, to: &text)
        text.writeStaticString(#","f":"#)
        text.writeDecimal(trade.id)
        text.writeStaticString(#","l":"#)
        text.writeDecimal(trade.id)
        writeEnd(of: trade, to: &text)
    }

    private func writePriceAndSize(of trade: PlayedTrade, to text: inout ByteBuffer) {
        text.writeStaticString(#","p":""#)
        instruments[trade.instrument].writePrice(trade.price, to: &text)
        text.writeStaticString(#"","q":""#)
        instruments[trade.instrument].writeSize(trade.size, to: &text)
        text.writeStaticString("\"")
    }

    /// `m` says that the buyer was the maker: the seller took the initiative.
    private func writeEnd(of trade: PlayedTrade, to text: inout ByteBuffer) {
        text.writeStaticString(#","T":"#)
        text.writeDecimal(trade.time)
        text.writeStaticString(trade.isBuy ? #","m":false,"M":true}}"# : #","m":true,"M":true}}"#)
    }

    func writeQuote(_ quote: MarketWalk.Quote, to text: inout ByteBuffer) {
        let scales = instruments[quote.instrument]
        text.writeBytes(openings[StreamList.number(instrument: quote.instrument, kind: StreamList.bookTicker)])
        text.writeDecimal(quote.sequence)
        text.writeStaticString(#","b":""#)
        scales.writePrice(quote.bid, to: &text)
        text.writeStaticString(#"","B":""#)
        scales.writeSize(quote.bidSize, to: &text)
        text.writeStaticString(#"","a":""#)
        scales.writePrice(quote.ask, to: &text)
        text.writeStaticString(#"","A":""#)
        scales.writeSize(quote.askSize, to: &text)
        text.writeStaticString(#""}}"#)
    }

    /// A bar as it stands at a time; closed where the time is behind its end.
    func writeKline(_ bar: KlineBar, stream: Int, at time: Int64, to text: inout ByteBuffer) {
        let scales = instruments[stream / StreamList.kinds]
        text.writeBytes(openings[stream])
        text.writeDecimal(bar.start)
        text.writeStaticString(#","T":"#)
        text.writeDecimal(bar.end - 1)
        text.writeStaticString(#","f":"#)
        text.writeDecimal(bar.firstID)
        text.writeStaticString(#","L":"#)
        text.writeDecimal(bar.lastID)
        text.writeStaticString(#","n":"#)
        text.writeDecimal(bar.trades)
        for (name, price) in [("o", bar.open), ("h", bar.high), ("l", bar.low), ("c", bar.close)] {
            text.writeString(",\"\(name)\":\"")
            scales.writePrice(price, to: &text)
            text.writeStaticString("\"")
        }
        text.writeStaticString(#","v":""#)
        scales.writeSize(bar.volume, to: &text)
        text.writeStaticString(#"","q":""#)
        scales.writeTurnover(bar.turnover, to: &text)
        text.writeStaticString(#"","V":""#)
        scales.writeSize(bar.takenVolume, to: &text)
        text.writeStaticString(#"","Q":""#)
        scales.writeTurnover(bar.takenTurnover, to: &text)
        text.writeStaticString(#"","B":"0","x":"#)
        text.writeStaticString(bar.end <= time ? #"true},"E":"# : #"false},"E":"#)
        text.writeDecimal(time)
        text.writeStaticString("}}")
    }
}
