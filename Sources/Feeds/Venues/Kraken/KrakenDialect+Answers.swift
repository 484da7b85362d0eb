import MarketData

/// Source: Kraken "Spot REST API, Get Recent Trades".
///
/// The answer calls the pair by a name of its own (`XXBTZUSD`); the instrument is the one that was asked for, which may
/// be spelled as live messages spell it (`XBT/USD`). Trades have numbers without holes here, and none in live messages:
/// so they are on a stream of their own, and a tape should have trades from one of the two only.
extension KrakenDialect {
    /// A row within the list of the pair within the result.
    private static let answerDepth = 3
    /// The result.
    private static let lastDepth = 1

    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        guard answer.target.lastComponent.matches("Trades") else {
            builder.ignore(TapeFrameKind.answer.name)
            return
        }
        let root = try answer.message(depth: Self.answerDepth).root
        // A warning is in the list of errors, too, and comes with a result.
        if root["result"] == nil, let errors = root["error"], errors.form == .array, errors[0] != nil {
            builder.ignoreRefusal()
            return
        }
        let result = try root.object("result")
        guard let rows = result.elements.first(where: { $0.form == .array }) else {
            throw MessageFault(.missingField, "list of the pair")
        }
        guard rows[0] != nil else {
            builder.ignoreEmpty()
            return
        }
        let frame = answer.frame
        let pair = try answer.required("pair")
        let instrument = try builder.instrument(named: pair, "pair")
        let stream = builder.stream(connection: frame.connection, topic: "Trades|\(pair)")
        builder.each(of: rows, kind: .trade) { row, builder throws(MessageFault) in
            // Answers of earlier years had no numbers.
            let number = row[6]
            let id = number?.integer
            if number != nil, id == nil { throw MessageFault(.invalidNumber, "trade_id") }
            builder.append(
                MarketEvent(
                    position: .start,
                    eventTime: try row.required(2, "time").asTime("time", .seconds),
                    receiptTime: frame.receiptTime,
                    orderNumber: id ?? 0,
                    sequenceRule: id == nil ? .none : .contiguous,
                    instrument: instrument,
                    stream: stream,
                    payload: .trade(try Self.trade(row, id: id.map { EventID(number: $0) } ?? .absent))
                )
            )
        }
    }

    /// What the next request says as `since`, to go on behind this answer; nil where the body does not say.
    public static func last(ofTrades body: [UInt8]) -> String? {
        let slab = body.withUnsafeBytes { Slab(copying: $0, offset: 0) }
        let tokenizer = JSONTokenizer()
        let root = try? tokenizer.tokenize(slab.bytes, depthMax: lastDepth).root
        return withExtendedLifetime(slab) { root?["result"]?["last"]?.string }
    }
}
