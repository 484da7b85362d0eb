import MarketData

/// Watches a level.
struct LevelWatch: AlertWatch {
    let level: ExactDecimal
    let isAbove: Bool
    private let rearm: ScaledMagnitude
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        let factor: ExactDecimal
        switch rule.condition {
        case .priceAbove(let level):
            self.level = level
            isAbove = true
            factor = Percent.below(rule.rearm)
        case .priceBelow(let level):
            self.level = level
            isAbove = false
            factor = Percent.above(rule.rearm)
        default: return nil
        }
        let product = ScaledMagnitude(level, times: factor)
        rearm = ScaledMagnitude(magnitude: product.magnitude, exponent: product.exponent - 2)
        gate = AlertGate(coolDown: rule.coolDown)
    }

    @inline(__always)
    mutating func judge(_ price: ExactDecimal, at now: Timestamp) -> AlertGate.Verdict {
        if isAbove ? level < price : price < level { return gate.holds(at: now) }
        if !gate.isArmed {
            let price = ScaledMagnitude(price)
            if isAbove ? price <= rearm : price >= rearm { gate.ends() }
        }
        return .nothing
    }
}

/// Watches for a move within a window.
struct MoveWatch: AlertWatch {
    let percentage: ExactDecimal
    let length: Duration
    private let up: ExactDecimal
    private let down: ExactDecimal
    private let easedUp: ExactDecimal
    private let easedDown: ExactDecimal
    private(set) var window: SlidingExtremes
    /// The direction of the move that was told or held back last.
    private(set) var isUp = true
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .move(let percentage, let length) = rule.condition else { return nil }
        self.percentage = percentage
        self.length = length
        let eased = Percent.eased(percentage, by: rule.rearm)
        up = Percent.above(percentage)
        down = Percent.below(percentage)
        easedUp = Percent.above(eased)
        easedDown = Percent.below(eased)
        window = SlidingExtremes(length: length)
        gate = AlertGate(coolDown: rule.coolDown)
    }

    /// What the newest price of the window is compared with.
    var from: ExactDecimal { isUp ? window.lowest : window.highest }

    /// Judges the newest price of the window, which need not be this one: an event may be late.
    @inline(__always)
    mutating func judge(_ price: ExactDecimal, at time: Int64, received now: Timestamp) -> AlertGate.Verdict {
        window.add(price, at: time, received: now.nanoseconds)
        let newest = ScaledMagnitude(window.newest, times: Percent.hundred)
        if !gate.isArmed {
            let isOver =
                isUp
                ? newest < ScaledMagnitude(window.lowest, times: easedUp)
                : newest > ScaledMagnitude(window.highest, times: easedDown)
            if isOver { gate.ends() }
        }
        let rises = newest >= ScaledMagnitude(window.lowest, times: up)
        let falls = newest <= ScaledMagnitude(window.highest, times: down)
        if gate.isArmed {
            guard rises || falls else { return .nothing }
            isUp = rises
        } else {
            guard isUp ? rises : falls else { return .nothing }
        }
        return gate.holds(at: now)
    }
}

/// Watches for unusual volume.
struct VolumeWatch: AlertWatch {
    let times: ExactDecimal
    let length: Duration
    private(set) var windows: VolumeWindows
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .volumeSpike(let times, let length, let averageOver) = rule.condition else { return nil }
        self.times = times
        self.length = length
        windows = VolumeWindows(times: times, rearm: rule.rearm, length: length, averageOver: averageOver)
        gate = AlertGate(coolDown: rule.coolDown)
    }

    mutating func judge(_ size: ExactDecimal, at time: Int64, received now: Timestamp) -> AlertGate.Verdict {
        windows.add(size, at: time, received: now.nanoseconds)
        switch windows.level {
        case .spike: return gate.holds(at: now)
        case .between: return .nothing
        case .low, .unknown:
            gate.ends()
            return .nothing
        }
    }
}

/// Watches for a wide spread.
///
/// Where a source sends the sides apart, each is taken together with the last other one of the same exchange.
struct SpreadWatch: AlertWatch {
    let percentage: ExactDecimal
    private let wide: (ask: ExactDecimal, bid: ExactDecimal)
    private let eased: (ask: ExactDecimal, bid: ExactDecimal)
    private(set) var bid = ExactDecimal.absent
    private(set) var ask = ExactDecimal.absent
    private var venueCode = ShortCode.absent
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .spread(let percentage) = rule.condition else { return nil }
        self.percentage = percentage
        let easedPercentage = Percent.eased(percentage, by: rule.rearm)
        wide = (Percent.belowTwice(percentage), Percent.aboveTwice(percentage))
        eased = (Percent.belowTwice(easedPercentage), Percent.aboveTwice(easedPercentage))
        gate = AlertGate(coolDown: rule.coolDown)
    }

    mutating func judge(_ quote: Quote, at now: Timestamp) -> AlertGate.Verdict {
        if quote.venueCode != venueCode {
            venueCode = quote.venueCode
            bid = .absent
            ask = .absent
        }
        if quote.bidPrice.mantissa > 0 { bid = quote.bidPrice }
        if quote.askPrice.mantissa > 0 { ask = quote.askPrice }
        guard !bid.isAbsent, !ask.isAbsent else { return .nothing }
        // ask − bid > p % of (ask + bid) / 2, with everything of the ask on one side: nothing is divided or rounded.
        if ScaledMagnitude(ask, times: wide.ask) > ScaledMagnitude(bid, times: wide.bid) {
            return gate.holds(at: now)
        }
        if !gate.isArmed, ScaledMagnitude(ask, times: eased.ask) <= ScaledMagnitude(bid, times: eased.bid) {
            gate.ends()
        }
        return .nothing
    }
}
