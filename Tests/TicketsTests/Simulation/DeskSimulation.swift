import BSON
import DocumentStore
import SimulatedStore

@testable import Tickets

/// Agents who change tickets at the same time while the store fails as a network does.
///
/// Every action has an actor of its own, so that its events are told apart in the histories.
struct DeskSimulation {
    struct Action: Sendable {
        let actor: String
        let ticket: String
        let intent: TicketIntent
        let seen: Int64
        var result = Result.refused
    }

    enum Result: Sendable, Equatable {
        case saved(version: Int64)
        case conflict([FieldConflict])
        /// Nothing was to be done, or it was not possible.
        case refused
        case unknown
    }

    static let tags = ["red", "green", "blue"]

    let stand: DeskStand
    let seed: UInt64
    /// What every second agent adds to documents, by a program that is newer by a minor addition; nil for nothing.
    let added: AddedFields?
    private let actions = Mutexed([Action]())

    init(seed: UInt64, faults: FaultPlan, added: AddedFields? = nil) {
        self.seed = seed
        self.added = added
        stand = DeskStand(seed: seed, faults: faults, deadline: .seconds(20))
    }

    /// Lets everything happen; what is wrong then, if anything.
    func run(agents: Int, tickets: Int, actionsEach: Int) async throws -> [String] {
        let faults = stand.store.faults
        stand.store.faults = FaultPlan()
        for number in 0..<tickets { _ = try await stand.desk().create(.about("subject \(number)"), by: "creator") }
        stand.store.faults = faults
        let scheduler = SimulatedScheduler(seed: seed)
        for agent in 0..<agents {
            let newer = agent % 2 == 0 ? added.map { NewerProgramStore(stand.store, $0) } : nil
            let desk = stand.desk(over: newer)
            let seed = seed &* 1_000 &+ UInt64(agent)
            scheduler.start {
                var random = SplitMix64(seed: seed)
                var known: [String: Int64] = [:]
                for number in 0..<actionsEach {
                    await act(desk, "agent\(agent).\(number)", &random, &known, ticketCount: tickets)
                }
            }
        }
        scheduler.run()
        return try await problems()
    }

    private func act(
        _ desk: TicketDesk,
        _ actor: String,
        _ random: inout SplitMix64,
        _ known: inout [String: Int64],
        ticketCount: Int
    ) async {
        let id = String(1 + random.nextIndex(below: ticketCount))
        // Most agents look first; some go by what they saw before.
        if known[id] == nil || random.chance(2, in: 3) {
            guard let ticket = try? await desk.find(id) else { return }
            known[id] = ticket.version
        }
        let seen = known[id] ?? 1
        var action = Action(actor: actor, ticket: id, intent: Self.intent(&random, actor), seen: seen)
        let choices: [ConflictChoice] = [.report, .report, .rebase, ConflictChoice(standard: .theirs)]
        do {
            let choice = random.pick(choices)
            switch try await desk.save(action.intent, on: id, by: actor, seen: seen, choice: choice) {
            case .saved(let ticket):
                action.result = .saved(version: ticket.version)
                known[id] = ticket.version
            case .unchanged(let ticket): known[id] = ticket.version
            case .conflict(let ticket, let conflicts):
                action.result = .conflict(conflicts)
                known[id] = ticket.version
            }
        } catch let error as TicketError where error.code == .unknownOutcome {
            action.result = .unknown
        } catch {}
        let done = action
        actions.with { $0.append(done) }
    }

    private static func intent(_ random: inout SplitMix64, _ actor: String) -> TicketIntent {
        switch random.nextIndex(below: 10) {
        case 0...3: return .comment("text of \(actor)", isInternal: random.chance(1, in: 4))
        case 4: return .set(.priority, .string(random.pick(TicketPriority.allCases).rawValue))
        case 5: return .set(.subject, .string("subject by \(actor)"))
        case 6: return .set(.assignee, random.chance(1, in: 3) ? .null : .string(random.pick(["ann", "bob"])))
        case 7:
            return TicketIntent(.tag, addedTags: [random.pick(tags)], removedTags: [random.pick(tags)])
        case 8:
            var intent = TicketIntent.set(.status, .string(random.pick(TicketStatus.allCases).rawValue))
            intent.comment = .init(text: "text of \(actor)")
            return intent
        default: return .claim(by: random.pick(["ann", "bob", "carol"]))
        }
    }

    /// How many actions ended how.
    var tally: (saved: Int, conflicts: Int, unknown: Int) {
        actions.with { actions in
            var tally = (saved: 0, conflicts: 0, unknown: 0)
            for action in actions {
                switch action.result {
                case .saved: tally.saved += 1
                case .conflict: tally.conflicts += 1
                case .unknown: tally.unknown += 1
                case .refused: break
                }
            }
            return tally
        }
    }

    private func problems() async throws -> [String] {
        var problems = try await stand.problems()
        stand.store.faults = FaultPlan()
        var events: [String: [TicketEvent]] = [:]
        for document in stand.store.documents(in: SupportRequestsCollection.name) {
            let id = document[DocumentField.id]?.string ?? ""
            events[id] = try await stand.history(id)
            problems += FoldModel(events[id] ?? []).differences(from: document)
        }
        let all = actions.with { $0 }
        for action in all { problems += self.problems(of: action, events[action.ticket] ?? []) }
        let actors = Set(all.map(\.actor)).union(["creator"])
        let strangers = events.values.joined().filter { !actors.contains($0.actor ?? "") }
        if !strangers.isEmpty { problems.append("\(strangers.count) events are nobody's") }
        return problems
    }

    private func problems(of action: Action, _ events: [TicketEvent]) -> [String] {
        let own = events.filter { $0.actor == action.actor }
        switch action.result {
        case .saved(let version):
            guard own.count == 1, let event = own.first else { return ["\(action.actor) has \(own.count) events"] }
            if event.sequence > version { return ["\(action.actor) was told version \(version)"] }
            return event.operation == action.intent.operation ? [] : ["\(action.actor) has another operation"]
        case .refused: return own.isEmpty ? [] : ["\(action.actor) was refused, and has an event"]
        case .unknown: return own.count <= 1 ? [] : ["\(action.actor) has \(own.count) events"]
        case .conflict(let conflicts):
            if !own.isEmpty { return ["\(action.actor) was in conflict, and has an event"] }
            return conflicts.compactMap { conflict in
                let isReal = events.contains { event in
                    event.actor == conflict.by && event.time == conflict.at
                        && event.change(of: conflict.field)?.change.to == conflict.theirs
                }
                return isReal ? nil : "\(action.actor) was told of a change that is not there"
            }
        }
    }
}

/// The fields that a history leads to, by the plainest way: the last value that anybody gave them.
struct FoldModel {
    private var values: [String: BSONValue] = ["tags": []]
    private var comments: Int64 = 0
    private var requesters: [String] = []

    init(_ events: [TicketEvent]) {
        for event in events {
            for change in event.changes {
                let name = change.change.field.name
                if name == "comment" { comments += 1 } else if name != "internal" { values[name] = change.change.to }
            }
        }
    }

    func differences(from document: BSONDocument) -> [String] {
        let names = ["subject", "description", "status", "priority", "assignee", "group", "tags", "requester"]
        var differences = names.filter { document[$0] ?? .null != values[$0] ?? .null }
        if document["comment_count"]?.integer != comments { differences.append("comment_count") }
        return differences.map { "\($0) is not what was set last" }
    }
}
