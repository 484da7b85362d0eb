package import MarketData

/// What an alert is about.
package enum AlertSubject: Hashable, Sendable, CustomStringConvertible {
    case instrument(Instrument)
    /// A source by its name.
    case source(String)
    /// A ticket by its number.
    case ticket(String)

    package var description: String {
        switch self {
        case .instrument(let instrument): instrument.description
        case .source(let name): name
        case .ticket(let number): number
        }
    }
}

/// That a rule fired for a subject.
package struct Alert: Hashable, Sendable {
    /// The rule, the subject and the time of receipt in nanoseconds:
    /// `btc-above-100k/BINANCE:BTCUSDT/1764255600123456789`.
    ///
    /// The same events give the same ids, so an alert that is stored twice is stored once.
    package let id: String
    /// The name of the rule.
    package let rule: String
    package let severity: AlertSeverity
    package let subject: AlertSubject
    /// One sentence for people, and a second one where alerts were held back before this one.
    package let message: String
    /// What was measured, without its unit.
    package let value: String
    /// What it was compared with, without its unit.
    package let threshold: String
    /// When it happened by the clock of the venue; absent where no event was the cause.
    package let eventTime: Timestamp
    package let receiptTime: Timestamp
    /// How many times the rule would have fired for this subject since the alert before, had it not cooled down.
    package let heldBack: Int

    init(rule: AlertRule, subject: AlertSubject, finding: AlertFinding, at receiptTime: Timestamp, heldBack: Int) {
        id = "\(rule.name)/\(subject)/\(receiptTime.nanoseconds)"
        self.rule = rule.name
        severity = rule.severity
        self.subject = subject
        let more = heldBack == 1 ? "1 more was" : "\(heldBack) more were"
        message = finding.message + (heldBack == 0 ? "" : " \(more) held back since the alert before.")
        value = finding.value
        threshold = finding.threshold
        eventTime = finding.eventTime
        self.receiptTime = receiptTime
        self.heldBack = heldBack
    }
}

/// What a rule found: the part of an alert that depends on the condition.
struct AlertFinding {
    let message: String
    let value: String
    let threshold: String
    var eventTime = Timestamp.absent
}
