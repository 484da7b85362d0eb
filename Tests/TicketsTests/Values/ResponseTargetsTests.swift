import SimulatedStore
import Testing

@testable import Tickets

@Suite struct ResponseTargetsTests {
    private let created: Int64 = 1_000_000

    private func due(
        _ priority: TicketPriority?,
        status: TicketStatus = .new,
        answered: Bool = false,
        _ targets: ResponseTargets = .standard
    ) -> Int64? {
        targets.dueTime(
            status: status,
            priority: priority,
            createdAt: created,
            firstResponseAt: answered ? created + 1 : nil
        ).map { ($0 - created) / 1_000 }
    }

    @Test func prioritiesHaveRanks() {
        #expect(TicketPriority.allCases.map(\.rawValue) == ["low", "normal", "high", "urgent"])
        #expect(TicketPriority.allCases.map(\.rank) == [0, 1, 2, 3])
    }

    @Test func firstTheAnswerIsDueThenTheResolution() {
        let hour: Int64 = 3_600
        let table: [(TicketPriority?, Int64, Int64)] = [
            (.urgent, 1 * hour, 8 * hour), (.high, 4 * hour, 24 * hour), (.normal, 8 * hour, 72 * hour),
            (.low, 24 * hour, 168 * hour), (nil, 8 * hour, 72 * hour),
        ]
        for (priority, answer, resolution) in table {
            #expect(due(priority) == answer)
            #expect(due(priority, answered: true) == resolution)
        }
    }

    @Test func nothingIsDueOfWhatIsSettled() {
        for status in TicketStatus.allCases {
            #expect((due(.urgent, status: status) == nil) == (status == .resolved || status == .closed))
        }
    }

    @Test func targetsMayBeMissing() {
        var targets = ResponseTargets([.high: .init(firstResponse: nil, resolution: 60)])
        #expect(due(.high, targets) == 60)
        #expect(due(.low, targets) == nil)
        #expect(due(nil, targets) == nil)
        targets[.low] = .init(firstResponse: 90, resolution: nil)
        #expect(due(.low, targets) == 90)
        #expect(due(.low, answered: true, targets) == nil)
        // A resolution that is due before the answer is what is due first.
        targets[.high] = .init(firstResponse: 90, resolution: 60)
        #expect(due(.high, targets) == 60)
    }

    @Test func overdueIsWhatWasDueBefore() {
        var ticket = Ticket(id: "1")
        #expect(!ticket.isOverdue(at: .max))
        ticket.dueAt = 100
        #expect(!ticket.isOverdue(at: 100))
        #expect(ticket.isOverdue(at: 101))
    }
}
