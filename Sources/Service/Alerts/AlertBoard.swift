package import Alerts
import Dispatch
package import Feeds
package import Ingest
package import Live
package import MarketData
private import Synchronization
import TickStore

/// Evaluates the rules on what comes in, and passes on the alerts: to those who listen, and into the outboxes.
///
/// Safe to use from any thread.
package final class AlertBoard: Sendable {
    /// Somebody who is told of alerts over the network, or a database: they wait in an outbox until they arrived.
    package struct Recipient: Sendable {
        package let outbox: Outbox
        /// The least that is passed on.
        package let severity: AlertSeverity
        /// What a letter holds.
        package let letter: @Sendable (Alert) -> [UInt8]

        package init(
            outbox: Outbox,
            severity: AlertSeverity,
            letter: @escaping @Sendable (Alert) -> [UInt8]
        ) {
            self.outbox = outbox
            self.severity = severity
            self.letter = letter
        }
    }

    /// The newest prices of an instrument.
    package struct Prices: Sendable {
        package var trade: ExactDecimal?
        package var bid: ExactDecimal?
        package var ask: ExactDecimal?
        package var time = Timestamp.absent
    }

    /// What the board tells about itself.
    package struct Report: Sendable {
        package let summary: AlertSummary
        /// From the receipt of messages until the rules had seen them and their alerts were passed on, in seconds: of
        /// those that were looked at together the oldest, which waited longest.
        package let delay: Histogram
        /// Messages that were not looked at, because evaluation fell behind.
        package let skipped: Int
        /// The last alerts, the newest at the end.
        package let recent: [Alert]
        package let listeners: Int
        package let prices: [(instrument: Instrument, prices: Prices)]
    }

    private let now: @Sendable () -> Timestamp
    private let log: @Sendable (String) -> Void
    private let mail = DispatchQueue(label: "tapedesk.alerts.mail")
    private let state: Mutex<State>

    private struct State {
        var engine: AlertEngine
        var recipients: [Recipient] = []
        var taps: [String: AlertTap] = [:]
        var seen: [String: SourceTotals] = [:]
        var delay = Histogram(
            bounds: [
                0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1, 1,
            ]
        )
        var recent: [Alert] = []
        var listeners: [Int: AsyncStream<Alert>.Continuation] = [:]
        var nextListener = 0
        var prices: [Instrument: Prices] = [:]
        var pendingLetters = 0
    }

    /// What was counted of a source when it was looked at last.
    private struct SourceTotals {
        var records = 0
        var rejected = 0
        /// Holes that were told of.
        var gaps: Set<String> = []
    }

    private static let recentMax = 1_000
    private static let listenersMax = 100
    private static let pricesMax = 10_000
    private static let gapsMax = 10_000
    /// A listener who reads no more misses alerts beyond so many; it is told by their numbers.
    private static let queueMax = 1_000
    private static let pendingLettersMax = 100_000

    /// - Parameters:
    ///   - now: the clock that times of receipt are taken from.
    ///   - log: takes a line for people.
    /// - Throws: `AlertRuleError` where two rules have one name.
    package init(
        rules: [AlertRule],
        now: @escaping @Sendable () -> Timestamp,
        log: @escaping @Sendable (String) -> Void
    ) throws(AlertRuleError) {
        let engine = try AlertEngine(rules: rules)
        self.now = now
        self.log = log
        state = Mutex(State(engine: engine))
    }

    /// Who is told from now on.
    package func setRecipients(_ recipients: [Recipient]) {
        state.withLock { $0.recipients = recipients }
    }

    /// Takes other rules; those that are the same remember what they saw.
    ///
    /// - Throws: `AlertRuleError` where two rules have one name.
    package func replaceRules(_ rules: [AlertRule]) throws(AlertRuleError) {
        try state.withLock { state throws(AlertRuleError) in try state.engine.replaceRules(rules) }
    }

    /// Begins to watch a source.
    ///
    /// - Parameter onGaps: is told what is missing, at once.
    /// - Throws: `TapeError` where nothing decodes its messages.
    package func tap(
        _ header: TapeHeader,
        source: String,
        venue: String,
        onGaps: @escaping @Sendable ([GapChange]) -> Void
    ) throws(TapeError) -> any FeedWatcher {
        let tap = try AlertTap(header, source: source, venue: venue) { [weak self] epoch in
            self?.observe(epoch, source: source)
            if !epoch.gaps.isEmpty { onGaps(epoch.gaps) }
        }
        state.withLock { state in
            state.engine.follow(true, source: state.engine.source(source))
            state.taps[source] = tap
        }
        return tap
    }

    /// Ends watching a source: that it is silent from now on is no news.
    package func untap(_ source: String) {
        state.withLock { state in
            state.taps[source] = nil
            state.engine.follow(false, source: state.engine.source(source))
        }
    }

    // MARK: Evaluation

    /// Looks at what was decoded of a source.
    private func observe(_ epoch: Epoch, source: String) {
        let time = now()
        let oldest = epoch.buckets.compactMap { $0.events.first?.receiptTime }.min()
        change(oldest: oldest) { state, alerts in
            let number = state.engine.source(source)
            state.engine.received(source: number, at: time)
            for bucket in epoch.buckets {
                let instrument = bucket.key.instrument
                let lane = state.engine.instrument(instrument)
                state.engine.came(lane, from: number)
                for event in bucket.events { state.engine.event(event, lane: lane, into: &alerts) }
                if let last = bucket.events.last(where: { !$0.flags.contains(.outOfOrder) }) {
                    Self.note(last, of: instrument, in: &state)
                }
            }
            var seen = state.seen[source] ?? SourceTotals()
            Self.addRecords(epoch.counts, to: &seen) { count, rejected in
                state.engine.records(source: number, count: count, rejected: rejected, at: time, into: &alerts)
            }
            for gap in epoch.gaps where gap.missing > 0 {
                if seen.gaps.count >= Self.gapsMax { seen.gaps = [] }
                guard seen.gaps.insert("\(gap.stream)|\(gap.numbering)|\(gap.after)").inserted else { continue }
                state.engine.gap(
                    source: number,
                    stream: gap.stream,
                    missing: gap.missing,
                    at: time,
                    into: &alerts
                )
            }
            state.seen[source] = seen
        }
    }

    private static func addRecords(
        _ counts: ReplayCounts,
        to seen: inout SourceTotals,
        _ evaluate: (_ count: Int64, _ rejected: Int64) -> Void
    ) {
        let rejected = counts.rejected.values.reduce(0, +)
        let (newRecords, newRejected) = (counts.records - seen.records, rejected - seen.rejected)
        seen.records = counts.records
        seen.rejected = rejected
        if newRecords > 0 { evaluate(Int64(newRecords), Int64(newRejected)) }
    }

    private static func note(_ event: MarketEvent, of instrument: Instrument, in state: inout State) {
        guard state.prices[instrument] != nil || state.prices.count < pricesMax else { return }
        state.prices[instrument, default: Prices()].note(event)
    }

    /// Looks at what the passing of time brings about; to be called every second.
    package func tick() {
        let time = now()
        change { state, alerts in state.engine.tick(now: time, into: &alerts) }
    }

    /// Whether some rule is about tickets.
    package var watchesTickets: Bool {
        state.withLock { $0.engine.rules.contains { $0.condition == .ticketOverdue } }
    }

    /// Looks at the tickets that are overdue: all of them.
    package func tickets(overdue: [OverdueTicket]) {
        let time = now()
        change { state, alerts in state.engine.tickets(overdue: overdue, now: time, into: &alerts) }
    }

    /// - Parameter oldest: when the first of what is evaluated was received; nil where nothing was.
    private func change(oldest: Timestamp? = nil, _ evaluate: (inout State, inout [Alert]) -> Void) {
        let (alerts, recipients) = state.withLock { state in
            var alerts: [Alert] = []
            evaluate(&state, &alerts)
            alerts.removeAll { alert in
                if case .source(let name) = alert.subject { state.taps[name] == nil } else { false }
            }
            if !alerts.isEmpty { pass(alerts, on: &state) }
            if let oldest, !oldest.isAbsent {
                state.delay.add(Double(now().nanoseconds - oldest.nanoseconds) / 1e9)
            }
            return (alerts, state.recipients)
        }
        guard !alerts.isEmpty, !recipients.isEmpty else { return }
        post(alerts, to: recipients)
    }

    /// Tells the listeners, and remembers.
    private func pass(_ alerts: [Alert], on state: inout State) {
        for alert in alerts {
            for listener in state.listeners.values { listener.yield(alert) }
            state.recent.append(alert)
        }
        if state.recent.count > Self.recentMax { state.recent.removeFirst(state.recent.count - Self.recentMax) }
    }

    /// Puts letters into the outboxes, which takes the disk's time: on a thread of its own.
    private func post(_ alerts: [Alert], to recipients: [Recipient]) {
        let isTaken = state.withLock { state in
            guard state.pendingLetters + alerts.count <= Self.pendingLettersMax else { return false }
            state.pendingLetters += alerts.count
            return true
        }
        guard isTaken else { return log("\(alerts.count) alerts are not delivered: the disk is too slow for them") }
        mail.async { [self] in
            for alert in alerts {
                for recipient in recipients where alert.severity >= recipient.severity {
                    do throws(Outbox.Failure) {
                        try recipient.outbox.put(recipient.letter(alert))
                    } catch {
                        log("the alert \(alert.id) is not delivered: \(error)")
                    }
                }
            }
            state.withLock { $0.pendingLetters -= alerts.count }
        }
    }

    // MARK: Listening

    /// Alerts from now on, behind those that came after the one with an id, as far as they are remembered.
    ///
    /// Nil where too many listen.
    package func listen(after id: String?) -> (missed: [Alert], alerts: AsyncStream<Alert>)? {
        state.withLock { state in
            guard state.listeners.count < Self.listenersMax else { return nil }
            let (stream, continuation) = AsyncStream.makeStream(
                of: Alert.self,
                bufferingPolicy: .bufferingNewest(Self.queueMax)
            )
            let number = state.nextListener
            state.nextListener += 1
            state.listeners[number] = continuation
            continuation.onTermination = { [weak self] _ in self?.removeListener(number) }
            let place = id.flatMap { id in state.recent.lastIndex { $0.id == id } }
            return (place.map { Array(state.recent[($0 + 1)...]) } ?? [], stream)
        }
    }

    private func removeListener(_ number: Int) { state.withLock { $0.listeners[number] = nil } }

    /// What the board tells about itself.
    package var report: Report {
        state.withLock { state in
            Report(
                summary: state.engine.summary,
                delay: state.delay,
                skipped: state.taps.values.reduce(0) { $0 + $1.skipped },
                recent: state.recent,
                listeners: state.listeners.count,
                prices: state.prices.sorted { $0.key.description < $1.key.description }.map { ($0.key, $0.value) }
            )
        }
    }
}

extension AlertBoard.Prices {
    fileprivate mutating func note(_ event: MarketEvent) {
        // What is late, or was missed and fetched, is not the newest.
        guard time.isAbsent || event.eventTime >= time else { return }
        time = event.eventTime
        switch event.payload {
        case .trade(let value): trade = value.price
        case .candle(let value): trade = value.close
        case .quote(let value):
            if !value.bidPrice.isAbsent { bid = value.bidPrice }
            if !value.askPrice.isAbsent { ask = value.askPrice }
        }
    }
}
