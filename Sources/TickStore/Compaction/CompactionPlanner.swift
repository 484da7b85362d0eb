import MarketData

/// One thing that compaction does, in one atomic change or in deletions of what is proved to be elsewhere.
enum CompactionStep: Sendable {
    /// Put the blocks of a bucket into the order of event time, and encode them for size.
    case seal(BucketOutline)
    /// Make one segment of documents of a day, and seal those that are not sealed on the way; they are in the order
    /// of their slots.
    ///
    /// The part of the segment is greater than that of any segment of the day that is left.
    case rollUp([BucketOutline], part: Int64)
    /// Delete the documents that a segment took the place of, after reading it back.
    case removeReplaced(segment: String, [BucketOutline])
    /// Delete the events of a sealed document whose time is over, by a rule.
    case delete(BucketOutline, RetentionRule)
    /// Make the bars of an hour of trades final.
    case finalizeHour(CandleHour)
    /// Make the bar of a day final, whose hours are.
    case finalizeDay(source: String, Instrument, start: Int64)

    /// The documents that the step is about.
    var members: [BucketOutline] {
        switch self {
        case .seal(let bucket), .delete(let bucket, _): [bucket]
        case .rollUp(let members, _), .removeReplaced(_, let members): members
        case .finalizeHour, .finalizeDay: []
        }
    }

    /// What a step counts for where compaction keeps a pace, in bytes of blocks.
    ///
    /// Small documents and bars cost those who write beside it by their number: each is a change that MongoDB
    /// brings to the disk.
    var costInBytes: Int {
        max(Self.costMin, members.reduce(0) { $0 + Int($1.state.blockBytes) })
    }

    private static let costMin = 64 * 1024

    /// What tells the step from others of the same run.
    var identity: String {
        switch self {
        case .seal(let bucket): "seal \(bucket.id) \(bucket.state.version)"
        case .rollUp(let members, _):
            // At once with sealing it is tried but once: where somebody goes on writing, single buckets are sealed.
            members.allSatisfy(\.isSealed)
                ? "roll up " + members.map { "\($0.id) \($0.state.version)" }.joined(separator: " ")
                : "seal and roll up \(members.first?.id ?? "")"
        case .removeReplaced(let segment, _): "remove replaced by \(segment)"
        case .delete(let bucket, _): "delete \(bucket.id) \(bucket.state.version)"
        case .finalizeHour(let hour): "finalize \(hour.source) \(hour.instrument) \(hour.start) \(hour.appliedThrough)"
        case .finalizeDay(let source, let instrument, let start): "finalize day \(source) \(instrument) \(start)"
        }
    }
}

/// Decides what is to be done from what documents say about themselves: pure, and without side effects.
///
/// A plan holds the steps that can be taken now. What they lead to is seen by planning again: roll-ups follow
/// sealing, deletions of what was rolled up follow that, and what is over by a rule of retention goes last, in as few
/// documents as there are then.
struct CompactionPlanner: Sendable {
    let policy: CompactionPolicy
    /// By source; one that is missing has no clock.
    let clocks: [String: SourceClock]
    /// The server's time, in nanoseconds.
    let now: Int64
    /// The bars of the instrument's hours and days, which are made of the trades before these may go; nil where bars
    /// are not looked at.
    var candles: CandleMarks?
    /// The identities of steps that are not planned once more: they were tried in this run.
    var tried: Set<String> = []

    /// The steps for documents of one instrument.
    ///
    /// `outlines` are all of the instrument's documents, replaced ones included.
    func steps(_ outlines: [BucketOutline]) -> [CompactionStep] {
        let days = Dictionary(grouping: outlines) { outline in
            Day(
                source: outline.source,
                kind: outline.kind,
                start: outline.kind.segmentStart(of: outline.windowStart) ?? outline.windowStart
            )
        }
        return days.sorted { $0.key < $1.key }.flatMap { steps(of: $0.key, $0.value) }.filter(isNew)
    }

    /// The documents of one lane that a segment may hold together.
    private struct Day: Hashable, Comparable {
        let source: String
        let kind: EventKind
        let start: Int64

        static func < (left: Day, right: Day) -> Bool {
            (left.start, left.source, left.kind.rawValue) < (right.start, right.source, right.kind.rawValue)
        }
    }

    private func steps(of day: Day, _ outlines: [BucketOutline]) -> [CompactionStep] {
        let replaced = Dictionary(grouping: outlines.filter { $0.replacedBy != nil }) { $0.replacedBy ?? "" }
        let removals = replaced.sorted { $0.key < $1.key }
            .map { CompactionStep.removeReplaced(segment: $0.key, $0.value) }
        let live = outlines.filter { $0.replacedBy == nil }
        let clock = clocks[day.source] ?? SourceClock()
        let open = live.filter { !$0.isSealed && $0.state.eventCount > 0 && $0.quarantined == nil }
        let seals = open.filter { policy.isDue(windowEnd: $0.windowEnd, clock, now: now) }
            .sorted { $0.firstSlot < $1.firstSlot }
        // The next roll-up would replace what the deletions are compared with, so it waits for them.
        // A segment must not be emptied, either, before what it replaced was compared with it.
        guard removals.isEmpty else { return removals + seals.map { .seal($0) } }
        let last = outlines.lazy.filter(\.isSegment).map(\.state.part).max()
        let rollUps =
            seals.count == open.count
            ? rollUps(of: day, live, clock, from: last.map { $0 + 1 } ?? SegmentBuilder.firstPart) : []
        guard seals.isEmpty else { return Self.sealing(seals, rollUps.filter(isNew)) }
        // Bars that cannot be made final keep nothing but the deletion of their trades waiting.
        let hourBars = hourSteps(of: day, live, clock).filter(isNew)
        guard hourBars.isEmpty else { return hourBars }
        let dayBar = dayStep(of: day, live, clock).filter(isNew)
        // The bar of a day is made of bars: it does not matter to it where the trades are.
        guard dayBar.isEmpty, rollUps.isEmpty else { return dayBar + rollUps }
        return deletions(live)
    }

