package import MarketData

/// What to watch, and how to tell of it.
package struct AlertRule: Hashable, Sendable {
    /// Unique among the rules; the beginning of the ids of its alerts.
    package let name: String
    package let scope: AlertScope
    package let condition: AlertCondition
    package let severity: AlertSeverity
    /// How far a value has to come back past the threshold before the rule can fire again, in percent of the threshold.
    package let rearm: ExactDecimal
    /// How long after an alert no other follows about the same subject, in the time of receipt.
    package let coolDown: Duration

    /// A rule that can be evaluated.
    ///
    /// - Parameter rearm: nil for what is usual for the condition.
    /// - Throws: what is wrong with it.
    package init(
        name: String,
        scope: AlertScope,
        condition: AlertCondition,
        severity: AlertSeverity = .warning,
        rearm: ExactDecimal? = nil,
        coolDown: Duration = .seconds(60)
    ) throws(AlertRuleError) {
        self.name = name
        self.scope = scope
        self.condition = condition
        self.severity = severity
        self.rearm = rearm ?? condition.usualRearm
        self.coolDown = coolDown
        try check()
    }

    /// The longest window and cool-down: times within it can be added to any time since 1970 that is met.
    static let longest = Duration.seconds(366 * 86_400)
    /// The greatest number of windows that an average is taken over.
    package static let averageOverMax = 1_000
    private static let nameLengthMax = 64

    private func check() throws(AlertRuleError) {
        guard (1...Self.nameLengthMax).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNameByte) else {
            throw .name
        }
        guard condition.allows(scope) else { throw .scope }
        guard coolDown >= .zero, coolDown <= Self.longest else { throw .coolDown }
        guard let rearm = Self.short(rearm), rearm >= .zero, rearm < ExactDecimal(mantissa: 100, exponent: 0),
            rearm.exponent >= -4
        else { throw .rearm }
        switch condition {
        case .priceAbove(let level), .priceBelow(let level):
            guard level.mantissa > 0 else { throw .level }
        case .move(let percentage, let window):
            try Self.check(percentage: percentage)
            try Self.check(length: window)
        case .volumeSpike(let times, let window, let averageOver):
            guard let times = Self.short(times), times.mantissa > 0 else { throw .times }
            guard (1...Self.averageOverMax).contains(averageOver) else { throw .averageOver }
            try Self.check(length: window)
        case .spread(let percentage): try Self.check(percentage: percentage)
        case .silent(let duration): try Self.check(length: duration)
        case .gap(let missing): guard missing > 0 else { throw .count }
        case .rejectRate(let percentage, let window, let minimum):
            // A rate of more than zero percent is a sensible threshold.
            if percentage != .zero { try Self.check(percentage: percentage) }
            try Self.check(length: window)
            guard minimum > 0 else { throw .count }
        case .ticketOverdue: break
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func check(percentage: ExactDecimal) throws(AlertRuleError) {
        guard let percentage = short(percentage), percentage.mantissa > 0 else { throw .percentage }
    }

    private static func check(length: Duration) throws(AlertRuleError) {
        // Windows are divided into 64 steps of whole nanoseconds.
        guard length >= .milliseconds(1), length <= longest else { throw .length }
    }

    /// The number where it is at most a million with at most six decimal places, otherwise nil.
    ///
    /// What is made of two such numbers and a hundred fits into 64 bits, so that thresholds are exact.
    private static func short(_ number: ExactDecimal) -> ExactDecimal? {
        guard !number.isAbsent, (-40...6).contains(number.exponent) else { return nil }
        let short = number.normalized
        guard short.exponent >= -6, short <= ExactDecimal(mantissa: 1_000_000, exponent: 0) else { return nil }
        return short
    }
}

/// What is wrong with a rule.
package enum AlertRuleError: Error, Hashable, Sendable, CustomStringConvertible {
    case name
    case duplicateName(String)
    case scope
    case level
    case percentage
    case times
    case length
    case averageOver
    case count
    case rearm
    case coolDown

    package var description: String {
        switch self {
        case .name: "a name has 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and '.'"
        case .duplicateName(let name): "there are two rules with the name '\(name)'"
        case .scope:
            "prices, moves, volumes and spreads are watched per instrument, gaps and reject rates per source, silence"
                + " per either"
        case .level: "a level is greater than zero"
        case .percentage: "a percentage is greater than zero, at most 1000000, with at most six decimal places"
        case .times: "a multiple is greater than zero, at most 1000000, with at most six decimal places"
        case .length: "a window lasts from one millisecond to 366 days"
        case .averageOver: "an average is taken over 1 to \(AlertRule.averageOverMax) windows"
        case .count: "a number of records is at least 1"
        case .rearm: "what it takes to re-arm is from 0 up to, not including, 100 %, with at most four decimal places"
        case .coolDown: "a cool-down lasts from zero to 366 days"
        }
    }
}
