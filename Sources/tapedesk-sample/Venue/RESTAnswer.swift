import NIOCore
import NIOHTTP1

/// What a request over HTTP is answered, as Binance's REST interface of spot does.
struct RESTAnswer {
    private(set) var status = HTTPResponseStatus.ok
    private(set) var body = ByteBuffer()

    private static let limitDefault = 500
    private static let limitMax = 1_000

    /// Answers a request from what was played.
    ///
    /// - Parameter uri: the path with its query.
    init(_ uri: String, _ market: MarketPlayer) {
        answer(uri, market)
    }

    private mutating func answer(_ uri: String, _ market: MarketPlayer) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = Query(parts.count > 1 ? parts[1] : "")
        let path = parts.first ?? ""
        guard ["/api/v3/trades", "/api/v3/historicalTrades", "/api/v3/klines"].contains(path) else {
            return refuse(.notFound, code: 0, "Not found")
        }
        guard let symbol = query["symbol"], let instrument = market.streams.instrument(of: symbol) else {
            return refuse(.badRequest, code: -1121, "Invalid symbol.")
        }
        guard let limit = query.number("limit", default: Self.limitDefault), (1...Self.limitMax).contains(limit) else {
            return refuse(.badRequest, code: -1130, "Data sent for parameter 'limit' is not valid.")
        }
        if path == "/api/v3/klines" {
            writeBars(of: instrument, query, limit, market)
        } else {
            writeTrades(of: instrument, query, limit, market, isHistory: path == "/api/v3/historicalTrades")
        }
    }

    private mutating func refuse(_ status: HTTPResponseStatus, code: Int, _ reason: String) {
        self.status = status
        body.writeString(#"{"code":\#(code),"msg":"\#(reason)"}"#)
    }

    // MARK: Trades

    private mutating func writeTrades(
        of instrument: Int,
        _ query: Query,
        _ limit: Int,
        _ market: MarketPlayer,
        isHistory: Bool
    ) {
        var first: UInt64?
        if isHistory, let text = query["fromId"] {
            guard let id = UInt64(text) else {
                return refuse(.badRequest, code: -1130, "Data sent for parameter 'fromId' is not valid.")
            }
            first = id
        }
        let scales = market.text.scales(of: instrument)
        writeList(market.ring.trades(of: instrument, from: first, limit: limit)) { trade, body in
            body.writeStaticString(#"{"id":"#)
            body.writeDecimal(trade.id)
            body.writeStaticString(#","price":""#)
            scales.writePrice(trade.price, to: &body)
            body.writeStaticString(#"","qty":""#)
            scales.writeSize(trade.size, to: &body)
            body.writeStaticString(#"","quoteQty":""#)
            scales.writeTurnover(Int128(trade.price) * Int128(trade.size), to: &body)
            body.writeStaticString(#"","time":"#)
            body.writeDecimal(trade.time)
            body.writeStaticString(#","isBuyerMaker":"#)
            body.writeStaticString(trade.isBuy ? "false" : "true")
            body.writeStaticString(#","isBestMatch":true}"#)
        }
    }

    // MARK: Bars

    private mutating func writeBars(of instrument: Int, _ query: Query, _ limit: Int, _ market: MarketPlayer) {
        guard let interval = KlineInterval(rawValue: query["interval"] ?? "") else {
            return refuse(.badRequest, code: -1120, "Invalid interval.")
        }
        guard let start = query.number("startTime", default: Int64.min),
            let end = query.number("endTime", default: Int64.max)
        else { return refuse(.badRequest, code: -1100, "Illegal characters found in a parameter.") }
        let bars = market.bars.bars(of: instrument, interval).filter { $0.start >= start && $0.start <= end }
        // From a start on they are the first ones, else the newest.
        let chosen = query["startTime"] == nil ? bars.suffix(limit) : bars.prefix(limit)
        let scales = market.text.scales(of: instrument)
        writeList(chosen) { bar, body in
            body.writeStaticString("[")
            body.writeDecimal(bar.start)
            for price in [bar.open, bar.high, bar.low, bar.close] {
                body.writeStaticString(",\"")
                scales.writePrice(price, to: &body)
                body.writeStaticString("\"")
            }
            body.writeStaticString(",\"")
            scales.writeSize(bar.volume, to: &body)
            body.writeStaticString("\",")
            body.writeDecimal(bar.end - 1)
            body.writeStaticString(",\"")
            scales.writeTurnover(bar.turnover, to: &body)
            body.writeStaticString("\",")
            body.writeDecimal(bar.trades)
            body.writeStaticString(",\"")
            scales.writeSize(bar.takenVolume, to: &body)
            body.writeStaticString("\",\"")
            scales.writeTurnover(bar.takenTurnover, to: &body)
            body.writeStaticString("\",\"0\"]")
        }
    }

    private mutating func writeList<Element>(
        _ elements: some Sequence<Element>,
        _ write: (Element, inout ByteBuffer) -> Void
    ) {
        var separator: StaticString = "["
        for element in elements {
            body.writeStaticString(separator)
            write(element, &body)
            separator = ","
        }
        body.writeString(body.readableBytes == 0 ? "[]" : "]")
    }
}

/// The parameters of a request; none of them needs escapes.
private struct Query {
    private var values: [Substring: String] = [:]

    init(_ text: Substring) {
        for part in text.split(separator: "&") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2 { values[sides[0]] = String(sides[1]) }
        }
    }

    subscript(name: Substring) -> String? { values[name] }

    /// The number of a parameter, or what it is where it is left out; nil where it is no number.
    func number<Number: FixedWidthInteger>(_ name: Substring, default missing: Number) -> Number? {
        guard let text = values[name] else { return missing }
        return Number(text)
    }
}
