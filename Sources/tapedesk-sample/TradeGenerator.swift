/// Makes trades of a ``MarketWalk``, and writes them as lines.
///
/// Sequence numbers and trade ids of an instrument have no hole but those asked for, and event times never go back but
/// where asked to.
struct TradeGenerator {
    /// One trade before it is text.
    private struct Trade {
        var instrument: Int
        var sequence: UInt64
        var tradeID: UInt64
        /// Microseconds since 1970.
        var time: Int64
        var price: Int64
        var size: Int64
        var isBuy: Bool
    }

    /// How a trade is written; all but `.intact` make an impossible record.
    private enum Form {
        case intact, withoutTime, cut
    }

    /// 2024-08-08T14:30:00Z in microseconds.
    private static let startTime: Int64 = 1_723_127_400_000_000
    /// How far a late event lies back.
    private static let lateness: Int64 = 10_000_000
    /// A trade counts as late only if its instrument traded this recently, in microseconds.
    private static let recency: Int64 = 2_000_000
    /// How many lines lie between a line and its duplicate.
    private static let duplicateDistance = 25

    private(set) var counts = FaultCounts()
    private let longestPause: UInt64
    private var walk: MarketWalk
    private var plan: FaultPlan
    private var time = Self.startTime
    private var stamp = TimeStamp()
    private var repeats: [(event: Int, trade: Trade)] = []

    init(instruments count: Int, seed: UInt64, rate: Int, plan: FaultPlan) {
        walk = MarketWalk(instruments: count, seed: seed)
        longestPause = UInt64(max(1, 2_000_000 / rate))
        self.plan = plan
    }

    /// The instruments as they stand, with what was written of each.
    var instruments: [Instrument] { walk.instruments }

    /// Writes the given number of valid, distinct trades, and the planned faults among them.
    mutating func write(events: Int, to output: inout OutputFile) throws(OutputError) {
        var event = 0
        while event < events {
            var trade = drawTrade()
            if let fault = plan.next(at: event), isPossible(fault, for: trade) {
                plan.removeNext()
                counts.add(fault)
                try inject(fault, into: &trade, at: event, output: &output)
            }
            try write(trade, form: .intact, to: &output)
            remember(trade)
            event += 1
            if let waiting = repeats.first, waiting.event <= event {
                try write(waiting.trade, form: .intact, to: &output)
                repeats.removeFirst()
            }
        }
        for waiting in repeats {
            try write(waiting.trade, form: .intact, to: &output)
        }
        repeats.removeAll()
    }

    // MARK: Drawing

    /// Draws the next trade and moves its instrument on.
    private mutating func drawTrade() -> Trade {
        let step = walk.nextTrade(longestPause: longestPause)
        time += step.pause
        return Trade(
            instrument: step.instrument,
            sequence: step.sequence,
            tradeID: step.tradeID,
            time: time,
            price: step.price,
            size: step.size,
            isBuy: step.isBuy
        )
    }

    /// Notes a valid trade in the summary of its instrument.
    private mutating func remember(_ trade: Trade) {
        walk.instruments[trade.instrument].events += 1
        if trade.time >= walk.instruments[trade.instrument].newestTime {
            walk.instruments[trade.instrument].newestTime = trade.time
            walk.instruments[trade.instrument].newestPrice = trade.price
        }
    }

    // MARK: Faults

    /// Tells whether this trade can carry the fault; if not, the fault waits for the next trade.
    private func isPossible(_ fault: Fault, for trade: Trade) -> Bool {
        let instrument = instruments[trade.instrument]
        switch fault {
        case .duplicate, .zeroPrice, .negativeSize, .missingTime, .malformed:
            return true
        case .gap:
            return instrument.newestTime > 0
        case .late:
            return instrument.newestTime > trade.time - Self.recency
        }
    }

    /// Puts a fault into the trade, or writes an impossible line before it.
    ///
    /// An impossible line has the numbers of the trade that follows, as if the sender repeated it intact: what is
    /// rejected leaves no hole in a sequence.
    private mutating func inject(
        _ fault: Fault,
        into trade: inout Trade,
        at event: Int,
        output: inout OutputFile
    ) throws(OutputError) {
        var broken = trade
        switch fault {
        case .duplicate:
            repeats.append((event + Self.duplicateDistance, trade))
        case .gap:
            let missing = UInt64(walk.random.next(in: 1...9))
            counts.missing += Int(missing)
            trade.sequence += missing
            trade.tradeID += missing
            walk.instruments[trade.instrument].nextSequence += missing
            walk.instruments[trade.instrument].nextTradeID += missing
        case .late:
            trade.time -= Self.lateness
        case .zeroPrice:
            broken.price = 0
            try write(broken, form: .intact, to: &output)
        case .negativeSize:
            broken.size = -trade.size
            try write(broken, form: .intact, to: &output)
        case .missingTime:
            try write(broken, form: .withoutTime, to: &output)
        case .malformed:
            try write(broken, form: .cut, to: &output)
        }
    }

    // MARK: Writing

    private mutating func write(_ trade: Trade, form: Form, to output: inout OutputFile) throws(OutputError) {
        let lineStart = output.position
        output.append(#"{"type":"match","trade_id":"#)
        output.append(decimal: trade.tradeID)
        output.append(#","sequence":"#)
        output.append(decimal: trade.sequence)
        if form != .withoutTime {
            output.append(#","time":""#)
            stamp.append(trade.time, to: &output)
            output.append(UInt8(ascii: "\""))
        }
        output.append(#","product_id":""#)
        writeInstrumentFields(of: trade, to: &output)
        output.append(trade.isBuy ? #"","side":"buy"}"# : #"","side":"sell"}"#)
        if form == .cut {
            output.cutInHalf(from: lineStart)
        }
        try output.endLine()
        counts.records += 1
    }

    private func writeInstrumentFields(of trade: Trade, to output: inout OutputFile) {
        instruments.withUnsafeBufferPointer { all in
            let decimals = (all[trade.instrument].sizeDecimals, all[trade.instrument].priceDecimals)
            output.append(all[trade.instrument].symbolBytes)
            output.append(#"","size":""#)
            output.append(mantissa: trade.size, decimals: decimals.0, scale: all[trade.instrument].sizeScale)
            output.append(#"","price":""#)
            output.append(mantissa: trade.price, decimals: decimals.1, scale: all[trade.instrument].priceScale)
        }
    }
}
