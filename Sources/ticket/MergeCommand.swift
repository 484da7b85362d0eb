import ArgumentParser
import Console
import Settings
import TicketViews
import Tickets

struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge a ticket into another one, which then shows its thread, too.",
        usage: "ticket merge <id> into <target> [<options>]"
    )

    @Argument(help: "The ticket that is closed.") var id: String
    @Argument(help: ArgumentHelp("The ticket that stays, with or without 'into' before it.", valueName: "into target"))
    var target: [String]
    @OptionGroup var options: DeskOptions

    func validate() throws {
        guard target.count == 1 && target != ["into"] || target.count == 2 && target[0] == "into" else {
            throw ValidationError("say which ticket goes into which: merge 1042 into 1043")
        }
    }

    func run() async {
        await endingProcess { run in
            let agent = try options.agent(atLeast: .agent, to: "merge")
            let session = try await run.connect(options)
            let merged = try await session.ticket(id)
            let kept = try await session.ticket(target.last ?? "")
            let outcome = try await session.desk.merge(merged.id, into: kept.id, by: agent)
            let report = ChangeReport(session: session, json: options.json, agent: agent)
            switch outcome {
            case .saved(let ticket):
                try await report.tell(ticket, line: "\(merged.id): merged into \(ticket.id)")
            case .unchanged(let ticket):
                try await report.tell(ticket, line: "\(merged.id): is merged into \(ticket.id) already")
            case .conflict:
                return try await report.tell(outcome, before: merged, TicketIntent(.merge), run.unsaved)
            }
            return ExitStatus.done
        }
    }
}