    /// Seals documents: those that go into a segment on the way there, the others where they are.
    private static func sealing(_ seals: [BucketOutline], _ rollUps: [CompactionStep]) -> [CompactionStep] {
        let together = rollUps.filter { !$0.members.allSatisfy(\.isSealed) }
        let rolledUp = Set(together.flatMap(\.members).map(\.id))
        return together + seals.filter { !rolledUp.contains($0.id) }.map { .seal($0) }
    }

    private func isNew(_ step: CompactionStep) -> Bool { !tried.contains(step.identity) }

    /// What makes the bars of hours final whose trades are all sealed.
    private func hourSteps(of day: Day, _ live: [BucketOutline], _ clock: SourceClock) -> [CompactionStep] {
        guard let candles else { return [] }
        let due = hours(of: day, live).filter {
            $0.isSealed && policy.isDue(windowEnd: $0.start.adding(seconds: day.kind.windowSeconds), clock, now: now)
        }
        return due.filter { !candles.isFinal($0) }.map { CompactionStep.finalizeHour($0) }
    }

    /// What makes the bar of the day final, where those of its hours are.
    private func dayStep(of day: Day, _ live: [BucketOutline], _ clock: SourceClock) -> [CompactionStep] {
        let hours = hours(of: day, live)
        let end = day.start.adding(seconds: CandleInterval.day.rawValue)
        guard let candles, let instrument = hours.first?.instrument, policy.isDue(windowEnd: end, clock, now: now),
            hours.allSatisfy(candles.isFinal), !candles.isDayFinal(day.source, day.start, hours)
        else { return [] }
        return [.finalizeDay(source: day.source, instrument, start: day.start)]
    }

    private func hours(of day: Day, _ live: [BucketOutline]) -> [CandleHour] {
        guard day.kind == .trade, let instrument = live.first?.instrument else { return [] }
        return CandleHour.hours(of: live, source: day.source, instrument)
    }

    private func deletions(_ live: [BucketOutline]) -> [CompactionStep] {
        live.sorted { $0.firstSlot < $1.firstSlot }.compactMap { outline in
            guard outline.isSealed, outline.quarantined == nil, policy.covers(windowEnd: outline.windowEnd),
                candles?.areFinal(of: outline) ?? true
            else { return nil }
            return policy.retention.ruleToDelete(outline, now: now).map { .delete(outline, $0) }
        }
    }

    private func rollUps(
        of day: Day,
        _ live: [BucketOutline],
        _ clock: SourceClock,
        from part: Int64
    ) -> [CompactionStep] {
        guard let seconds = day.kind.segmentSeconds,
            policy.isDue(windowEnd: day.start.adding(seconds: seconds), clock, now: now)
        else { return [] }
        let placed = live.filter { !$0.storedSlots.isEmpty }
        let ordered = placed.sorted { $0.firstSlot < $1.firstSlot }
        return Self.groups(ordered, bytesMax: policy.segmentBytesMax, bytes: Self.sealedBytes)
            .enumerated()
            .map { .rollUp($1, part: part + Int64($0)) }
    }

    /// The least that a document comes to when it is sealed: of a group that is too large then, a segment takes what
    /// fits, while too small ones would be rolled up once more.
    ///
    /// Behind what is sealed, only what is sure to fit is worth writing that once more.
    private static func sealedBytes(_ document: BucketOutline, behind group: [BucketOutline]) -> Int64 {
        let isSure = document.isSealed || group.first?.isSealed ?? false
        return isSure ? document.state.blockBytes : document.state.blockBytes / sealingGainMax
    }

    /// Sealing hardly ever makes blocks of a bucket smaller than by this factor.
    private static let sealingGainMax: Int64 = 4

    /// Neighbours that fit into one segment together, by what `bytes` says that each takes there.
    ///
    /// Only neighbours in the order of first slots go together: then the parts of every window ascend from document
    /// to document, which is what orders events of equal time. A document without events stays where it is, between
    /// its neighbours, as does one in quarantine: its events may be restored. So does one with fields that this program
    /// does not know, which the segment would not have.
    static func groups(
        _ documents: [BucketOutline],
        bytesMax: Int64,
        bytes bytesOf: (BucketOutline, _ group: [BucketOutline]) -> Int64 = { document, _ in document.state.blockBytes }
    ) -> [[BucketOutline]] {
        var groups: [[BucketOutline]] = []
        var bytes: Int64 = 0
        for document in documents {
            let stays =
                document.state.eventCount == 0 || document.quarantined != nil || document.hasUnknownFields
            if groups.isEmpty || stays || bytes + bytesOf(document, groups.last ?? []) > bytesMax {
                groups.append([])
                bytes = 0
            }
            if stays { continue }
            bytes += bytesOf(document, groups.last ?? [])
            groups[groups.count - 1].append(document)
        }
        return groups.filter { $0.count > 1 }
    }
}
