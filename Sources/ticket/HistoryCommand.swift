import ArgumentParser
import Console
import TicketViews
import Tickets

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show who changed what of a ticket, from what to what, and when.",
        discussion: "With --json one event a line, oldest first."
    )

    @Argument(help: "Ticket.") var id: String
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let session = try await run.connect(options)
            let ticket = try await session.ticketWithHistory(id)
            guard !options.json else {
                var output = LineOutput()
                for event in ticket.events { output.append(TicketJSON.event(event, ticket: ticket.id)) }
                output.flush()
                return ExitStatus.done
            }
            let time = ViewTime.onTheWall(now: try await session.desk.now())
            let view = HistoryView(time: time, style: .ofResults, width: Terminal.resultWidth)
            var output = LineOutput()
            for event in ticket.events { view.lines(event).forEach { output.append($0) } }
            output.flush()
            return ExitStatus.done
        }
    }
}
