import ArgumentParser
import Console
import JSONOutput
import TicketViews
import Tickets

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print whole tickets with comments and histories, one JSON document a line.",
        discussion: """
            Each line is {"ticket": …, "history": […]}. With --requester, tickets count whose requester that address \
            ever was: all that is stored about a person. Of tickets of others the line has what the person wrote.
            """
    )

    @OptionGroup(title: "Which tickets") var filters: ListFilters
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let agent = filters.mine ? try options.agent() : nil
            let session = try await run.connect(options)
            let now = try await session.desk.now()
            var query = try filters.query(limit: .max, now: now) { try agent ?? options.agent() }
            query.isAscending = true
            query.requesterEver = query.requester
            query.requester = nil
            try await export(query, session)
            if let requester = filters.requester { try await reportRejects(of: requester, session) }
            return ExitStatus.done
        }
    }

    private func export(_ query: TicketQuery, _ session: DeskSession) async throws {
        var pages = session.desk.list(query)
        var output = LineOutput()
        while true {
            let page = try await pages.next()
            if page.isEmpty { break }
            for row in page {
                // One that went meanwhile was removed by somebody else.
                guard let ticket = try await session.desk.ticketWithHistory(row.id) else { continue }
                output.append(Self.document(ticket, of: query.requesterEver))
            }
        }
        output.flush()
    }

    /// The whole ticket; of one that was never the person's, what the person wrote.
    private static func document(_ ticket: Ticket, of person: String?) -> JSONText {
        let isTheirs = person.map(ticket.hasBelonged) ?? true
        let events = ticket.events.filter { isTheirs || $0.actor?.lowercased() == person?.lowercased() }
        return .object([
            ("ticket", isTheirs ? TicketJSON.ticket(ticket) : .object([("id", .string(ticket.id))])),
            ("history", .array(events.map { TicketJSON.event($0, ticket: ticket.id) })),
        ])
    }

    private func reportRejects(of requester: String, _ session: DeskSession) async throws {
        let rejects = try await session.desk.erasureCounts(of: requester).rejects
        guard rejects > 0 else { return }
        Terminal.error(
            "\(Terminal.program): \(rejects.grouped) rejected records of imports hold this address, too, and are not "
                + "exported; 'ticket erase' removes them"
        )
    }
}
