import MarketData

/// Watches for silence.
struct SilenceWatch: AlertWatch {
    let limit: Duration
    /// When something was received last before the silence that was told or held back.
    private var since = Timestamp.absent
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .silent(let limit) = rule.condition else { return nil }
        self.limit = limit
        gate = AlertGate(coolDown: rule.coolDown)
    }

    mutating func judge(lastReceived: Timestamp, now: Timestamp) -> AlertGate.Verdict {
        // Something came since, also where that was between two looks at it.
        if !gate.isArmed, lastReceived != since { gate.ends() }
        guard now.nanoseconds - lastReceived.nanoseconds >= limit.wholeNanoseconds else { return .nothing }
        since = lastReceived
        return gate.holds(at: now)
    }
}

/// Watches for gaps.
struct GapWatch: AlertWatch {
    let missingAtLeast: Int64
    /// The last gap that is large enough.
    private(set) var stream = ""
    private(set) var missing: Int64 = 0
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .gap(let missingAtLeast) = rule.condition else { return nil }
        self.missingAtLeast = missingAtLeast
        gate = AlertGate(coolDown: rule.coolDown)
    }

    mutating func judge(stream: String, missing: Int64, at now: Timestamp) -> AlertGate.Verdict {
        guard missing >= missingAtLeast else { return .nothing }
        self.stream = stream
        self.missing = missing
        // Every gap is one of its own: there is nothing to come back from.
        gate.ends()
        return gate.holds(at: now)
    }

    /// Tells of a gap that was held back, when the cool-down is over.
    mutating func judge(at now: Timestamp) -> AlertGate.Verdict {
        gate.isArmed ? .nothing : gate.holds(at: now)
    }
}

/// Watches how many records are rejected.
struct RejectWatch: AlertWatch {
    let percentage: ExactDecimal
    let length: Duration
    private let eased: ExactDecimal
    private let minimum: Int64
    private var window: RejectWindow
    /// What the window held when it was judged last.
    private(set) var count: Int64 = 0
    private(set) var rejected: Int64 = 0
    private var gate: AlertGate

    init?(_ rule: AlertRule) {
        guard case .rejectRate(let percentage, let length, let minimum) = rule.condition else { return nil }
        self.percentage = percentage
        self.length = length
        self.minimum = minimum
        eased = Percent.eased(percentage, by: rule.rearm)
        window = RejectWindow(length: length)
        gate = AlertGate(coolDown: rule.coolDown)
    }

    mutating func judge(count: Int64, rejected: Int64, at now: Timestamp) -> AlertGate.Verdict {
        (self.count, self.rejected) = window.add(count: count, rejected: rejected, at: now)
        guard self.count >= minimum else {
            gate.ends()
            return .nothing
        }
        let share = ScaledMagnitude(ExactDecimal(mantissa: self.rejected, exponent: 0), times: Percent.hundred)
        let all = ExactDecimal(mantissa: self.count, exponent: 0)
        if share > ScaledMagnitude(all, times: percentage) { return gate.holds(at: now) }
        if !gate.isArmed, share <= ScaledMagnitude(all, times: eased) { gate.ends() }
        return .nothing
    }
}

/// Watches all tickets.
struct TicketWatch: AlertWatch {
    private let coolDown: Duration
    private var gates: [String: AlertGate] = [:]

    init?(_ rule: AlertRule) {
        guard case .ticketOverdue = rule.condition else { return nil }
        coolDown = rule.coolDown
    }

    /// Nil where the ticket is not tracked, because there are `limit` of them already.
    mutating func judge(_ ticket: OverdueTicket, at now: Timestamp, limit: Int) -> AlertGate.Verdict? {
        if let verdict = gates[ticket.number]?.holds(at: now) { return verdict }
        guard gates.count < limit else { return nil }
        return gates[ticket.number, default: AlertGate(coolDown: coolDown)].holds(at: now)
    }

    /// Re-arms for the tickets that are not overdue any more, and forgets them when their cool-down is over.
    mutating func keep(_ overdue: Set<String>, at now: Timestamp) {
        for number in Array(gates.keys) where !overdue.contains(number) {
            gates[number]?.ends()
            if gates[number]?.isForgettable(at: now) == true { gates[number] = nil }
        }
    }
}
