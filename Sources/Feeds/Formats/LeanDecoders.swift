import MarketData

/// Prices of equities are integers: ten-thousandths.
private let equityPriceExponent: Int8 = -4

struct LeanTradeDecoder: LineDecoder {
    var names: LeanNames
    let day: LocalDay

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        do throws(LeanRowError) {
            builder.append(try event(line, &builder))
        } catch {
            builder.reject(error.rule, error.reason, kind: .trade)
        }
    }

    @inline(__always)
    private mutating func event(
        _ line: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(LeanRowError) -> MarketEvent {
        var row = LeanRow(line)
        let time = try row.time(on: day)
        let price = try row.number("price", exponent: equityPriceExponent)
        let size = try row.number("size", exponent: 0)
        let venue = try row.code("venue")
        let condition = try row.code("sale condition")
        let flags = try row.suspicious()
        try row.end()
        let places = names.places(in: &builder)
        return MarketEvent(
            position: .start,
            eventTime: time,
            instrument: places.instrument,
            stream: places.stream,
            flags: flags,
            payload: .trade(Trade(price: price, size: size, venueCode: venue, condition: condition))
        )
    }
}

struct LeanQuoteDecoder: LineDecoder {
    var names: LeanNames
    let day: LocalDay

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        do throws(LeanRowError) {
            builder.append(try event(line, &builder))
        } catch {
            builder.reject(error.rule, error.reason, kind: .quote)
        }
    }

    @inline(__always)
    private mutating func event(
        _ line: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(LeanRowError) -> MarketEvent {
        var row = LeanRow(line)
        let time = try row.time(on: day)
        let bid = try side(&row, price: "bid", size: "bid size")
        let ask = try side(&row, price: "ask", size: "ask size")
        let venue = try row.code("venue")
        let condition = try row.code("condition")
        let flags = try row.suspicious()
        try row.end()
        let places = names.places(in: &builder)
        let quote = Quote(
            bidPrice: bid.price,
            bidSize: bid.size,
            askPrice: ask.price,
            askSize: ask.size,
            venueCode: venue,
            condition: condition
        )
        return MarketEvent(
            position: .start,
            eventTime: time,
            instrument: places.instrument,
            stream: places.stream,
            flags: flags,
            payload: .quote(quote)
        )
    }

    /// One side; a price of zero says that the row is about the other one.
    @inline(__always)
    private func side(
        _ row: inout LeanRow,
        price: StaticString,
        size: StaticString
    ) throws(LeanRowError) -> (price: ExactDecimal, size: ExactDecimal) {
        let price = try row.number(price, exponent: equityPriceExponent)
        let size = try row.number(size, exponent: 0)
        return price.mantissa == 0 ? (.absent, .absent) : (price, size)
    }
}

struct LeanForexQuoteDecoder: LineDecoder {
    var names: LeanNames
    let day: LocalDay

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        do throws(LeanRowError) {
            builder.append(try event(line, &builder))
        } catch {
            builder.reject(error.rule, error.reason, kind: .quote)
        }
    }

    @inline(__always)
    private mutating func event(
        _ line: UnsafeRawBufferPointer,
        _ builder: inout BatchBuilder
    ) throws(LeanRowError) -> MarketEvent {
        var row = LeanRow(line)
        let time = try row.time(on: day)
        let bid = try row.number("bid", exponent: 0)
        let ask = try row.number("ask", exponent: 0)
        try row.end()
        let places = names.places(in: &builder)
        let quote = Quote(bidPrice: bid, bidSize: .absent, askPrice: ask, askSize: .absent)
        return MarketEvent(
            position: .start,
            eventTime: time,
            instrument: places.instrument,
            stream: places.stream,
            payload: .quote(quote)
        )
    }
}
