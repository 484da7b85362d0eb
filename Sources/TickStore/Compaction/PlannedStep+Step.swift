import MarketData

extension PlannedStep {
    init(_ step: CompactionStep, _ instrument: String) {
        action =
            switch step {
            case .seal: .seal
            case .rollUp: .rollUp
            case .removeReplaced: .removeReplaced
            case .delete: .delete
            case .finalizeHour, .finalizeDay: .finalizeCandles
            }
        rule = if case .delete(_, let rule) = step { rule.description } else { nil }
        self.instrument = instrument
        buckets = step.members.map(\.id)
        events = step.members.reduce(0) { $0 + Int($1.state.eventCount) }
        bytes = step.members.reduce(0) { $0 + $1.state.blockBytes }
    }
}
