import BSON
import DocumentStore
import Tickets

/// The load through the desk: every save says which version the agent had seen.
struct VersionedDesk: LoadTarget {
    struct Answer: Sendable {
        enum Outcome: Sendable {
            /// Stored; the version of the ticket that came back.
            case saved(Int64)
            /// Nothing to do, by that version.
            case unchanged(Int64)
            /// Refused on that version.
            case conflict(Int64, [FieldConflict])
            /// Nothing was stored.
            case failed(String)
            /// It was not to be found out whether it was stored.
            case unknown(String)
        }

        let seen: Int64
        let outcome: Outcome
    }

    let desk: TicketDesk
    /// The tickets by their place in the load.
    let ids: [String]

    /// Creates the tickets of a load.
    static func make(_ desk: TicketDesk, tickets: Int, seed: UInt64) async throws -> VersionedDesk {
        var ids: [String] = []
        for ticket in 0..<tickets {
            let start = LoadStart(ticket: ticket, seed: seed)
            let new = NewTicket(
                subject: start.subject,
                requester: start.requester,
                description: start.description,
                priority: start.priority,
                group: start.group
            )
            ids.append(try await desk.create(new, by: "bench").id)
        }
        return VersionedDesk(desk: desk, ids: ids)
    }

    func look(at ticket: Int) async throws -> Ticket {
        guard let found = try await desk.find(ids[ticket]) else {
            throw StoreError(.refused, "ticket \(ids[ticket]) is gone")
        }
        return found
    }

    func values(of view: Ticket) -> FieldValues {
        var values: FieldValues = [:]
        for field in LoadField.allCases { values[field] = view[field.ticketField].string }
        return values
    }

    func save(
        _ change: PlannedChange,
        on view: Ticket,
        ticket: Int,
        by agent: Int,
        number: Int
    ) async -> Answer {
        await save(change.intent, view, TicketText.agent(agent))
    }

    private func save(_ intent: TicketIntent, _ view: Ticket, _ agent: String) async -> Answer {
        let outcome: Answer.Outcome
        do {
            switch try await desk.save(intent, on: view.id, by: agent, seen: view.version) {
            case .saved(let ticket): outcome = .saved(ticket.version)
            case .unchanged(let ticket): outcome = .unchanged(ticket.version)
            case .conflict(let ticket, let conflicts): outcome = .conflict(ticket.version, conflicts)
            }
        } catch let error as TicketError where error.code == .unknownOutcome {
            outcome = .unknown("\(error)")
        } catch {
            outcome = .failed("\(error)")
        }
        return Answer(seen: view.version, outcome: outcome)
    }
}

/// How a ticket is before the load.
struct LoadStart: Sendable {
    let subject: String
    let requester: String
    let description: String
    let priority: TicketPriority
    let group: String

    init(ticket: Int, seed: UInt64) {
        var random = SeededRandom(seed: ~seed, stream: ticket)
        subject = TicketText.text(words: 8, &random)
        requester = "customer\(ticket)@example.com"
        description = TicketText.text(words: 60, &random)
        priority = random.element(of: TicketPriority.allCases)
        group = TicketText.group(random.index(below: LoadMix.groupCount))
    }

    var values: FieldValues {
        [.subject: subject, .status: TicketStatus.new.rawValue, .priority: priority.rawValue, .group: group]
    }
}
