import MarketData

/// Source: Coinbase "Advanced Trade REST API, Get Public Market Trades".
///
/// Trades come newest first. Their side is that of the maker, as in live messages: trades at the best ask say SELL. The
/// best prices that come with them have no sizes and no time, and are not taken.
extension CoinbaseDialect {
    private static let tradeDepth = 2

    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        guard answer.target.lastComponent.matches("ticker") else {
            builder.ignore(TapeFrameKind.answer.name)
            return
        }
        let root = try answer.message(depth: Self.tradeDepth).root
        if root["error"] != nil {
            builder.ignoreRefusal()
            return
        }
        let trades = try root.list("trades").ascending(by: "trade_id", newestFirst: true)
        if trades.isEmpty { builder.ignoreEmpty() }
        for trade in trades {
            builder.attempt(.trade) { builder throws(MessageFault) in
                try Self.decodeTrade(trade, answer.frame, MarketEvent.noSequence, &builder)
            }
        }
    }
}
