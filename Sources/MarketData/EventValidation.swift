/// The rules that need nothing but the event itself. Pure; run where events are decoded.
extension MarketEvent {
    /// Rejects what is impossible and flags what is unusual.
    ///
    /// - Returns: the rule that makes the event impossible, or nil.
    @inline(__always)
    public mutating func validate() -> RejectRule? {
        switch payload {
        case .trade(let trade): validate(trade)
        case .quote(let quote): validate(quote)
        case .candle(let candle): validate(candle)
        }
    }

    @inline(__always)
    private mutating func validate(_ trade: Trade) -> RejectRule? {
        guard trade.price.mantissa > 0 else { return .priceNotPositive }
        guard trade.size.mantissa > 0 else {
            guard trade.size.mantissa == 0 || trade.size.isAbsent else { return .sizeNegative }
            if !trade.size.isAbsent { flags.insert(.zeroSize) }
            return nil
        }
        return nil
    }

    @inline(__always)
    private mutating func validate(_ quote: Quote) -> RejectRule? {
        let hasBid = !quote.bidPrice.isAbsent
        let hasAsk = !quote.askPrice.isAbsent
        guard hasBid || hasAsk else { return .emptyQuote }
        guard !hasBid || quote.bidPrice.mantissa > 0, !hasAsk || quote.askPrice.mantissa > 0 else {
            return .priceNotPositive
        }
        guard quote.bidSize.isAbsent || quote.bidSize.mantissa >= 0,
            quote.askSize.isAbsent || quote.askSize.mantissa >= 0
        else { return .sizeNegative }
        if hasBid, hasAsk, quote.bidPrice >= quote.askPrice {
            flags.insert(quote.bidPrice == quote.askPrice ? .locked : .crossed)
        }
        return nil
    }

    private func validate(_ candle: Candle) -> RejectRule? {
        guard candle.open.mantissa > 0, candle.high.mantissa > 0, candle.low.mantissa > 0, candle.close.mantissa > 0
        else { return .priceNotPositive }
        guard candle.volume.isAbsent || candle.volume.mantissa >= 0 else { return .sizeNegative }
        guard candle.low <= candle.open, candle.low <= candle.close, candle.open <= candle.high,
            candle.close <= candle.high
        else { return .candleRange }
        return nil
    }
}
