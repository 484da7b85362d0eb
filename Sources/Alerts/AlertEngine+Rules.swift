extension AlertEngine {
    /// Puts other rules in force.
    ///
    /// A rule that is in both lists with nothing changed goes on where it was: its windows, what it told, its counts.
    /// Everything else begins anew, and a condition that holds already is told with the next event.
    ///
    /// - Throws: `duplicateName`; nothing has changed then.
    package mutating func replaceRules(_ rules: [AlertRule]) throws(AlertRuleError) {
        var book = try AlertBook(rules)
        let change = RuleChange(rules: rules, numbers: self.book.move(to: &book))
        self.book = book
        let old = self
        (levels, moves, volumes, spreads) = (WatchTable(), WatchTable(), WatchTable(), WatchTable())
        (silences, gaps, rejects, tickets) = (WatchTable(), WatchTable(), WatchTable(), WatchTable())
        for (number, lane) in old.lanes.enumerated() {
            let instrument = instruments[number]
            let includes: (AlertScope) -> Bool = { $0.includes(instrument) }
            lanes[number].levels = levels.append(change, where: includes, from: old.levels, lane.levels)
            lanes[number].moves = moves.append(change, where: includes, from: old.moves, lane.moves)
            lanes[number].volumes = volumes.append(change, where: includes, from: old.volumes, lane.volumes)
            lanes[number].spreads = spreads.append(change, where: includes, from: old.spreads, lane.spreads)
            lanes[number].silences = silences.append(change, where: includes, from: old.silences, lane.silences)
        }
        for (number, lane) in old.sourceLanes.enumerated() {
            let name = sources[number]
            let includes: (AlertScope) -> Bool = { $0.includes(source: name) }
            sourceLanes[number].silences = silences.append(change, where: includes, from: old.silences, lane.silences)
            sourceLanes[number].gaps = gaps.append(change, where: includes, from: old.gaps, lane.gaps)
            sourceLanes[number].rejects = rejects.append(change, where: includes, from: old.rejects, lane.rejects)
        }
        ticketSpan = tickets.append(change, where: { $0 == .tickets }, from: old.tickets, ticketSpan)
    }
}
