import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// Two thousand tickets, and what lists are asked of them.
struct TicketPopulation {
    static let count = 2_000
    static let agents = ["ann", "bob", "carol", "dave"]
    static let groups = ["hardware", "network", "billing"]
    static let tags = ["vip", "fire", "printer", "late"]
    static let words = ["refund", "refuse", "printer", "网络", "straße", "payment", "pay", "login", "x9"]
    static let requesters = (0..<50).map { "r\($0)@example.com" }
    private static let hour: Int64 = 3_600_000

    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// The changes that create the tickets.
    mutating func creations() -> [VersionedChange] {
        let context = EventContext(targets: .standard, salt: { [UInt8](repeating: 1, count: 16) })
        return (1...Self.count).map { number in
            var changes: [(TicketField, BSONValue)] = [
                (.subject, .string(random.pick(Self.words) + " " + random.pick(Self.words))),
                (.requester, .string(random.pick(Self.requesters))),
                (.status, .string(random.pick(TicketStatus.allCases).rawValue)),
            ]
            if random.chance(7, in: 8) {
                changes.append((.priority, .string(random.pick(TicketPriority.allCases).rawValue)))
            }
            if random.chance(2, in: 3) { changes.append((.assignee, .string(random.pick(Self.agents)))) }
            if random.chance(2, in: 3) { changes.append((.group, .string(random.pick(Self.groups)))) }
            let tags = Self.tags.filter { _ in random.chance(1, in: 3) }
            if !tags.isEmpty { changes.append((.tags, .texts(tags))) }
            let draft = EventDraft(
                operation: .create,
                actor: "ann",
                // Many are created in the same hour, so that their ids decide.
                time: SimulatedStore.timeAtStart + Int64(random.nextIndex(below: 200)) * Self.hour,
                operationID: ObjectID(high: 5, low: UInt64(number)),
                changes: changes.map { FieldChange($0.0, from: .null, to: $0.1) }
            )
            let (ticket, event) = Ticket(id: String(number)).advanced(by: draft, context)
            return ticket.creation(event)
        }
    }

    /// A query with some filters and any order.
    mutating func query() -> TicketQuery {
        var query = TicketQuery(limit: random.chance(1, in: 3) ? .max : 1 + random.nextIndex(below: 60))
        for _ in 0..<random.nextIndex(below: 4) {
            Self.filters[random.nextIndex(below: Self.filters.count)].add(&query, &random)
        }
        query.order = random.pick(TicketQuery.Order.allCases)
        query.isAscending = random.chance(1, in: 2)
        return query
    }

    struct Filter: Sendable {
        let name: String
        /// The index that answers it in the order of creation.
        var index: String?
        let add: @Sendable (inout TicketQuery, inout SplitMix64) -> Void
    }

    /// Every filter that lists offer.
    static let filters: [Filter] = [
        Filter(name: "status", index: "status_and_created_at") { query, random in
            query.statuses = [random.pick(TicketStatus.allCases)]
        },
        Filter(name: "statuses") { query, random in
            query.statuses = TicketStatus.allCases.filter { _ in random.chance(1, in: 2) }
        },
        Filter(name: "priority", index: "priority_rank_and_created_at") { query, random in
            query.priorities = [random.pick(TicketPriority.allCases)]
        },
        Filter(name: "priorities") { query, _ in query.priorities = [.high, .urgent] },
        Filter(name: "assignee", index: "assignee_and_created_at") { query, random in
            query.assignees = [random.pick(agents)]
        },
        Filter(name: "assignees") { query, _ in query.assignees = ["ann", "bob", "nobody"] },
        Filter(name: "unassigned", index: "assignee_and_created_at") { query, _ in query.isUnassigned = true },
        Filter(name: "group", index: "group_and_created_at") { query, random in query.groups = [random.pick(groups)] },
        Filter(name: "tag", index: "tags_and_created_at") { query, random in query.tags = [random.pick(tags)] },
        Filter(name: "tags") { query, _ in query.tags = ["vip", "fire"] },
        Filter(name: "requester", index: "requester_and_created_at") { query, random in
            query.requester = random.pick(requesters)
        },
        Filter(name: "requester ever") { query, random in
            query.requesterEver = random.pick(requesters).uppercased()
        },
        Filter(name: "word", index: "terms_and_created_at") { query, random in query.search(random.pick(words)) },
        Filter(name: "words") { query, random in query.search(random.pick(words) + " " + random.pick(words)) },
        Filter(name: "prefix") { query, _ in query.search("refu*") },
        Filter(name: "created from") { query, random in
            query.createdFrom = SimulatedStore.timeAtStart + Int64(random.nextIndex(below: 200)) * hour
        },
        Filter(name: "created before") { query, random in
            query.createdBefore = SimulatedStore.timeAtStart + Int64(random.nextIndex(below: 200)) * hour
        },
        Filter(name: "overdue") { query, random in
            query.dueBefore = SimulatedStore.timeAtStart + Int64(random.nextIndex(below: 200)) * hour
        },
    ]

    static func store(_ changes: [VersionedChange], in store: any DocumentStore) async throws {
        for start in stride(from: 0, to: changes.count, by: 500) {
            let outcomes = await store.attempt(Array(changes[start...].prefix(500)))
            #expect(outcomes.allSatisfy { $0 == .applied(.confirmed) })
        }
    }
}

extension TicketDesk {
    /// The ids that a list shows.
    func ids(_ query: TicketQuery) async throws -> [String] {
        var pages = list(query)
        var ids: [String] = []
        while true {
            let page = try await pages.next()
            if page.isEmpty { return ids }
            ids += page.map(\.id)
        }
    }
}
