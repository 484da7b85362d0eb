package import MarketData

/// Evaluates rules on everything that is received, in memory and at once.
///
/// Pure: the same rules and the same calls give the same alerts. Times are passed in; those of receipt are never
/// absent, and run forwards but for corrections of the clock. Events are expected to be validated.
///
/// Subjects are given numbers once, and know the rules that are about them: an event of an instrument without rules
/// costs a look at its lane, any other the rules of that instrument. Numbers stay valid when rules are replaced.
///
/// Memory is bounded by `AlertLimits`; what grows is, per instrument and rule, up to 25 kB for a move and 32 bytes for
/// each window that a volume is averaged over.
package struct AlertEngine: Sendable {
    var book: AlertBook
    let limits: AlertLimits
    var untracked = 0

    private var instrumentNumbers: [Instrument: Int] = [:]
    var instruments: [Instrument] = []
    var lanes: [InstrumentLane] = []
    private var sourceNumbers: [String: Int] = [:]
    var sources: [String] = []
    var sourceLanes: [SourceLane] = []

    var levels = WatchTable<LevelWatch>()
    var moves = WatchTable<MoveWatch>()
    var volumes = WatchTable<VolumeWatch>()
    var spreads = WatchTable<SpreadWatch>()
    var silences = WatchTable<SilenceWatch>()
    var gaps = WatchTable<GapWatch>()
    var rejects = WatchTable<RejectWatch>()
    var tickets = WatchTable<TicketWatch>()
    var ticketSpan: WatchSpan

    /// An instrument: its watches, and when something of it was received last, where that is asked for.
    struct InstrumentLane: Sendable {
        var lastReceived = Timestamp.absent
        /// The source that something of it came from last; negative where that is not known.
        var source = AlertEngine.noLane
        var levels: WatchSpan
        var moves: WatchSpan
        var volumes: WatchSpan
        var spreads: WatchSpan
        var silences: WatchSpan

        @inline(__always) var isWatched: Bool {
            !(levels.isEmpty && moves.isEmpty && volumes.isEmpty && spreads.isEmpty && silences.isEmpty)
        }
    }

    /// A source, in the same way.
    struct SourceLane: Sendable {
        var lastReceived = Timestamp.absent
        /// Whether anything is to be expected of it.
        var isFollowed = true
        var silences: WatchSpan
        var gaps: WatchSpan
        var rejects: WatchSpan
    }

    /// The lane of everything that is not watched because there are too many.
    ///
    /// It takes events like any other, and ignores them.
    package static let noLane = -1

    /// - Throws: `duplicateName`.
    package init(rules: [AlertRule], limits: AlertLimits = AlertLimits()) throws(AlertRuleError) {
        book = try AlertBook(rules)
        self.limits = limits
        ticketSpan = tickets.append(rules) { $0 == .tickets }
    }

    /// The rules in force.
    package var rules: [AlertRule] { book.rules }

    /// The lane of an instrument: the same number whenever it is asked for; `noLane` where there are too many.
    package mutating func instrument(_ instrument: Instrument) -> Int {
        if let number = instrumentNumbers[instrument] { return number }
        guard instruments.count < limits.instruments else {
            untracked += 1
            return Self.noLane
        }
        let number = instruments.count
        instrumentNumbers[instrument] = number
        instruments.append(instrument)
        lanes.append(
            InstrumentLane(
                levels: levels.append(rules) { $0.includes(instrument) },
                moves: moves.append(rules) { $0.includes(instrument) },
                volumes: volumes.append(rules) { $0.includes(instrument) },
                spreads: spreads.append(rules) { $0.includes(instrument) },
                silences: silences.append(rules) { $0.includes(instrument) }
            )
        )
        return number
    }

    /// The number of a source: the same whenever it is asked for; `noLane` where there are too many.
    ///
    /// Ask for every source at the start: a source that is never heard of is silent from the first tick on.
    package mutating func source(_ name: String) -> Int {
        if let number = sourceNumbers[name] { return number }
        guard sources.count < limits.sources else {
            untracked += 1
            return Self.noLane
        }
        let number = sources.count
        sourceNumbers[name] = number
        sources.append(name)
        sourceLanes.append(
            SourceLane(
                silences: silences.append(rules) { $0.includes(source: name) },
                gaps: gaps.append(rules) { $0.includes(source: name) },
                rejects: rejects.append(rules) { $0.includes(source: name) }
            )
        )
        return number
    }

    /// What was told and held back so far.
    package var summary: AlertSummary {
        AlertSummary(
            rules: book.counts,
            instruments: instruments.count,
            watchedInstruments: lanes.count { $0.isWatched },
            sources: sources.count,
            untracked: untracked
        )
    }
}
