import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// What lists show, by a model that filters and sorts whole tickets.
@Suite struct ListTests {
    @Test func listsAreWhatTheModelSays() async throws {
        let stand = DeskStand()
        var population = TicketPopulation(seed: 1)
        try await TicketPopulation.store(population.creations(), in: stand.store)
        var tickets: [Ticket] = []
        for document in stand.store.documents(in: SupportRequestsCollection.name) {
            tickets.append(try Ticket(document))
        }
        for seed in Seeds.list(1...60) {
            var random = TicketPopulation(seed: seed)
            let query = random.query()
            let expected = tickets.filter { query.shows($0) }
            let sorted = query.sort(expected).prefix(query.limit).map(\.id)
            #expect(try await stand.desk().ids(query) == Array(sorted), "seed \(seed): \(query)")
            #expect(try await stand.desk().count(query) == expected.count, "seed \(seed): \(query)")
        }
    }

    @Test func listedTicketsLackOnlyWhatListsDoNotShow() async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        let whole = try #require(try await stand.desk().find("1"))
        var pages = stand.desk().list(TicketQuery(limit: 5))
        var listed = try #require(try await pages.next().first)
        #expect(listed.description == nil)
        listed.description = whole.description
        listed.terms = whole.terms
        listed.headHash = whole.headHash
        #expect(listed == whole)
        #expect(try await pages.next() == [])
    }
}

extension TicketQuery {
    fileprivate func shows(_ ticket: Ticket) -> Bool {
        let words = Set(SearchTerms.words([ticket.subject ?? ""]))
        return (statuses.isEmpty || statuses.contains(ticket.status))
            && (priorities.isEmpty || ticket.priority.map(priorities.contains) ?? false)
            && (!isUnassigned || ticket.assignee == nil)
            && (isUnassigned || assignees.isEmpty || ticket.assignee.map(assignees.contains) ?? false)
            && (groups.isEmpty || ticket.group.map(groups.contains) ?? false)
            && tags.allSatisfy(ticket.tags.contains)
            && (requester == nil || ticket.requester == requester)
            && (requesterEver.map { ticket.requesters.contains($0.lowercased()) } ?? true)
            && self.words.allSatisfy(words.contains)
            && prefixes.allSatisfy { prefix in words.contains { $0.hasPrefix(prefix) } }
            && ticket.createdAt >= createdFrom ?? .min && ticket.createdAt < createdBefore ?? .max
            && (dueBefore == nil || ticket.dueAt.map { $0 < dueBefore ?? 0 } ?? false)
    }

    /// What has no value comes first where values ascend; the id decides between equals.
    ///
    /// Within a priority the time of creation decides before that.
    fileprivate func sort(_ tickets: [Ticket]) -> [Ticket] {
        func key(_ ticket: Ticket) -> (Int64, Int64, String) {
            switch order {
            case .created: (ticket.createdAt, 0, ticket.id)
            case .updated: (ticket.updatedAt, 0, ticket.id)
            case .priority: (ticket.priority?.rank ?? -1, ticket.priority == nil ? 0 : ticket.createdAt, ticket.id)
            case .due: (ticket.dueAt ?? -1, 0, ticket.id)
            }
        }
        return tickets.sorted { isAscending ? key($0) < key($1) : key($0) > key($1) }
    }
}
