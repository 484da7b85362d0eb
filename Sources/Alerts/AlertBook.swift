import MarketData

/// How often a rule fired.
package struct AlertRuleCount: Hashable, Sendable {
    /// The name of the rule.
    package let rule: String
    package let severity: AlertSeverity
    /// Alerts that were given.
    package internal(set) var fired = 0
    /// Times that a condition began during the cool-down and no alert was given of it.
    package internal(set) var heldBack = 0
}

/// What the engine did since it began; counts of rules that changed begin anew.
package struct AlertSummary: Hashable, Sendable {
    /// In the order of the rules.
    package let rules: [AlertRuleCount]
    /// Instruments that are known, and those of them that a rule is about.
    package let instruments: Int
    package let watchedInstruments: Int
    package let sources: Int
    /// Times that an instrument, source or ticket was not watched because there are too many of them.
    package let untracked: Int
}

/// Bounds of what the engine keeps.
package struct AlertLimits: Hashable, Sendable {
    package var instruments: Int
    package var sources: Int
    /// Overdue tickets, per rule.
    package var tickets: Int

    /// - Precondition: none is negative.
    package init(instruments: Int = 200_000, sources: Int = 10_000, tickets: Int = 100_000) {
        self.instruments = instruments
        self.sources = sources
        self.tickets = tickets
    }
}

/// The rules and their counts; writes the alerts.
struct AlertBook: Sendable {
    let rules: [AlertRule]
    private(set) var counts: [AlertRuleCount]

    /// - Throws: `duplicateName`.
    init(_ rules: [AlertRule]) throws(AlertRuleError) {
        var names: Set<String> = []
        for rule in rules where !names.insert(rule.name).inserted { throw .duplicateName(rule.name) }
        self.rules = rules
        counts = rules.map { AlertRuleCount(rule: $0.name, severity: $0.severity) }
    }

    /// The numbers that the rules have in another book; nil where they are not in it, or not the same.
    ///
    /// Their counts go with them.
    func move(to other: inout AlertBook) -> [Int?] {
        var numbers: [AlertRule: Int] = [:]
        for (number, rule) in other.rules.enumerated() { numbers[rule] = number }
        return rules.indices.map { old in
            guard let new = numbers[rules[old]] else { return nil }
            other.counts[new] = counts[old]
            return new
        }
    }

    /// Counts what was decided, and writes the alert where there is one.
    ///
    /// Apart from the hot path, which ends at "nothing".
    @inline(never)
    mutating func tell(
        _ verdict: AlertGate.Verdict,
        of rule: Int,
        about subject: AlertSubject,
        at receiptTime: Timestamp,
        into alerts: inout [Alert],
        finding: (AlertSubject) -> AlertFinding
    ) {
        switch verdict {
        case .nothing: break
        case .heldBack: counts[rule].heldBack += 1
        case .alert(let heldBack, let isDelayed):
            counts[rule].fired += 1
            if isDelayed { counts[rule].heldBack -= 1 }
            let (rule, finding) = (rules[rule], finding(subject))
            alerts.append(Alert(rule: rule, subject: subject, finding: finding, at: receiptTime, heldBack: heldBack))
        }
    }
}
