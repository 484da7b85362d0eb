import MarketData

/// The sentences of alerts, and the numbers in them.
///
/// Prices and volumes are as they were sent. Percentages and multiples are rounded half to even, to four places or two
/// more than the threshold has.
enum AlertTexts {
    static func level(_ watch: LevelWatch, _ price: ExactDecimal, _ verb: String, _ subject: AlertSubject)
        -> AlertFinding
    {
        let (side, level) = (watch.isAbove ? "above" : "below", watch.level.description)
        return AlertFinding(
            message: "\(subject) \(verb) at \(price), \(side) the level of \(level).",
            value: price.description,
            threshold: level
        )
    }

    static func move(_ watch: MoveWatch, _ subject: AlertSubject) -> AlertFinding {
        let (from, to) = (watch.from, watch.window.newest)
        var change = DecimalSum(to)
        change.add(ExactDecimal(mantissa: -from.mantissa, exponent: from.exponent))
        let threshold = watch.percentage.description
        let least = watch.isUp ? threshold : "-" + threshold
        let share = percentage(change, of: DecimalSum(from), watch.percentage) ?? least
        let size = share.hasPrefix("-") ? String(share.dropFirst()) : share
        return AlertFinding(
            message: "\(subject) \(watch.isUp ? "rose" : "fell") by \(size) % within \(text(watch.length)),"
                + " from \(from) to \(to); the rule is at least \(threshold) %.",
            value: share,
            threshold: threshold
        )
    }

    static func volume(_ watch: VolumeWatch, _ subject: AlertSubject) -> AlertFinding {
        let windows = watch.windows
        let threshold = watch.times.description
        var sum = DecimalSum.zero
        if let running = windows.running.parts {
            let (mantissa, overflow) = running.mantissa.multipliedReportingOverflow(by: Int128(windows.count))
            sum = overflow ? .overflown : DecimalSum(mantissa: mantissa, exponent: running.exponent)
        }
        let times = sum.divided(by: windows.total, places: places(watch.times))?.description ?? threshold
        return AlertFinding(
            message: "\(subject) traded \(windows.running) within \(text(watch.length)), \(times) times the average of"
                + " the \(windows.count) windows before; the rule is at least \(threshold) times.",
            value: times,
            threshold: threshold
        )
    }

    static func spread(_ watch: SpreadWatch, _ subject: AlertSubject) -> AlertFinding {
        let threshold = watch.percentage.description
        let minusBid = ExactDecimal(mantissa: -watch.bid.mantissa, exponent: watch.bid.exponent)
        var spreadTwice = DecimalSum.zero
        for part in [watch.ask, watch.ask, minusBid, minusBid] { spreadTwice.add(part) }
        var midTwice = DecimalSum(watch.ask)
        midTwice.add(watch.bid)
        let share = percentage(spreadTwice, of: midTwice, watch.percentage) ?? threshold
        return AlertFinding(
            message: "\(subject) has a spread of \(share) %, bid \(watch.bid) and ask \(watch.ask);"
                + " the rule is more than \(threshold) %.",
            value: share,
            threshold: threshold
        )
    }

    static func silence(_ watch: SilenceWatch, lastReceived: Timestamp, now: Timestamp, _ subject: AlertSubject)
        -> AlertFinding
    {
        let silence = text(.nanoseconds(now.nanoseconds - lastReceived.nanoseconds))
        let threshold = text(watch.limit)
        return AlertFinding(
            message: "Nothing was received from \(subject) for \(silence); the rule is \(threshold).",
            value: silence,
            threshold: threshold
        )
    }

    static func gap(_ watch: GapWatch, _ subject: AlertSubject) -> AlertFinding {
        let records = watch.missing == 1 ? "record is" : "records are"
        return AlertFinding(
            message: "\(watch.missing) \(records) missing in the stream \(watch.stream) of \(subject);"
                + " the rule is at least \(watch.missingAtLeast).",
            value: String(watch.missing),
            threshold: String(watch.missingAtLeast)
        )
    }

    static func rejects(_ watch: RejectWatch, _ subject: AlertSubject) -> AlertFinding {
        let threshold = watch.percentage.description
        let rejected = DecimalSum(mantissa: Int128(watch.rejected), exponent: 0)
        let all = DecimalSum(mantissa: Int128(watch.count), exponent: 0)
        let share = percentage(rejected, of: all, watch.percentage) ?? threshold
        return AlertFinding(
            message: "\(watch.rejected) of the last \(watch.count) records of \(subject) were rejected within"
                + " \(text(watch.length)), which is \(share) %; the rule is more than \(threshold) %.",
            value: share,
            threshold: threshold
        )
    }

    static func overdue(_ ticket: OverdueTicket, now: Timestamp) -> AlertFinding {
        let (distance, overflow) = now.nanoseconds.subtractingReportingOverflow(ticket.since.nanoseconds)
        let time = text(.nanoseconds(overflow ? 0 : max(0, distance)))
        return AlertFinding(
            message: "Ticket \(ticket.number) has been overdue for \(time).",
            value: time,
            threshold: "0s",
            eventTime: ticket.since
        )
    }

    /// Nil where the numbers are so far apart that the quotient does not fit.
    private static func percentage(
        _ part: DecimalSum,
        of whole: DecimalSum,
        _ threshold: ExactDecimal
    ) -> String? {
        part.divided(by: whole, places: places(threshold) + 2)?.parts.map {
            DecimalSum(mantissa: $0.mantissa, exponent: $0.exponent + 2).description
        }
    }

    private static func places(_ threshold: ExactDecimal) -> Int { max(4, 2 - Int(threshold.normalized.exponent)) }

    /// A duration as people write it, `1h30m` or `2.5s`; what is beyond milliseconds is left out.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeNanoseconds / 1_000_000
        var rest = milliseconds / 1_000
        var text = ""
        for (unit, seconds) in [("d", Int64(86_400)), ("h", 3_600), ("m", 60)] where rest >= seconds {
            text += "\(rest / seconds)\(unit)"
            rest %= seconds
        }
        let seconds = ExactDecimal(mantissa: rest * 1_000 + milliseconds % 1_000, exponent: -3)
        return seconds == .zero && !text.isEmpty ? text : text + "\(seconds)s"
    }
}
