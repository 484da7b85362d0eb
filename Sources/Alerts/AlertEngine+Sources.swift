package import MarketData

/// What is evaluated about sources and tickets, and what the passing of time alone tells.
extension AlertEngine {
    /// Notes whether anything is to be expected of a source, and of the instruments that came from it last.
    ///
    /// Silence is no news where nobody listens, and counts anew from when somebody does.
    package mutating func follow(_ isFollowed: Bool, source: Int) {
        guard source >= 0, source < sourceLanes.count else { return }
        sourceLanes[source].isFollowed = isFollowed
        sourceLanes[source].lastReceived = .absent
        for number in lanes.indices where lanes[number].source == source { lanes[number].lastReceived = .absent }
    }

    /// Notes which source something of an instrument came from.
    package mutating func came(_ lane: Int, from source: Int) {
        guard lane >= 0, lane < lanes.count else { return }
        lanes[lane].source = source
    }

    private func isFollowed(_ source: Int) -> Bool {
        source < 0 || source >= sourceLanes.count || sourceLanes[source].isFollowed
    }

    /// Notes that a source sent something; cheap enough for every message.
    package mutating func received(source: Int, at receiptTime: Timestamp) {
        guard source >= 0, source < sourceLanes.count else { return }
        sourceLanes[source].lastReceived = receiptTime
    }

    /// Evaluates the rules for a gap that opened in a stream of a source.
    package mutating func gap(
        source: Int,
        stream: String,
        missing: Int64,
        at receiptTime: Timestamp,
        into alerts: inout [Alert]
    ) {
        guard source >= 0, source < sourceLanes.count else { return }
        for index in sourceLanes[source].gaps.range {
            let verdict = gaps.entries[index].watch.judge(stream: stream, missing: missing, at: receiptTime)
            tell(verdict, ofGap: index, source, at: receiptTime, into: &alerts)
        }
    }

    /// Evaluates the rules for records that were read from a source.
    ///
    /// - Parameters:
    ///   - count: all of them, the rejected ones among them.
    ///   - rejected: how many of them were rejected.
    package mutating func records(
        source: Int,
        count: Int64,
        rejected: Int64,
        at receiptTime: Timestamp,
        into alerts: inout [Alert]
    ) {
        guard source >= 0, source < sourceLanes.count else { return }
        for index in sourceLanes[source].rejects.range {
            let verdict = rejects.entries[index].watch.judge(count: count, rejected: rejected, at: receiptTime)
            if case .nothing = verdict { continue }
            let entry = rejects.entries[index]
            let subject = AlertSubject.source(sources[source])
            book.tell(verdict, of: entry.rule, about: subject, at: receiptTime, into: &alerts) {
                AlertTexts.rejects(entry.watch, $0)
            }
        }
    }

    /// Evaluates what time alone brings about: silence, and gaps that were held back and now are not.
    ///
    /// To be called about once a second, with the clock that times of receipt are taken from. What was never heard of
    /// is silent since the first call.
    package mutating func tick(now: Timestamp, into alerts: inout [Alert]) {
        for number in lanes.indices where !lanes[number].silences.isEmpty && isFollowed(lanes[number].source) {
            let (span, last) = (lanes[number].silences, Self.lastReceived(&lanes[number].lastReceived, now))
            for index in span.range {
                tellSilence(index, last, now, of: number, isSource: false, into: &alerts)
            }
        }
        for number in sourceLanes.indices where sourceLanes[number].isFollowed {
            let (span, last) = (sourceLanes[number].silences, Self.lastReceived(&sourceLanes[number].lastReceived, now))
            for index in span.range {
                tellSilence(index, last, now, of: number, isSource: true, into: &alerts)
            }
            for index in sourceLanes[number].gaps.range {
                tell(gaps.entries[index].watch.judge(at: now), ofGap: index, number, at: now, into: &alerts)
            }
        }
    }

    /// Evaluates the rules for tickets.
    ///
    /// Each is told once, until it is not in the list any more.
    ///
    /// - Parameter overdue: all tickets that are overdue now.
    package mutating func tickets(overdue: [OverdueTicket], now: Timestamp, into alerts: inout [Alert]) {
        let numbers = Set(overdue.lazy.map(\.number))
        for index in tickets.entries.indices {
            tickets.entries[index].watch.keep(numbers, at: now)
            for ticket in overdue {
                guard let verdict = tickets.entries[index].watch.judge(ticket, at: now, limit: limits.tickets) else {
                    untracked += 1
                    continue
                }
                let (rule, subject) = (tickets.entries[index].rule, AlertSubject.ticket(ticket.number))
                book.tell(verdict, of: rule, about: subject, at: now, into: &alerts) { _ in
                    AlertTexts.overdue(ticket, now: now)
                }
            }
        }
    }

    /// When something was received last; now, where that was never, or is ahead because the clock was set back.
    private static func lastReceived(_ time: inout Timestamp, _ now: Timestamp) -> Timestamp {
        if time.nanoseconds < 0 || time > now { time = now }
        return time
    }

    private mutating func tellSilence(
        _ index: Int,
        _ lastReceived: Timestamp,
        _ now: Timestamp,
        of number: Int,
        isSource: Bool,
        into alerts: inout [Alert]
    ) {
        let verdict = silences.entries[index].watch.judge(lastReceived: lastReceived, now: now)
        if case .nothing = verdict { return }
        let entry = silences.entries[index]
        let subject = isSource ? AlertSubject.source(sources[number]) : .instrument(instruments[number])
        book.tell(verdict, of: entry.rule, about: subject, at: now, into: &alerts) {
            AlertTexts.silence(entry.watch, lastReceived: lastReceived, now: now, $0)
        }
    }

    private mutating func tell(
        _ verdict: AlertGate.Verdict,
        ofGap index: Int,
        _ source: Int,
        at now: Timestamp,
        into alerts: inout [Alert]
    ) {
        if case .nothing = verdict { return }
        let entry = gaps.entries[index]
        book.tell(verdict, of: entry.rule, about: .source(sources[source]), at: now, into: &alerts) {
            AlertTexts.gap(entry.watch, $0)
        }
    }
}
