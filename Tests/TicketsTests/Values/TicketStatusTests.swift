import BSON
import Testing

@testable import Tickets

@Suite struct TicketStatusTests {
    /// Every pair, written out by hand: from, and the steps that are allowed.
    static let table: [(from: TicketStatus, to: Set<TicketStatus>)] = [
        (.new, [.open, .pending, .onHold, .resolved, .closed]),
        (.open, [.pending, .onHold, .resolved, .closed]),
        (.pending, [.open, .onHold, .resolved, .closed]),
        (.onHold, [.open, .pending, .resolved, .closed]),
        (.resolved, [.open, .closed]),
        (.closed, [.open]),
    ]

    @Test func everyPairIsAllowedOrRefused() {
        #expect(Set(Self.table.map(\.from)) == Set(TicketStatus.allCases))
        for (from, allowed) in Self.table {
            for to in TicketStatus.allCases {
                var ticket = Ticket(id: "1")
                ticket.status = from
                let step = FieldChange(.status, from: .string(from.rawValue), to: .string(to.rawValue))
                let isAllowed = allowed.contains(to) || from == to
                #expect(refusal(of: [step], on: ticket)?.code == (isAllowed ? nil : .invalidStep), "\(from) to \(to)")
            }
        }
    }

    @Test func nextStepsAreThoseOfTheTable() {
        for (from, allowed) in Self.table {
            #expect(Set(from.nextSteps) == allowed)
            #expect(from.nextSteps.count == allowed.count)
        }
    }

    @Test func refusalNamesTheStepsThatAreAllowed() throws {
        var ticket = Ticket(id: "7")
        ticket.status = .closed
        let error = try #require(refusal(of: [FieldChange(.status, from: "closed", to: "pending")], on: ticket))
        #expect(error.message.contains("ticket 7 is closed and cannot become pending; it can become open"))
    }

    @Test func otherFieldsAreNoSteps() {
        #expect(refusal(of: [FieldChange(.subject, from: "a", to: "b")], on: Ticket(id: "1")) == nil)
    }

    @Test func namesAreThoseOfTheDocuments() {
        #expect(TicketStatus.allCases.map(\.rawValue) == ["new", "open", "pending", "on_hold", "resolved", "closed"])
        #expect(TicketStatus.allCases.filter(\.isSettled) == [.resolved, .closed])
    }

    private func refusal(of changes: [FieldChange], on ticket: Ticket) -> TicketError? {
        do throws(TicketError) {
            try ticket.check(changes)
            return nil
        } catch {
            return error
        }
    }
}
