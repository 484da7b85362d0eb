package import MarketData

/// What a rule waits for.
///
/// Percentages are written as in `5` for 5 %. Those that say "at least" hold at the threshold itself, the others only
/// beyond it.
package enum AlertCondition: Hashable, Sendable {
    /// A price greater than the level: of a trade, or the close of a candle.
    ///
    /// The first price that is seen counts as having come from the other side. A daemon that was not running while the
    /// price crossed would keep silent about it otherwise, for as long as the price stays there; that an alert is given
    /// at the start where the condition holds already is what users of monitoring systems expect.
    case priceAbove(ExactDecimal)
    /// A price less than the level; see `priceAbove`.
    case priceBelow(ExactDecimal)
    /// A price at least so many percent above the lowest, or below the highest, of the time before it.
    ///
    /// The window slides with the time of events, not of their receipt.
    case move(percentage: ExactDecimal, window: Duration)
    /// Trades of at least `times` the average volume of the `averageOver` windows before, within one window.
    ///
    /// Windows follow one another from midnight of 1970-01-01 UTC on, by the time of events. The one that an instrument
    /// is first seen in is cut and not averaged. The alert comes as soon as the volume is reached, not at the end of
    /// the window. Nothing is a multiple of an average of zero.
    case volumeSpike(times: ExactDecimal, window: Duration, averageOver: Int)
    /// Bid and ask further apart than so many percent of the price in the middle between them.
    case spread(percentage: ExactDecimal)
    /// Nothing received of an instrument, or of a source, for at least that long.
    case silent(Duration)
    /// A gap opened in a stream of a source, with at least so many records missing.
    case gap(missingAtLeast: Int64)
    /// More than so many percent of the records of a source rejected.
    ///
    /// Counted over a window of the time of receipt that slides in steps of a 64th of its length, and judged only
    /// where there are `minimumRecords` in it.
    case rejectRate(percentage: ExactDecimal, window: Duration, minimumRecords: Int64)
    /// A ticket is overdue.
    case ticketOverdue

    /// The hysteresis of a rule that says nothing of it, in percent of its threshold.
    ///
    /// Prices move in small steps around a level; percentages and multiples jump.
    package var usualRearm: ExactDecimal {
        switch self {
        case .priceAbove, .priceBelow: ExactDecimal(mantissa: 1, exponent: -1)
        default: ExactDecimal(mantissa: 10, exponent: 0)
        }
    }

    /// Whether a rule with this condition can be about what a scope names.
    func allows(_ scope: AlertScope) -> Bool {
        switch (self, scope) {
        case (.priceAbove, .instruments), (.priceBelow, .instruments), (.move, .instruments): true
        case (.volumeSpike, .instruments), (.spread, .instruments): true
        case (.silent, .instruments), (.silent, .sources): true
        case (.gap, .sources), (.rejectRate, .sources): true
        case (.ticketOverdue, .tickets): true
        default: false
        }
    }
}

/// What a rule is about.
package enum AlertScope: Hashable, Sendable {
    /// Instruments that match one of the patterns; all where there is no pattern.
    case instruments([InstrumentPattern])
    /// Sources with one of the names; all where there is no name.
    case sources([String])
    /// All tickets.
    case tickets

    func includes(_ instrument: Instrument) -> Bool {
        guard case .instruments(let patterns) = self else { return false }
        return patterns.isEmpty || patterns.contains { $0.matches(instrument) }
    }

    func includes(source: String) -> Bool {
        guard case .sources(let names) = self else { return false }
        return names.isEmpty || names.contains(source)
    }
}
