public import MarketData

/// How long events of a kind are kept.
public struct RetentionRule: Equatable, Sendable, CustomStringConvertible {
    /// Whose events; nil for all venues.
    public let venue: String?
    public let kind: EventKind
    /// How long after the end of their window; nil for ever.
    public let keep: Duration?

    public init(venue: String? = nil, kind: EventKind, keep: Duration?) {
        self.venue = venue
        self.kind = kind
        self.keep = keep
    }

    /// The rule as the audit shows it: `BINANCE quote 30d`, `* trade 90d`.
    public var description: String {
        let seconds = keep?.components.seconds
        let time = seconds.map { $0 > 0 && $0 % 86_400 == 0 ? "\($0 / 86_400)d" : "\($0)s" } ?? "forever"
        return "\(venue ?? "*") \(kind.name) \(time)"
    }

    /// Whether what ends at `end` need not be kept any longer; both times in nanoseconds.
    func isOver(windowEnd end: Int64, now: Int64) -> Bool {
        guard let keep else { return false }
        let (nanoseconds, isTooLong) = keep.components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (time, overflow) = end.addingReportingOverflow(nanoseconds)
        return !isTooLong && !overflow && time <= now
    }
}

/// Which events are deleted when.
public struct RetentionPolicy: Equatable, Sendable {
    /// The first that matches decides; what matches none is kept for ever.
    public var rules: [RetentionRule]

    /// Nothing is ever deleted unless a rule says so.
    public init(rules: [RetentionRule] = []) {
        self.rules = rules
    }

    /// The rule by which a document may be deleted at `now`; nil where it is kept.
    func ruleToDelete(_ outline: BucketOutline, now: Int64) -> RetentionRule? {
        let rule = rules.first { rule in
            rule.kind == outline.kind && (rule.venue == nil || rule.venue == outline.instrument.venue)
        }
        guard let rule, rule.isOver(windowEnd: outline.windowEnd, now: now) else { return nil }
        // What was restored is there because somebody wants to read it.
        if let keepUntil = outline.keepUntil, keepUntil > now { return nil }
        return rule
    }
}
