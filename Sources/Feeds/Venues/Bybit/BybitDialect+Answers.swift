import MarketData

/// Source: Bybit "V5 API, Get Recent Public Trades".
///
/// Trades come newest first and have the identifiers of live messages. Nothing numbers them: what an answer repeats of
/// an earlier one is left out by whoever records, see `AnswerMemory`.
extension BybitDialect {
    private static let answerDepth = 3

    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        guard answer.target.lastComponent.matches("recent-trade") else {
            builder.ignore(TapeFrameKind.answer.name)
            return
        }
        let root = try answer.message(depth: Self.answerDepth).root
        guard try root.integer("retCode") == 0 else {
            builder.ignoreRefusal()
            return
        }
        let trades = try root.object("result").list("list").ascending(by: "time", newestFirst: true)
        if trades.isEmpty { builder.ignoreEmpty() }
        for trade in trades {
            builder.attempt(.trade) { builder throws(MessageFault) in
                try Self.decodeAnswered(trade, answer.frame, &builder)
            }
        }
    }

    private static func decodeAnswered(
        _ data: JSONValue,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let (instrument, _) = try builder.instrument(try data.required("symbol"), "symbol")
        let trade = Trade(
            price: try data.decimal("price"),
            size: try data.decimal("size"),
            id: try builder.identifier(try data.required("execId"), "execId"),
            side: try data.side("side", buy: "Buy", sell: "Sell")
        )
        let topic = "publicTrade.\(builder.instrument(at: instrument).symbol)"
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: try data.time("time", .milliseconds),
                receiptTime: frame.receiptTime,
                sequence: try data.optionalInteger("seq") ?? MarketEvent.noSequence,
                instrument: instrument,
                stream: builder.stream(connection: frame.connection, topic: topic),
                payload: .trade(trade)
            )
        )
    }
}
