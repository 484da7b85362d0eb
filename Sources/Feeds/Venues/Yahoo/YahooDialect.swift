import MarketData

/// Yahoo Finance: answers of its chart interface, `/v8/finance/chart/SPY?interval=1m`.
///
/// The interface is not documented. Source: bodies as clients of it describe them. A body has a list of the starts of
/// bars and, beside it, lists of opens, highs, lows, closes and volumes; null stands where there was no trade. Prices
/// are JSON numbers, taken digit by digit as they were sent.
///
/// The last element may be no bar: it then bears the time of the latest trade, which is no start of a bar. It is passed
/// over where that time is no whole minute, and its bar comes with a later answer.
public struct YahooDialect: VenueDialect {
    public static let names = ["YAHOO"]

    /// Elements of the lists: `chart.result[0].indicators.quote[0].open[0]`.
    public static let initialDepth = 7

    public init() {}

    /// A body alone says what it is about, too.
    public mutating func decode(
        _ message: inout VenueMessage,
        into builder: inout BatchBuilder
    ) throws(MessageFault) {
        try decode(message.root, symbol: nil, interval: nil, message.frame, &builder)
    }

    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        guard let symbol = answer.target.lastName, !symbol.isEmpty, symbol != "chart" else {
            throw MessageFault(.missingField, "symbol")
        }
        let root = try answer.message(depth: Self.initialDepth).root
        try decode(root, symbol: symbol, interval: answer.target.value("interval"), answer.frame, &builder)
    }

    private func decode(
        _ root: JSONValue,
        symbol: String?,
        interval: String?,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        // Errors of the interface are within `chart`, those of what stands before it within `finance`.
        let body = if let fault = root["finance"] { fault } else { try root.object("chart") }
        if let error = body["error"], error.form != .null {
            builder.ignoreRefusal()
            return
        }
        guard let result = try body.list("result")[0] else {
            builder.ignoreEmpty()
            return
        }
        let meta = try result.object("meta")
        // Where the interval that was asked for is not to be had, the body names another.
        guard let name = meta["dataGranularity"]?.string ?? interval, let seconds = Self.seconds(name) else {
            throw MessageFault(.invalidNumber, "interval")
        }
        let text = symbol ?? meta["symbol"]?.string ?? ""
        let instrument = try builder.instrument(named: text, "symbol")
        let stream = builder.stream(connection: frame.connection, topic: "chart|\(text)|\(name)")
        guard let columns = try Columns(result) else {
            builder.ignoreEmpty()
            return
        }
        for (place, start) in columns.starts.enumerated() {
            let bar = Bar(start: start, row: columns.lists.map { $0[place] }, interval: seconds)
            builder.attempt(.candle) { builder throws(MessageFault) in
                try bar.decode(instrument, stream, frame, &builder)
            }
        }
    }

    /// Weeks and months are written with two letters.
    private static func seconds(_ interval: String) -> Int32? {
        if interval.hasSuffix("wk") { return BarLength.seconds(interval.dropLast()) }
        return interval.hasSuffix("mo") ? 0 : BarLength.seconds(interval)
    }
}

/// The lists of a body, all of one length.
private struct Columns {
    let starts: [JSONValue]
    let lists: [[JSONValue]]

    /// Nil where there are no bars.
    init?(_ result: JSONValue) throws(MessageFault) {
        guard result["timestamp"] != nil else { return nil }
        starts = Array(try result.list("timestamp").elements)
        guard !starts.isEmpty else { return nil }
        guard let quote = try result.object("indicators").list("quote")[0] else {
            throw MessageFault(.missingField, "quote")
        }
        var lists: [[JSONValue]] = []
        for name in ["open", "high", "low", "close", "volume"] as [StaticString] {
            let list = Array(try quote.list(name).elements)
            guard list.count == starts.count else { throw MessageFault(.missingField, name) }
            lists.append(list)
        }
        self.lists = lists
    }
}

/// What the lists have at one place.
private struct Bar {
    let start: JSONValue
    /// Open, high, low, close and volume.
    let row: [JSONValue]
    let interval: Int32

    func decode(
        _ instrument: Int32,
        _ stream: Int32,
        _ frame: Frame,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        guard row.allSatisfy({ $0.form != .null }) else {
            builder.ignore("empty_bar")
            return
        }
        let time = try start.asTime("timestamp", .seconds)
        guard time.nanoseconds % 60_000_000_000 == 0 else {
            builder.ignore("latest_price")
            return
        }
        let candle = Candle(
            open: try row[0].asDecimal("open"),
            high: try row[1].asDecimal("high"),
            low: try row[2].asDecimal("low"),
            close: try row[3].asDecimal("close"),
            volume: try row[4].asDecimal("volume"),
            interval: interval
        )
        builder.append(
            MarketEvent(
                position: .start,
                eventTime: time,
                receiptTime: frame.receiptTime,
                instrument: instrument,
                stream: stream,
                flags: BarLength.flags(start: time, seconds: interval, received: frame.receiptTime),
                payload: .candle(candle)
            )
        )
    }
}
