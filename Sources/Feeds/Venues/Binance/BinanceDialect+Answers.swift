import MarketData

/// Sources: Binance "Market Data endpoints" of the Spot API, and "Market Data Endpoints" of USDⓈ-M Futures.
///
/// Lists are ascending and name no symbol: it is that of the query. The streams are named as those of a combined-stream
/// connection, which live sources use.
extension BinanceDialect {
    private static let rowDepth = 1

    /// What the fields of a trade are called.
    private struct TradeFields {
        let id: StaticString
        let price: StaticString
        let size: StaticString
        let time: StaticString
        let buyerIsMaker: StaticString
        let topic: String

        static let trades = TradeFields(
            id: "id",
            price: "price",
            size: "qty",
            time: "time",
            buyerIsMaker: "isBuyerMaker",
            topic: "@trade"
        )
        static let aggregated = TradeFields(
            id: "a",
            price: "p",
            size: "q",
            time: "T",
            buyerIsMaker: "m",
            topic: "@aggTrade"
        )
    }

    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        let name = answer.target.lastComponent
        if name.matches("trades") || name.matches("historicalTrades") {
            try decodeTrades(answer, .trades, &builder)
        } else if name.matches("aggTrades") {
            try decodeTrades(answer, .aggregated, &builder)
        } else if name.matches("klines") {
            try decodeKlines(answer, &builder)
        } else {
            builder.ignore(TapeFrameKind.answer.name)
        }
    }

    /// The rows of an answer; nil where it has none, which is counted.
    private static func rows(
        _ answer: VenueAnswer,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) -> JSONValue? {
        let root = try answer.message(depth: rowDepth).root
        if root["code"] != nil {
            builder.ignoreRefusal()
            return nil
        }
        guard root.form == .array else { throw MessageFault(.missingField, "list") }
        guard root[0] != nil else {
            builder.ignoreEmpty()
            return nil
        }
        return root
    }

    private func decodeTrades(
        _ answer: VenueAnswer,
        _ fields: TradeFields,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard let rows = try Self.rows(answer, &builder) else { return }
        let frame = answer.frame
        let symbol = try answer.required("symbol")
        let instrument = try builder.instrument(named: symbol, "symbol")
        let stream = builder.stream(connection: frame.connection, topic: symbol.lowercased() + fields.topic)
        for row in rows.ascending(by: fields.id) {
            builder.attempt(.trade) { builder throws(MessageFault) in
                let id = try row.integer(fields.id)
                let trade = Trade(
                    price: try row.decimal(fields.price),
                    size: try row.decimal(fields.size),
                    id: EventID(number: id),
                    side: try Self.aggressor(row, fields.buyerIsMaker)
                )
                builder.append(
                    MarketEvent(
                        position: .start,
                        eventTime: try row.time(fields.time, .milliseconds),
                        receiptTime: frame.receiptTime,
                        orderNumber: id,
                        sequenceRule: .contiguous,
                        instrument: instrument,
                        stream: stream,
                        payload: .trade(trade)
                    )
                )
            }
        }
    }

    /// Rows of start, open, high, low, close, volume, the last millisecond, and more.
    private func decodeKlines(_ answer: VenueAnswer, _ builder: inout BatchBuilder) throws(MessageFault) {
        guard let rows = try Self.rows(answer, &builder) else { return }
        let frame = answer.frame
        let symbol = try answer.required("symbol")
        let name = try answer.required("interval")
        let instrument = try builder.instrument(named: symbol, "symbol")
        guard let interval = BarLength.seconds(name) else { throw MessageFault(.invalidNumber, "interval") }
        let topic = "\(symbol.lowercased())@kline_\(name)"
        let stream = builder.stream(connection: frame.connection, topic: topic)
        builder.each(of: rows, kind: .candle) { row, builder throws(MessageFault) in
            let last = try row.required(6, "close time").asTime("close time", .milliseconds)
            let candle = try row.candle(from: 1, volume: 5, interval: interval)
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try row.required(0, "open time").asTime("open time", .milliseconds),
                    receiptTime: frame.receiptTime,
                    instrument: instrument,
                    stream: stream,
                    flags: !frame.receiptTime.isAbsent && last >= frame.receiptTime ? .provisional : [],
                    payload: .candle(candle)
                )
            )
        }
    }
}
