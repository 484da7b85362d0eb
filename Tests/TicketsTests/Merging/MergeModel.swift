import BSON
import SimulatedStore

@testable import Tickets

/// What a merge should come to, by another way: whole states as dictionaries, sets of tags, no events.
struct MergeModel {
    struct State: Equatable {
        var values: [String: String] = [:]
        var tags: Set<String> = []
    }

    struct Result: Equatable {
        var values: [String: String] = [:]
        var tags: Set<String> = []
        var conflicts: Set<String> = []
    }

    /// What the agent saw, what is stored now, and which fields anybody set meanwhile.
    var seen = State()
    var now = State()

    func result(_ intent: TicketIntent, _ choice: ConflictChoice) -> Result {
        var result = Result(values: now.values, tags: now.tags)
        for assignment in intent.assignments where assignment.field != .tags {
            let name = assignment.field.name
            let mine = assignment.value.string
            let theirs = now.values[name]
            let isTheirsNew = theirs != seen.values[name]
            let isClaimed = intent.claims && theirs != nil && theirs != mine
            if isClaimed {
                result.conflicts.insert(name)
            } else if !isTheirsNew || theirs == mine {
                result.values[name] = mine
            } else if let side = choice.sides[assignment.field] ?? choice.standard {
                if side == .mine { result.values[name] = mine }
            } else {
                result.conflicts.insert(name)
            }
        }
        if let wanted = intent.assignments.first(where: { $0.field == .tags })?.value.strings.map(Set.init) {
            let dropped = seen.tags.subtracting(wanted).union(intent.removedTags)
            let brought = wanted.subtracting(seen.tags).union(intent.addedTags)
            result.tags = now.tags.union(brought).subtracting(dropped)
        } else {
            result.tags = now.tags.union(intent.addedTags).subtracting(intent.removedTags)
        }
        return result
    }
}

/// A random ticket, what others did to it after the agent looked, and what the agent wants.
struct MergeCase {
    static let fields: [(TicketField, [String])] = [
        (.priority, ["low", "high"]), (.status, ["open", "pending"]), (.assignee, ["ann", "bob"]),
        (.group, ["net", "db"]), (.subject, ["one", "two"]), (TicketField(stored: "custom.c"), ["p", "q"]),
    ]
    static let tags = ["a", "b", "c", "d"]

    var history: TicketHistory
    let seenVersion: Int64
    var model = MergeModel()
    let intent: TicketIntent
    let choice: ConflictChoice

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        history = TicketHistory("1", [(.subject, "one"), (.status, "open")])
        model.now.values = ["subject": "one", "status": "open"]
        for _ in 0..<random.nextIndex(below: 5) { Self.someoneActs(&random, &history, &model.now) }
        seenVersion = history.ticket.version
        model.seen = model.now
        for _ in 0..<random.nextIndex(below: 6) { Self.someoneActs(&random, &history, &model.now) }
        intent = Self.intent(&random)
        choice = Self.choice(&random)
    }

    private static func someoneActs(
        _ random: inout SplitMix64,
        _ history: inout TicketHistory,
        _ state: inout MergeModel.State
    ) {
        if random.chance(1, in: 5) { return history.comment("hello") }
        if random.chance(1, in: 3) {
            let next = Set(tags.filter { _ in random.chance(1, in: 2) })
            guard next != state.tags else { return }
            state.tags = next
            return history.set(.tags, .texts(next.sorted()))
        }
        let (field, values) = random.pick(fields)
        let mayBeEmpty = field != .status && field != .subject
        let value: String? = mayBeEmpty && random.chance(1, in: 3) ? nil : random.pick(values)
        guard value != state.values[field.name] else { return }
        state.values[field.name] = value
        history.set(field, .text(value))
    }

    private static func intent(_ random: inout SplitMix64) -> TicketIntent {
        if random.chance(1, in: 6) { return .claim(by: random.pick(["ann", "bob", "zoe"])) }
        var intent = TicketIntent(.edit)
        for (field, values) in fields where random.chance(1, in: 2) {
            let mayBeEmpty = field != .status && field != .subject
            let value: String? = mayBeEmpty && random.chance(1, in: 3) ? nil : random.pick(values)
            intent.assignments.append(.init(field, .text(value)))
        }
        if random.chance(1, in: 3) {
            intent.assignments.append(.init(.tags, .texts(tags.filter { _ in random.chance(1, in: 2) })))
        }
        if random.chance(1, in: 2) { intent.addedTags = tags.filter { _ in random.chance(1, in: 3) } }
        if random.chance(1, in: 2) { intent.removedTags = tags.filter { _ in random.chance(1, in: 3) } }
        if random.chance(1, in: 3) { intent.comment = .init(text: "mine", isInternal: random.chance(1, in: 2)) }
        return intent
    }

    private static func choice(_ random: inout SplitMix64) -> ConflictChoice {
        let sides: [ConflictChoice.Side] = [.mine, .theirs]
        var choice = ConflictChoice(standard: random.chance(1, in: 2) ? nil : random.pick(sides))
        for (field, _) in fields where random.chance(1, in: 4) { choice.sides[field] = random.pick(sides) }
        return choice
    }
}
