package import MarketData

/// What is evaluated on every event of an instrument.
///
/// Events that are marked as far off the market, or as suspicious by their source, count as received and nothing else:
/// one wrong print would fire every rule. Events that are flagged as out of order say nothing about levels and spreads,
/// which are about now; windows put late events where they belong.
extension AlertEngine {
    /// Evaluates the rules for an event.
    package mutating func event(_ event: MarketEvent, lane: Int, into alerts: inout [Alert]) {
        let (eventTime, receiptTime, flags) = (event.eventTime, event.receiptTime, event.flags)
        switch event.payload {
        case .trade(let trade):
            self.trade(trade, lane: lane, eventTime, received: receiptTime, flags: flags, into: &alerts)
        case .quote(let quote):
            self.quote(quote, lane: lane, eventTime, received: receiptTime, flags: flags, into: &alerts)
        case .candle(let candle):
            self.candle(candle, lane: lane, eventTime, received: receiptTime, flags: flags, into: &alerts)
        }
    }

    /// Evaluates the rules for a trade: levels, moves and volumes.
    ///
    /// - Parameter eventTime: absent where there is none; such a trade is not part of any window.
    package mutating func trade(
        _ trade: Trade,
        lane number: Int,
        _ eventTime: Timestamp,
        received receiptTime: Timestamp,
        flags: EventFlags = [],
        into alerts: inout [Alert]
    ) {
        guard let lane = receive(number, at: receiptTime), flags.isDisjoint(with: Self.unreliable) else { return }
        let moment = Moment(lane: number, eventTime: eventTime, receiptTime: receiptTime, flags: flags)
        judge(trade.price, "traded", lane, moment, into: &alerts)
        guard !lane.volumes.isEmpty, let time = moment.windowTime, trade.size.mantissa > 0 else { return }
        for index in lane.volumes.range {
            let verdict = volumes.entries[index].watch.judge(trade.size, at: time, received: receiptTime)
            if case .nothing = verdict { continue }
            let entry = volumes.entries[index]
            tell(verdict, of: entry.rule, moment, into: &alerts) { AlertTexts.volume(entry.watch, $0) }
        }
    }

    /// Evaluates the rules for a candle: its close is a price for levels and moves.
    ///
    /// In moves, it counts at the end of the candle, or at its receipt where it is not closed by then.
    package mutating func candle(
        _ candle: Candle,
        lane number: Int,
        _ eventTime: Timestamp,
        received receiptTime: Timestamp,
        flags: EventFlags = [],
        into alerts: inout [Alert]
    ) {
        guard let lane = receive(number, at: receiptTime), flags.isDisjoint(with: Self.unreliable) else { return }
        var moment = Moment(lane: number, eventTime: eventTime, receiptTime: receiptTime, flags: flags)
        moment.shiftWindowTime(by: Int64(candle.interval) * 1_000_000_000)
        judge(candle.close, "closed", lane, moment, into: &alerts)
    }

    /// Evaluates the rules for a quote: spreads.
    package mutating func quote(
        _ quote: Quote,
        lane number: Int,
        _ eventTime: Timestamp,
        received receiptTime: Timestamp,
        flags: EventFlags = [],
        into alerts: inout [Alert]
    ) {
        guard let lane = receive(number, at: receiptTime), !lane.spreads.isEmpty,
            flags.isDisjoint(with: Self.unreliable.union(.outOfOrder))
        else { return }
        let moment = Moment(lane: number, eventTime: eventTime, receiptTime: receiptTime, flags: flags)
        for index in lane.spreads.range {
            let verdict = spreads.entries[index].watch.judge(quote, at: receiptTime)
            if case .nothing = verdict { continue }
            let entry = spreads.entries[index]
            tell(verdict, of: entry.rule, moment, into: &alerts) { AlertTexts.spread(entry.watch, $0) }
        }
    }

    private static let unreliable: EventFlags = [.offMarket, .suspicious]

    /// The lane of an instrument, with the receipt noted; nil where no rule is about it.
    @inline(__always)
    private mutating func receive(_ number: Int, at receiptTime: Timestamp) -> InstrumentLane? {
        guard number >= 0, number < lanes.count, lanes[number].isWatched else { return nil }
        lanes[number].lastReceived = receiptTime
        return lanes[number]
    }

    @inline(__always)
    private mutating func judge(
        _ price: ExactDecimal,
        _ verb: String,
        _ lane: InstrumentLane,
        _ moment: Moment,
        into alerts: inout [Alert]
    ) {
        guard price.mantissa > 0 else { return }
        if !moment.isOutOfOrder {
            for index in lane.levels.range {
                let verdict = levels.entries[index].watch.judge(price, at: moment.receiptTime)
                if case .nothing = verdict { continue }
                let entry = levels.entries[index]
                tell(verdict, of: entry.rule, moment, into: &alerts) {
                    AlertTexts.level(entry.watch, price, verb, $0)
                }
            }
        }
        guard !lane.moves.isEmpty, let time = moment.windowTime else { return }
        for index in lane.moves.range {
            let verdict = moves.entries[index].watch.judge(price, at: time, received: moment.receiptTime)
            if case .nothing = verdict { continue }
            let entry = moves.entries[index]
            tell(verdict, of: entry.rule, moment, into: &alerts) { AlertTexts.move(entry.watch, $0) }
        }
    }

    @inline(never)
    private mutating func tell(
        _ verdict: AlertGate.Verdict,
        of rule: Int,
        _ moment: Moment,
        into alerts: inout [Alert],
        finding: (AlertSubject) -> AlertFinding
    ) {
        let subject = AlertSubject.instrument(instruments[moment.lane])
        book.tell(verdict, of: rule, about: subject, at: moment.receiptTime, into: &alerts) { subject in
            var finding = finding(subject)
            finding.eventTime = moment.eventTime
            return finding
        }
    }
}

/// When and where an event happened.
private struct Moment {
    let lane: Int
    let eventTime: Timestamp
    let receiptTime: Timestamp
    let isOutOfOrder: Bool
    /// The time of the event where windows can go by it: there is one, and it is not far ahead of the receipt.
    ///
    /// A window would take a time in the future for the newest, and all that follow for late.
    private(set) var windowTime: Int64?

    private static let futureMax: Int64 = 60_000_000_000

    @inline(__always)
    init(lane: Int, eventTime: Timestamp, receiptTime: Timestamp, flags: EventFlags) {
        self.lane = lane
        self.eventTime = eventTime
        self.receiptTime = receiptTime
        isOutOfOrder = flags.contains(.outOfOrder)
        let (event, receipt) = (eventTime.nanoseconds, receiptTime.nanoseconds)
        windowTime = event >= 0 && receipt >= 0 && event - receipt <= Self.futureMax ? event : nil
    }

    mutating func shiftWindowTime(by distance: Int64) {
        guard let time = windowTime, distance > 0 else { return }
        let (end, overflow) = time.addingReportingOverflow(distance)
        windowTime = max(time, overflow ? receiptTime.nanoseconds : min(end, receiptTime.nanoseconds))
    }
}
