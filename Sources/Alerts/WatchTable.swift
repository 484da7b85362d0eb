/// A rule at work on one subject.
protocol AlertWatch: Sendable {
    /// Nil where the rule has a condition of another kind.
    init?(_ rule: AlertRule)
}

/// The places of the watches of one subject in their table.
struct WatchSpan: Sendable {
    fileprivate let start: Int32
    fileprivate let end: Int32

    @inline(__always) var range: Range<Int> { Int(start)..<Int(end) }
    @inline(__always) var isEmpty: Bool { start == end }
}

/// The watches of one kind, those of a subject next to each other.
struct WatchTable<Watch: AlertWatch>: Sendable {
    struct Entry: Sendable {
        let rule: Int
        var watch: Watch
    }

    var entries: [Entry] = []

    /// Makes the watches of a subject.
    ///
    /// - Parameter includes: whether a rule with this scope is about the subject.
    mutating func append(_ rules: [AlertRule], where includes: (AlertScope) -> Bool) -> WatchSpan {
        let start = Int32(entries.count)
        for (number, rule) in rules.enumerated() where includes(rule.scope) {
            if let watch = Watch(rule) { entries.append(Entry(rule: number, watch: watch)) }
        }
        return WatchSpan(start: start, end: Int32(entries.count))
    }

    /// Makes the watches of a subject under other rules, and goes on with those of rules that have not changed.
    mutating func append(
        _ change: RuleChange,
        where includes: (AlertScope) -> Bool,
        from old: WatchTable,
        _ oldSpan: WatchSpan
    ) -> WatchSpan {
        let span = append(change.rules, where: includes)
        for entry in old.entries[oldSpan.range] {
            guard let number = change.numbers[entry.rule],
                let index = span.range.first(where: { entries[$0].rule == number })
            else { continue }
            entries[index].watch = entry.watch
        }
        return span
    }
}

/// Rules that come in place of others.
struct RuleChange {
    let rules: [AlertRule]
    /// The numbers of the earlier rules among them; nil for those that are gone or have changed.
    let numbers: [Int?]
}
