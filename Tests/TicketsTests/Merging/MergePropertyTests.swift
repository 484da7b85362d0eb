import BSON
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct MergePropertyTests {
    @Test func mergeIsWhatTheModelSays() {
        var conflicts = 0
        for seed in Seeds.list(1...4_000) {
            let one = MergeCase(seed: seed)
            let problems = problems(of: one, &conflicts)
            #expect(problems.isEmpty, "\(Seeds.report(seed, "mergeIsWhatTheModelSays", problems))")
        }
        if Seeds.list(1...2).count > 1 { #expect(conflicts > 300, "the cases are too tame") }
    }

    private func problems(of one: MergeCase, _ conflicts: inout Int) -> [String] {
        let ticket = one.history.ticket
        let merge = one.intent.merge(into: ticket, since: one.history.since(one.seenVersion), choice: one.choice)
        let expected = one.model.result(one.intent, one.choice)
        conflicts += expected.conflicts.count
        var problems: [String] = []
        if Set(merge.conflicts.map(\.field.name)) != expected.conflicts {
            problems.append("conflicts are \(merge.conflicts.map(\.field)), not \(expected.conflicts.sorted())")
        }
        for conflict in merge.conflicts { problems += self.problems(of: conflict, in: one) }
        var result = ticket
        for change in merge.changes {
            if ticket[change.field] != change.from { problems.append("\(change.field) did not go from \(change.from)") }
            if change.from == change.to, change.field != .comment { problems.append("\(change.field) did not change") }
            result.set(change.field, change.to)
        }
        for (field, _) in MergeCase.fields where result[field].string != expected.values[field.name] {
            problems.append("\(field) is \(result[field]), not \(expected.values[field.name] ?? "empty")")
        }
        if Set(result.tags) != expected.tags || result.tags.count != expected.tags.count {
            problems.append("tags are \(result.tags), not \(expected.tags.sorted())")
        }
        // Tags that stay keep their order, and new ones come behind them.
        let kept = ticket.tags.filter(expected.tags.contains)
        if Array(result.tags.prefix(kept.count)) != kept { problems.append("tags are in another order") }
        let comments = merge.changes.filter { $0.field == .comment }.map(\.to)
        if comments != (one.intent.comment.map { [.string($0.text)] } ?? []) { problems.append("the comment is lost") }
        return problems
    }

    /// A conflict names both values, and who made theirs and when.
    private func problems(of conflict: FieldConflict, in one: MergeCase) -> [String] {
        let theirs = one.history.ticket[conflict.field]
        let mine = one.intent.assignments.first { $0.field == conflict.field }?.value
        guard conflict.theirs == theirs, conflict.yours == mine, theirs != mine else { return ["a value is wrong"] }
        let last = one.history.since(one.seenVersion).last { $0.change(of: conflict.field) != nil }
        if let last, last.actor != conflict.by || last.time != conflict.at { return ["who or when is wrong"] }
        return []
    }
}
