import ArgumentParser
import Console
import JSONOutput
import Settings
import TicketViews
import Tickets

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a ticket with its thread.",
        discussion: "Others see for two minutes that you are looking at it, unless you may only look."
    )

    @Argument(help: "Ticket: its number, or its id in the system that it came from.") var id: String
    @Flag(name: [.customLong("no-mark"), .long], help: "Leave no mark that you are looking at it.") var quiet = false
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let looker = try looker()
            let session = try await run.connect(options)
            let ticket = try await session.ticketWithHistory(id)
            let merged = try await session.mergedTickets(of: ticket)
            if options.json {
                Terminal.output(TicketJSON.ticket(ticket, merged: merged).text)
            } else {
                let presences = try await session.desk.presences(of: [ticket.id]).filter { $0.agent != looker?.name }
                let time = ViewTime.onTheWall(now: try await session.desk.now())
                let view = ThreadView(time: time, style: .ofResults, width: Terminal.resultWidth)
                var output = LineOutput()
                view.lines(ticket, merged: merged, presences: presences).forEach { output.append($0) }
                output.flush()
            }
            if let looker, looker.leavesMark { _ = await session.desk.mark(.looking, ticket.id, by: looker.name) }
            return ExitStatus.done
        }
    }

    /// Who looks; nil where nobody can be named, which does not hinder looking.
    private func looker() throws -> (name: String, leavesMark: Bool)? {
        let name: String
        if options.agentName == nil {
            guard let known = try? options.agent() else { return nil }
            name = known
        } else {
            name = try options.agent()
        }
        let role = try options.mongo.config.load().tickets.role(of: name)
        return (name, !quiet && role > Configuration.Role.viewer)
    }
}
